/* The team inbox and the refill queue: single keys, a list that stays put, and word of what is new.
   Keys work only while focus is inside the board and not in a field, and can be switched off (WCAG 2.1.4).
   None of them sends or finishes anything by itself: a key goes to a row, or opens a place to write. */
(() => {
  'use strict';
  const find = (selector) => document.querySelector(selector);
  const on = (event, handler) => document.addEventListener(event, handler);
  const board = find('main.desk');
  if (!board || !find('.queue')) return;

  // Only this yes or no is kept in the browser, never a word of a patient.
  const OFF = 'single-keys-off';
  const isOff = () => localStorage.getItem(OFF) === 'yes';
  const toggle = find('[data-keys-toggle]');
  function show() {
    toggle.hidden = false;
    toggle.textContent = isOff() ? toggle.dataset.on : toggle.dataset.off;
  }
  if (toggle) {
    toggle.addEventListener('click', () => {
      if (isOff()) localStorage.removeItem(OFF); else localStorage.setItem(OFF, 'yes');
      show();
    });
    show();
  }

  const rows = () => Array.from(document.querySelectorAll('.queue a.hit'));
  const current = () => find('.queue a.hit[aria-current]');
  function go(target) {
    if (!target) return false;
    target.focus();
    target.scrollIntoView({ block: 'nearest' });
    return true;
  }
  function move(step) {
    const list = rows();
    let at = list.indexOf(document.activeElement);
    if (at < 0) { at = list.indexOf(current()); if (at >= 0) step = 0; else at = step > 0 ? -1 : list.length; }
    return go(list[Math.max(0, Math.min(list.length - 1, at + step))]);
  }
  function write(mode) {
    const radio = find(`.modes input[value=${mode}]`);
    if (!radio) return false;
    radio.checked = true;
    return go(find(`.${mode}-form textarea`));
  }
  function finish() {
    const menu = find('.menu');
    if (!menu) return false;
    menu.open = true;
    return go(menu.querySelector('select'));
  }
  function open() {
    if (!document.activeElement.matches('a.hit')) return false;
    document.activeElement.click();
    return true;
  }
  const KEYS = {
    j: () => move(1), arrowdown: () => move(1), k: () => move(-1), arrowup: () => move(-1),
    o: open, r: () => write('reply'), n: () => write('note'), e: finish,
  };

  on('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || find('dialog[open]')) return;
    const typing = event.target.matches('textarea, select, input');
    if (event.key === 'Escape') {
      const menu = event.target.closest('.menu[open]');
      if (menu) { menu.open = false; go(menu.querySelector('summary')); event.preventDefault(); }
      else if (typing && go(current() || rows()[0])) event.preventDefault();
      return;
    }
    const act = KEYS[event.key.toLowerCase()];
    if (act && !typing && !isOff() && board.contains(document.activeElement) && act()) event.preventDefault();
  });

  // The list stays where the reader left it when a conversation beside it is swapped.
  let scrolled = 0;
  on('htmx:beforeSwap', () => { scrolled = find('.queue').scrollTop; });
  on('htmx:afterSwap', () => { find('.queue').scrollTop = scrolled; });

  // ---- what is new is told, and never put under the reader's eyes
  const asked = find('[data-version]');
  let version, turn = 0;
  async function look() {
    if (document.hidden) return;
    const mine = turn;
    // Marked as no sign of life: waiting does not keep a session open.
    const answer = await fetch(asked.dataset.version, { headers: { 'X-Background': '1' }, redirect: 'manual' });
    if (!answer.ok) return;
    const now = await answer.text();
    if (mine !== turn) return;
    const bar = find('[data-fresh]');
    if (version && now !== version && bar.hidden) {
      bar.hidden = false;
      find('#status').textContent = bar.textContent;
    }
    version = now;
  }
  if (asked) {
    const quietly = () => look().catch(() => {});
    quietly();
    setInterval(quietly, 20000);
    // What the reader did herself is no news.
    on('htmx:afterSettle', () => { turn += 1; version = ''; quietly(); });
  }
})();
