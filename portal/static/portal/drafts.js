/* What is being written is kept on the server: three seconds after the last key, on leaving the field, and every
   ten seconds at the latest. Nothing is stored in the browser. */
(() => {
  'use strict';
  const AFTER = 3000, LATEST = 10000, ALOUD = 60000;
  const on = (event, handler) => document.addEventListener(event, handler);
  const state = new WeakMap();
  let spoken = 0;

  const of = (form) => {
    if (!state.has(form)) state.set(form, { dirty: false, since: 0, timer: 0, busy: false, stopped: false });
    return state.get(form);
  };
  const formOf = (field) => field.closest && field.closest('form[data-draft]');

  function say(form, words, failed) {
    const line = form.querySelector('[data-draft-status]');
    if (line) line.textContent = words;
    const status = document.getElementById('status');
    // Polite, and not a voice that goes on while somebody writes.
    if (status && words && (failed || Date.now() - spoken > ALOUD)) {
      spoken = Date.now();
      status.textContent = words;
    }
  }

  // What this page sends later is newer, in whatever order it arrives.
  function turn(form) {
    const field = form.querySelector('[name=turn]');
    if (field) field.value = Number(field.value) + 1;
  }

  async function keep(form) {
    const it = of(form);
    clearTimeout(it.timer);
    if (!it.dirty || it.stopped || form.dataset.sending || !form.isConnected) return;
    if (it.busy) { plan(form); return; }
    it.dirty = false;
    it.busy = true;
    it.since = 0;
    turn(form);
    const words = new FormData(form);
    words.set('autosave', 'yes');
    try {
      const answer = await fetch(form.dataset.draft, {
        method: 'POST', body: new URLSearchParams(words), redirect: 'manual',
      });
      const text = answer.type === 'opaqueredirect' ? '' : (await answer.text()).trim();
      if (answer.type === 'opaqueredirect') {
        over(form);
      } else if (answer.ok) {
        document.dispatchEvent(new Event('portal:alive'));
        form.querySelector('[name=revision]').value = answer.headers.get('X-Draft-Revision');
        say(form, text);
      } else if (answer.status === 403 && text.startsWith('<')) {
        over(form);
      } else {
        // Something stands against it, and but for the length of the words typing on changes nothing of that.
        it.stopped = answer.status < 500 && (answer.status === 422 ? 'words' : 'for good');
        say(form, it.stopped && text && !text.startsWith('<') ? text : failed(form), true);
        if (!it.stopped) again(form);
      }
    } catch {
      say(form, failed(form), true);
      again(form);
    } finally {
      it.busy = false;
    }
  }
  // The session is over. The text stays; what becomes of it is said beside it.
  function over(form) {
    of(form).stopped = 'signed out';
    say(form, '');
    document.dispatchEvent(new CustomEvent('portal:signed-out', { detail: form }));
  }
  on('portal:back', ({ detail }) => {
    if (!detail.matches('form[data-draft]')) return;
    of(detail).stopped = false;
    plan(detail);
  });
  const failed = (form) => { const line = form.querySelector('[data-draft-status]'); return line ? line.dataset.failed : ''; };
  function again(form) {
    const it = of(form);
    it.dirty = true;
    it.timer = setTimeout(() => keep(form), LATEST);
  }
  function plan(form) {
    const it = of(form);
    it.dirty = true;
    it.since = it.since || Date.now();
    clearTimeout(it.timer);
    it.timer = setTimeout(() => keep(form), Math.max(0, Math.min(AFTER, it.since + LATEST - Date.now())));
  }

  function count(field) {
    const line = document.querySelector(`[data-counter="${field.id}"]`);
    if (!line) return;
    // As the server counts: one for each character, also for those that take two places here.
    const length = Array.from(field.value.replace(/\r\n/g, '\n').trim()).length;
    const limit = Number(line.dataset.limit);
    const number = (value) => value.toLocaleString(document.documentElement.lang);
    line.hidden = false;
    line.textContent = line.dataset.words.replace('{count}', number(length)).replace('{limit}', number(limit));
    line.classList.toggle('over', length > limit);
  }

  on('input', ({ target }) => {
    count(target);
    const form = formOf(target);
    if (!form) return;
    // What was too long may be short enough now.
    if (of(form).stopped === 'words') of(form).stopped = false;
    plan(form);
  });
  // Before anybody else reads the form.
  document.addEventListener('submit', ({ target }) => { if (target.matches('form[data-draft]')) turn(target); }, true);
  on('change', ({ target }) => { const form = formOf(target); if (form) { of(form).dirty = true; keep(form); } });
  on('focusout', ({ target }) => { const form = formOf(target); if (form) keep(form); });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) document.querySelectorAll('form[data-draft]').forEach(keep);
  });
  function start() {
    document.querySelectorAll('[data-counter]').forEach((line) => {
      const field = document.getElementById(line.dataset.counter);
      if (field) count(field);
    });
    // What a session's end cut off stands in the page, and is not kept yet.
    document.querySelectorAll('form[data-draft-dirty]').forEach(plan);
  }
  if (document.readyState === 'loading') on('DOMContentLoaded', start); else start();
})();
