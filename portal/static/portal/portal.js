/* What scripts add to pages that work without them. Nothing here holds health text: no storage, no cache. */
(() => {
  'use strict';

  // Trusted Types: markup may come only from our own server's answers, script text from nowhere.
  if (window.trustedTypes) window.trustedTypes.createPolicy('default', { createHTML: (html) => html });

  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const on = (event, handler) => document.addEventListener(event, handler);

  function sayItFailed(why) {
    const status = find('#status');
    if (!status) return;
    status.classList.add('bad');
    status.classList.remove('sr');
    status.textContent = find(`meta[name="words-${why}"]`).content;
  }

  // ---- focus: an error summary first, else the part that asks for it
  function focusOn(part) {
    if (!part) return;
    if (!part.hasAttribute('tabindex')) part.tabIndex = -1;
    part.focus({ preventScroll: true });
    part.scrollIntoView({ block: 'nearest' });
  }

  // ---- printing needs a script
  const showPrint = () => all('[data-print]').forEach((button) => { button.hidden = false; });
  on('click', (event) => { if (event.target.closest('[data-print]')) window.print(); });

  function start() { showPrint(); focusOn(find('.errors, [data-help]')); }
  if (document.readyState === 'loading') on('DOMContentLoaded', start); else start();

  // ---- one press, one message: a second press while the first is on its way does nothing
  on('submit', (event) => {
    const form = event.target;
    if (form.dataset.sending) { event.preventDefault(); return; }
    form.dataset.sending = 'yes';
    all('button[type=submit]', form).forEach((button) => button.setAttribute('aria-disabled', 'true'));
    // A file leaves the page standing.
    if (form.dataset.saves) { find('#status').textContent = form.dataset.saves; setTimeout(release, 3000); }
  });
  function release() {
    all('form[data-sending]').forEach((form) => {
      delete form.dataset.sending;
      all('button[aria-disabled]', form).forEach((button) => button.removeAttribute('aria-disabled'));
    });
  }
  // Back may show a page as it was left.
  window.addEventListener('pageshow', release);

  // ---- Ctrl+Enter sends from inside a writing box
  on('keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || !event.target.matches('textarea')) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  });

  // ---- parts swapped by htmx
  on('htmx:beforeSwap', ({ detail }) => {
    const answer = detail.xhr.responseURL;
    // A session that ended answers with the sign-in page: that is a page to go to, not a part to paste in.
    if (answer && new URL(answer).pathname.startsWith('/sign-in')) {
      detail.shouldSwap = false;
      location.assign(answer);
    }
    // What was written is sent: focus goes on to the answer, not into the empty box.
    if (detail.requestConfig.verb === 'post' && detail.xhr.status < 400) document.activeElement.blur();
  });
  on('htmx:afterSettle', ({ detail }) => {
    release();
    showPrint();
    let part = detail.target;
    if (!part || part.id === 'status') return;
    part = (part.isConnected ? part : document.getElementById(part.id)) || document;
    const errors = find('.errors, [data-help]', part);
    if (errors) focusOn(errors);
    else if (document.activeElement === document.body) focusOn(find('[data-focus]', part) || find('main'));
  });
  // Another language is shown at the place where the page is by then.
  on('htmx:pushedIntoHistory', ({ detail }) => {
    all('[data-language] [name=next]').forEach((field) => { field.value = detail.path; });
  });
  on('htmx:sendError', () => { release(); sayItFailed('offline'); });
  on('htmx:responseError', ({ detail }) => {
    release();
    const form = detail.xhr.status === 401 && detail.elt.closest('form');
    if (form) signedOut(form); else sayItFailed('failed');
  });
  const signedOut = (form) => document.dispatchEvent(new CustomEvent('portal:signed-out', { detail: form }));

  // ---- the end of a session is told two minutes before, and one press stays
  const idle = find('meta[name="session-idle"]');
  const dialog = find('#session-end');
  if (!idle || !dialog || !dialog.showModal) return;
  const WARN = 120, STILL = 60000;
  let warning, ending;
  function restart() {
    clearTimeout(warning);
    clearTimeout(ending);
    warning = setTimeout(() => { if (!dialog.open) dialog.showModal(); }, Math.max(idle.content - WARN, 1) * 1000);
    ending = setTimeout(leave, (Number(idle.content) + 5) * 1000);
  }
  // Words in a large box are unsent also where the server gave them back.
  const isUnsent = (form) => Array.from(form.elements).some((field) =>
    field.matches('textarea, input:not([type=hidden]):not([type=radio]):not([type=file])') && field.value.trim() && (field.value !== field.defaultValue || field.matches('textarea')));
  // Time is over and nobody writes: what stands unsent goes to the server, sealed, and the page closes itself. It is
  // not sent as a message: in another tab the session may still be alive. Nobody is led away from a text that is kept
  // nowhere else, or under her hands.
  let typed = 0;
  on('input', ({ target }) => {
    typed = Date.now();
    const form = target.form;
    if (form && told.has(form)) handOverSoon(form);
  });
  async function leave() {
    const form = unsent();
    if (!form) { location.assign(location.pathname); return; }
    if (Date.now() - typed > STILL && await handOver(form) !== 'no') { location.assign(pageOf(form)); return; }
    tell(form);
    clearTimeout(ending);
    ending = setTimeout(leave, STILL);
  }
  const unsent = () => all('main form[method=post]').find(isUnsent);
  const pageOf = (form) => form.dataset.page || location.pathname;
  function keep(form) {
    const words = new FormData(form);
    words.set('kept-page', pageOf(form));
    words.set('kept-action', new URL(form.action).pathname);
    words.set('kept-person', dialog.dataset.person);
    return post(dialog.dataset.keep, words);
  }
  const post = (address, words) => fetch(address, { method: 'POST', redirect: 'manual', body: new URLSearchParams(words) });

  // ---- the session is over while somebody writes: the page stays and says so
  const told = new Map(), handedOver = new Set();
  let later;
  async function handOver(form) {
    let as = 'no';
    try {
      const answer = await keep(form);
      if (answer.ok && answer.headers.get('X-Kept')) {
        as = answer.headers.get('X-Kept');
        handedOver.add(answer.headers.get('X-Kept-At'));
      }
    } catch { /* It stays where it is. */ }
    return as;
  }
  function handOverSoon(form) {
    clearTimeout(later);
    later = setTimeout(() => tell(form), 3000);
  }
  async function tell(form) {
    const as = isUnsent(form) ? await handOver(form) : 'kept';
    let note = told.get(form);
    if (!note || !note.isConnected) {
      note = find('[data-signed-out]').content.firstElementChild.cloneNode(true);
      const box = find('textarea', form) || form.lastElementChild;
      box.after(note);
      told.set(form, note);
      find('a', note).addEventListener('click', (event) => onTheWay(event, form));
    }
    const way = find('a', note);
    way.target = as === 'no' ? '_blank' : '';
    way.search = new URLSearchParams({ next: pageOf(form), left: as === 'no' ? 'ended' : as });
    all('[data-if]', note).forEach((words) => { words.hidden = words.dataset.if !== as || !isUnsent(form); });
    return as;
  }
  // She goes to sign in: what she has typed since goes ahead of her.
  function onTheWay(event, form) {
    if (event.currentTarget.target || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const way = event.currentTarget;
    clearTimeout(later);
    tell(form).then((as) => { if (as !== 'no') location.assign(way.href); });
  }
  on('portal:signed-out', ({ detail }) => tell(detail));
  on('portal:alive', () => restart());
  // Signed in again in another tab, by the same person: this page goes on.
  async function comeBack() {
    if (!told.size) return true;
    clearTimeout(later);
    const answer = await fetch(dialog.dataset.stay, { redirect: 'manual' }).catch(() => null);
    if (!answer || !answer.ok || answer.headers.get('X-Person') !== dialog.dataset.person) return false;
    all('[name=csrfmiddlewaretoken]').forEach((field) => { field.value = answer.headers.get('X-Token'); });
    // All that was handed over is here again, and is not to come back.
    for (const at of handedOver) await post(at, { csrfmiddlewaretoken: answer.headers.get('X-Token') }).catch(() => null);
    for (const [form, note] of told) {
      note.remove();
      document.dispatchEvent(new CustomEvent('portal:back', { detail: form }));
    }
    told.clear();
    handedOver.clear();
    restart();
    return true;
  }
  document.addEventListener('visibilitychange', () => { if (!document.hidden) comeBack(); });
  window.addEventListener('focus', comeBack);
  document.addEventListener('submit', (event) => {
    const { submitter, target } = event;
    if (!told.has(target)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    comeBack().then((back) => { if (back) target.requestSubmit(submitter); else tell(target); });
  }, true);
  // Another language: what stands unsent comes along.
  on('submit', (event) => {
    const choice = event.target;
    const form = choice.matches('[data-language]') && unsent();
    if (!form) return;
    event.preventDefault();
    const go = () => choice.submit();
    keep(form).then(go, go);
  });
  restart();
  on('htmx:afterRequest', restart);
  function stay() {
    fetch(dialog.dataset.stay, { redirect: 'manual' }).then((answer) => {
      dialog.close();
      if (answer.ok) restart(); else if (unsent()) tell(unsent()); else leave();
    }, () => { dialog.close(); sayItFailed('offline'); });
  }
  find('[data-stay-button]', dialog).addEventListener('click', stay);
  // Whoever puts the question away with Escape is there.
  dialog.addEventListener('cancel', (event) => { event.preventDefault(); stay(); });
})();
