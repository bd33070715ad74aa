/* Single keys on the team inbox and the refill queue.
   They work only while focus is inside the board and not in a field, and can be switched off (WCAG 2.1.4).
   Nothing here sends or finishes anything by itself: a key goes to a row, or opens a place to write. */
(function () {
  'use strict';
  var board = document.querySelector('main.desk');
  if (!board || !document.querySelector('.queue')) return;
  var OFF = 'single-keys-off';
  var toggle = document.querySelector('[data-keys-toggle]');

  // Only this yes or no is kept in the browser, never a word of a patient.
  function off() { return window.localStorage.getItem(OFF) === 'yes'; }
  function show() {
    if (!toggle) return;
    toggle.hidden = false;
    toggle.textContent = off() ? toggle.dataset.on : toggle.dataset.off;
  }
  if (toggle) toggle.addEventListener('click', function () {
    if (off()) window.localStorage.removeItem(OFF); else window.localStorage.setItem(OFF, 'yes');
    show();
  });
  show();

  function rows() { return Array.from(document.querySelectorAll('.queue a.hit')); }
  function current() { return document.querySelector('.queue a.hit[aria-current]'); }
  function go(target) {
    if (!target) return false;
    target.focus();
    target.scrollIntoView({ block: 'nearest' });
    return true;
  }
  function move(step) {
    var all = rows(), at = all.indexOf(document.activeElement);
    if (at < 0) { at = all.indexOf(current()); if (at >= 0) step = 0; else at = step > 0 ? -1 : all.length; }
    return go(all[Math.max(0, Math.min(all.length - 1, at + step))]);
  }
  function write(mode) {
    var radio = document.querySelector('.modes input[value=' + mode + ']');
    if (!radio) return false;
    radio.checked = true;
    return go(document.querySelector('.' + mode + '-form textarea'));
  }
  function menu() {
    var summary = document.querySelector('.menu > summary');
    if (!summary) return false;
    summary.parentElement.open = true;
    return go(summary.parentElement.querySelector('select, input, button'));
  }

  document.addEventListener('keydown', function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    var typing = event.target.matches('textarea, select, input');
    if (event.key === 'Escape') {
      var open = event.target.closest('.menu[open]');
      if (open) { open.open = false; go(open.querySelector('summary')); event.preventDefault(); }
      else if (typing && go(current() || rows()[0])) event.preventDefault();
      return;
    }
    if (off() || typing || !board.contains(document.activeElement) || document.querySelector('dialog[open]')) return;
    var done = false;
    switch (event.key.toLowerCase()) {
      case 'j': case 'arrowdown': done = move(1); break;
      case 'k': case 'arrowup': done = move(-1); break;
      case 'o': if (document.activeElement.matches('a.hit')) { document.activeElement.click(); done = true; } break;
      case 'r': done = write('reply'); break;
      case 'n': done = write('note'); break;
      case 'e': done = menu(); break;
    }
    if (done) event.preventDefault();
  });

  // The list stays where the reader left it when a conversation beside it is swapped.
  var scrolled = 0;
  document.addEventListener('htmx:beforeSwap', function () {
    var queue = document.getElementById('queue');
    scrolled = queue ? queue.scrollTop : 0;
  });
  document.addEventListener('htmx:afterSwap', function () {
    var queue = document.getElementById('queue');
    if (queue) queue.scrollTop = scrolled;
  });
}());
