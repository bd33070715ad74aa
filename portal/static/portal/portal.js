/* What scripts add to pages that work without them. Nothing here holds health text: no storage, no cache. */
(function () {
  'use strict';

  // Trusted Types: markup may come only from our own server's answers, script text from nowhere.
  if (window.trustedTypes && window.trustedTypes.createPolicy) {
    window.trustedTypes.createPolicy('default', { createHTML: function (html) { return html; } });
  }

  function say(words, bad) {
    var status = document.getElementById('status');
    if (!status) return;
    status.classList.toggle('bad', bad);
    status.classList.toggle('sr', !bad);
    status.textContent = words;
  }

  function text(name) {
    var meta = document.querySelector('meta[name="words-' + name + '"]');
    return meta ? meta.content : '';
  }

  // ---- focus: an error summary first, else the part that asks for it
  function focusOn(part) {
    if (!part) return;
    if (!part.hasAttribute('tabindex')) part.setAttribute('tabindex', '-1');
    part.focus({ preventScroll: true });
    part.scrollIntoView({ block: 'nearest' });
  }
  function start() { showPrint(); focusOn(document.querySelector('.errors')); }
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start); else start();

  // ---- one press, one message: a second press while the first is on its way does nothing
  document.addEventListener('submit', function (event) {
    var form = event.target;
    if (form.dataset.sending) { event.preventDefault(); return; }
    form.dataset.sending = 'yes';
    form.querySelectorAll('button[type=submit]').forEach(function (button) { button.setAttribute('aria-disabled', 'true'); });
  });
  function release(root) {
    root.querySelectorAll('form[data-sending]').forEach(function (form) {
      delete form.dataset.sending;
      form.querySelectorAll('button[aria-disabled]').forEach(function (button) { button.removeAttribute('aria-disabled'); });
    });
  }
  // The back button may bring a page back as it was left.
  window.addEventListener('pageshow', function () { release(document); });

  // ---- Ctrl+Enter sends from inside a writing box
  document.addEventListener('keydown', function (event) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && event.target.matches('textarea')) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  });

  // ---- printing needs a script, so its button shows with one
  function showPrint() { document.querySelectorAll('[data-print]').forEach(function (button) { button.hidden = false; }); }
  document.addEventListener('click', function (event) {
    if (event.target.closest('[data-print]')) window.print();
  });

  // ---- parts swapped by htmx
  document.addEventListener('htmx:beforeSwap', function (event) {
    var answer = event.detail.xhr.responseURL;
    // A session that ended answers with the sign-in page: that is a page to go to, not a part to paste in.
    if (answer && new URL(answer).pathname.indexOf('/sign-in') === 0) {
      event.detail.shouldSwap = false;
      window.location.assign(answer);
    }
    // What was written is sent: focus goes on to the answer instead of back into the empty box.
    if (event.detail.requestConfig.verb === 'post' && event.detail.xhr.status < 400) document.activeElement.blur();
  });
  document.addEventListener('htmx:afterSettle', function (event) {
    var part = event.detail.target;
    release(document);
    showPrint();
    if (!part || part.id === 'status') return;
    part = (part.isConnected ? part : document.getElementById(part.id)) || document;
    var errors = part.querySelector('.errors');
    if (errors) focusOn(errors);
    else if (document.activeElement === document.body) focusOn(part.querySelector('[data-focus]') || document.querySelector('main'));
  });
  document.addEventListener('htmx:sendError', function () { release(document); say(text('offline'), true); });
  document.addEventListener('htmx:responseError', function () { release(document); say(text('failed'), true); });

  // ---- the end of a session is told two minutes before, and one press stays
  var idle = document.querySelector('meta[name="session-idle"]');
  var dialog = document.getElementById('session-end');
  if (!idle || !dialog || !dialog.showModal) return;
  var warning, ending, WARN = 120;
  function restart() {
    window.clearTimeout(warning);
    window.clearTimeout(ending);
    warning = window.setTimeout(function () { if (!dialog.open) dialog.showModal(); }, Math.max(Number(idle.content) - WARN, 1) * 1000);
    ending = window.setTimeout(leave, (Number(idle.content) + 5) * 1000);
  }
  function isUnsent(form) {
    return Array.from(form.elements).some(function (field) {
      return field.matches('textarea, input:not([type=hidden]):not([type=radio])') && field.value.trim() && field.value !== field.defaultValue;
    });
  }
  // Time is over: what stands unsent goes to the server, sealed, and comes back after the next sign-in. It is
  // not sent as a message: in another tab the session may still be alive.
  function leave() {
    var form = Array.from(document.querySelectorAll('main form[method=post]')).find(isUnsent);
    var page = (form && form.dataset.page) || window.location.pathname;
    function go() { window.location.assign(page); }
    if (!form) { go(); return; }
    var words = new FormData(form);
    words.set('kept-page', page);
    words.set('kept-action', new URL(form.action).pathname);
    window.fetch(dialog.dataset.keep, { method: 'POST', body: new URLSearchParams(words) }).then(go, go);
  }
  restart();
  document.addEventListener('htmx:afterRequest', restart);
  dialog.querySelector('[data-stay-button]').addEventListener('click', function () {
    window.fetch(dialog.dataset.stay, { redirect: 'manual' }).then(function (answer) {
      dialog.close();
      if (answer.ok) restart(); else leave();
    }, function () { dialog.close(); say(text('offline'), true); });
  });
}());
