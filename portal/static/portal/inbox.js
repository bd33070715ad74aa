/* Single keys on the team inbox and the refill queue.
   They work only while focus is inside the board and not in a field, and can be switched off (WCAG 2.1.4).
   Nothing here sends or finishes anything by itself: a key goes to a row or opens a writing box. */
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
    toggle.setAttribute('aria-pressed', String(!off()));
    toggle.textContent = off() ? toggle.dataset.on : toggle.dataset.off;
  }
  if (toggle) toggle.addEventListener('click', function () {
    if (off()) window.localStorage.removeItem(OFF); else window.localStorage.setItem(OFF, 'yes');
    show();
  });
  show();

  function rows() { return Array.from(document.querySelectorAll('.qrow a.hit')); }
  function current() { return document.querySelector('.qrow a.hit[aria-current]'); }
  function move(step) {
    var all = rows(), at = all.indexOf(document.activeElement);
    if (at < 0) { at = all.indexOf(current()); if (at >= 0) step = 0; else if (step < 0) at = all.length; }
    var next = all[Math.max(0, Math.min(all.length - 1, at + step))];
    if (next) { next.focus(); next.scrollIntoView({ block: 'nearest' }); }
  }
  function typing(target) {
    return target.matches('textarea, select, input') || target.isContentEditable;
  }
  function go(selector) {
    var target = document.querySelector(selector);
    if (target) { target.focus(); if (target.matches('a')) target.click(); }
    return !!target;
  }

  document.addEventListener('keydown', function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === 'Escape' && typing(event.target)) {
      var back = current() || rows()[0];
      if (back) { back.focus(); event.preventDefault(); }
      return;
    }
    if (off() || typing(event.target) || !board.contains(document.activeElement)) return;
    if (document.querySelector('dialog[open]')) return;
    var done = true;
    switch (event.key) {
      case 'j': case 'J': case 'ArrowDown': move(1); break;
      case 'k': case 'K': case 'ArrowUp': move(-1); break;
      case 'o': case 'O': if (document.activeElement.matches('a.hit')) document.activeElement.click(); else done = false; break;
      case 'r': case 'R': done = go('[data-key=reply]'); break;
      case 'n': case 'N': done = go('[data-key=note]'); break;
      case 'e': case 'E': done = go('[data-key=finish]'); break;
      case 'd': case 'D': done = go('[data-key=decide]'); break;
      default: done = false;
    }
    if (done) event.preventDefault();
  });
}());
