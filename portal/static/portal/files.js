/* Files go up as soon as they are chosen, one after another, with a bar. Without scripts the form's own button does it. */
(() => {
  'use strict';

  const find = (selector, root) => root.querySelector(selector);
  const boxOf = (node) => node.closest && node.closest('[data-files]');
  const inFlight = new WeakMap();

  function say(box, which) { const line = find('[data-said]', box); line.textContent = line.dataset[which] || which; }
  function trouble(box, name, words) {
    const line = document.createElement('p');
    line.className = 'error-text';
    line.textContent = `${name}: ${words}`;
    find('[data-list]', box).prepend(line);
    say(box, line.textContent);
  }
  // The answer is our own server's markup of the list.
  function show(box, markup) {
    const list = find('[data-list]', new DOMParser().parseFromString(markup, 'text/html'));
    if (list) find('[data-list]', box).replaceWith(document.adoptNode(list));
    return Boolean(list);
  }
  function post(box, fill, progress) {
    const form = box.closest('form');
    const words = new FormData();
    words.set('csrfmiddlewaretoken', find('[name=csrfmiddlewaretoken]', form).value);
    const token = find('[name=form_token]', form);
    if (token) words.set('form_token', token.value);
    fill(words);
    return new Promise((done, lost) => {
      const line = new XMLHttpRequest();
      line.open('POST', box.dataset.files);
      line.setRequestHeader('X-Part', 'files');
      line.upload.onprogress = (event) => { if (progress && event.lengthComputable) progress(event.loaded / event.total); };
      line.onload = () => done(line);
      line.onerror = line.ontimeout = lost;
      line.send(words);
    });
  }
  // The session is over: the page stays, for what is typed beside.
  const isOver = (answer) => answer.responseURL && new URL(answer.responseURL).pathname.startsWith('/sign-in');
  const over = (box) => document.dispatchEvent(new CustomEvent('portal:signed-out', { detail: box.closest('form') }));
  async function send(box, file) {
    if (file.size >= Number(box.dataset.most)) { trouble(box, file.name, find('[data-said]', box).dataset.big); return; }
    const row = find('[data-sending]', box).content.firstElementChild.cloneNode(true);
    find('.name', row).textContent = file.name;
    const bar = find('progress', row);
    bar.setAttribute('aria-label', file.name);
    find('[data-list]', box).after(row);
    try {
      const answer = await post(box, (words) => words.set('files', file, file.name), (part) => { bar.value = Math.round(part * 95); });
      if (isOver(answer)) { trouble(box, file.name, find('[data-said]', box).dataset.lost); over(box); } else if (show(box, answer.responseText)) say(box, answer.status < 400 ? 'added' : find('.error-text', box).textContent);
      else trouble(box, file.name, find('[data-said]', box).dataset.lost);
    } catch { trouble(box, file.name, find('[data-said]', box).dataset.lost); }
    row.remove();
  }

  document.addEventListener('change', (event) => {
    const box = event.target.matches('input[type=file]') && boxOf(event.target);
    if (!box) return;
    const form = box.closest('form');
    const files = Array.from(event.target.files);
    event.target.value = '';
    const earlier = inFlight.get(form) || Promise.resolve();
    const all = files.reduce((before, file) => before.then(() => send(box, file)), earlier);
    inFlight.set(form, all);
    all.then(() => { if (inFlight.get(form) === all) inFlight.delete(form); });
  });
  document.addEventListener('click', async (event) => {
    const button = event.target.closest && event.target.closest('button[name=remove]');
    const box = button && boxOf(button);
    if (!box) return;
    event.preventDefault();
    try {
      const answer = await post(box, (words) => words.set('remove', button.value));
      if (answer.status < 400 && show(box, answer.responseText)) {
        say(box, 'removed');
        find('summary', box).focus();
      } else if (isOver(answer)) over(box);
      else location.reload();
    } catch { say(box, 'lost'); }
  });
  // What is still on its way goes along: the message waits for it.
  document.addEventListener('submit', (event) => {
    const waiting = inFlight.get(event.target);
    if (!waiting) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const { submitter, target } = event;
    waiting.then(() => target.requestSubmit(submitter));
  }, true);
  // With scripts the choice itself adds; the button would do it twice.
  const tidy = () => document.querySelectorAll('[data-files] [data-add]').forEach((button) => { button.hidden = true; });
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', tidy); else tidy();
  document.addEventListener('htmx:afterSettle', tidy);
})();
