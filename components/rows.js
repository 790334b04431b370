// The rows on the page: kept by key, one Tab stop. What the keys do is in hands.js.
import { h } from './kit.js';
import { Row } from './row.js';

export class Rows {
  #view;
  #rows = new Map();
  #order = [];
  #current = null;
  /** Set by what the reader does: only then may the focus move on when a row goes. */
  acted = false;

  constructor(view) {
    this.#view = view;
    this.element = h('div', {
      role: 'grid', class: 'rows',
      onclick: (event) => this.#click(event),
      onpointerover: ({ target }) => target.closest('.row')?.row.pointed(view.words),
      onfocusin: (event) => this.#settle(event.target.closest('.row')),
      onfocusout: () => queueMicrotask(() => this.focused || view.changed()),
    });
  }

  get focused() {
    const at = this.element.getRootNode().activeElement;
    return this.element.contains(at) ? (at.closest('.row')?.row ?? null) : null;
  }

  get size() {
    return this.#order.length;
  }

  get shown() {
    return this.#order;
  }

  /** The key of the row that must stay although it belongs here no longer. */
  get kept() {
    return this.acted ? null : this.focused?.row.key;
  }

  draw(rows, words) {
    const before = this.focused;
    const index = before ? this.#order.findIndex((row) => row.key === before.row.key) : -1;
    const kept = new Set(rows.map(({ key }) => key));
    for (const [key, { element }] of this.#rows) {
      if (kept.has(key)) continue;
      element.remove();
      this.#rows.delete(key);
    }
    let at = this.element.firstChild;
    for (const row of rows) {
      let drawn = this.#rows.get(row.key);
      if (!drawn) this.#rows.set(row.key, (drawn = new Row(words)));
      drawn.write(row, words);
      if (drawn.element === at) at = at.nextSibling;
      else this.element.insertBefore(drawn.element, at);
    }
    this.#order = rows;
    if (!kept.has(this.#current)) this.#current = rows[Math.min(Math.max(index, 0), rows.length - 1)]?.key ?? null;
    for (const [key, { element }] of this.#rows) element.tabIndex = key === this.#current ? 0 : -1;
    if (before && !kept.has(before.row.key)) this.#rows.get(this.#current)?.element.focus();
    this.acted = false;
    return !before || kept.has(before.row.key) || rows.length > 0;
  }

  tick(words) {
    for (const row of this.#rows.values()) row.tick(words);
  }

  focus(key = this.#current) {
    this.#rows.get(key)?.element.focus();
  }

  focusFirst() {
    if (this.#order.length) this.focus(this.#order[0].key);
  }

  #settle(element) {
    if (!element || element.row.row.key === this.#current) return;
    const before = this.#rows.get(this.#current);
    if (before) before.element.tabIndex = -1;
    this.#current = element.row.row.key;
    element.tabIndex = 0;
    if (this.#order.some(({ gone }) => gone)) queueMicrotask(() => this.#view.changed());
  }

  #click(event) {
    const target = event.target.closest('[data-do]');
    const other = event.ctrlKey || event.metaKey || event.shiftKey;
    if (!target || (target.href && other)) return; // the browser opens another tab
    event.preventDefault();
    this.#view.do('command', target.dataset.do, target.closest('.row').row);
  }
}
