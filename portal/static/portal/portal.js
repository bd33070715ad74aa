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
  // The back button may bring a page back as it was left.
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
  on('htmx:responseError', () => { release(); sayItFailed('failed'); });

  // ---- the end of a session is told two minutes before, and one press stays
  const idle = find('meta[name="session-idle"]');
  const dialog = find('#session-end');
  if (!idle || !dialog || !dialog.showModal) return;
  const WARN = 120;
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
  // Time is over: what stands unsent goes to the server, sealed, and comes back after the next sign-in. It is
  // not sent as a message: in another tab the session may still be alive.
  function leave() {
    const form = unsent();
    const go = () => location.assign(form ? pageOf(form) : location.pathname);
    if (form) keep(form).then(go, go);
    else go();
  }
  const unsent = () => all('main form[method=post]').find(isUnsent);
  const pageOf = (form) => form.dataset.page || location.pathname;
  function keep(form) {
    const words = new FormData(form);
    words.set('kept-page', pageOf(form));
    words.set('kept-action', new URL(form.action).pathname);
    return fetch(dialog.dataset.keep, { method: 'POST', body: new URLSearchParams(words) });
  }
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
      if (answer.ok) restart(); else leave();
    }, () => { dialog.close(); sayItFailed('offline'); });
  }
  find('[data-stay-button]', dialog).addEventListener('click', stay);
  // Whoever puts the question away with Escape is there.
  dialog.addEventListener('cancel', (event) => { event.preventDefault(); stay(); });
})();
