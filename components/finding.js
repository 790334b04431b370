// Search, filters and threads of an inbox, once somebody wants them.
import controls from './controls.css';
import own from './finding.css';
import { Groups } from './groups.js';
import { h, look } from './kit.js';
import words from './english/finding.js';

export const css = controls + own;
export { words as english };
export { use } from './kit.js';

const SEVERITIES = ['info', 'warning', 'action', 'urgent'];
const TYPING = 200; // milliseconds without a letter before it is searched

export class Finding {
  #view;
  #timer;

  constructor(view) {
    this.#view = view;
    const ask = () => view.ask();
    this.search = h('input', { type: 'search', part: 'search', oninput: () => this.#later(), onkeydown: (event) => this.#escape(event) });
    this.severity = h('select', { onchange: ask });
    this.category = h('select', { onchange: ask });
    this.group = h('input', { type: 'checkbox', onchange: ask });
    this.element = h('div', { class: 'filters', id: 'filters', role: 'search', part: 'toolbar', hidden: true },
      this.search, this.severity, this.category, h('label', null, this.group, h('span')));
    view.host.wear(look);
    view.frame.banner.before(this.element);
    view.frame.filter.setAttribute('aria-controls', 'filters');
    this.speak();
  }

  /** What is asked of the server. */
  get query() {
    const { search, severity, category, group } = this;
    return { q: search.value.trim(), severity: severity.value, category: category.value, group: group.checked && 'thread' };
  }

  /** The same for what arrives: see list.js. */
  get ways() {
    const { q, severity, category, group } = this.query;
    const sought = q.toLowerCase().split(/\s+/);
    const matches = ({ title, text, event, severity: its }) =>
      (!category || event.category === category) &&
      (!severity || SEVERITIES.indexOf(its) >= SEVERITIES.indexOf(severity)) &&
      sought.every((word) => `${title} ${text}`.toLowerCase().includes(word));
    return { matches: q || severity || category ? matches : null, groups: group ? (list) => new Groups(list, this.#view) : null };
  }

  toggle(open = this.element.hidden) {
    this.#categories();
    this.element.hidden = !open;
    this.#view.frame.filter.setAttribute('aria-expanded', open);
    if (open) this.search.focus();
  }

  speak() {
    const { words } = this.#view;
    const { value } = this.severity;
    this.search.placeholder = this.search.ariaLabel = words.say('search');
    for (const name of ['severity', 'category']) this[name].ariaLabel = words.say(name);
    this.group.nextSibling.textContent = words.say('group');
    this.severity.replaceChildren(h('option', { value: '' }, words.say('anySeverity')),
      ...SEVERITIES.slice(1).map((name) => h('option', { value: name }, words.say('atLeast', { severity: words.say(name) }))));
    this.severity.value = value;
    this.#categories();
  }

  /** A button that shows everything again. */
  off() {
    return h('button', { type: 'button', class: 'plain', onclick: () => this.#clear() }, this.#view.words.say('unfilter'));
  }

  /** What somebody looked for is theirs. */
  forget() {
    clearTimeout(this.#timer);
    this.search.value = this.severity.value = '';
    this.category.replaceChildren();
  }

  /** The categories that were seen so far. */
  #categories() {
    const { category } = this;
    const { value } = category;
    const found = [...this.#view.session.items.values()].map(({ event }) => event.category);
    category.replaceChildren(h('option', { value: '' }, this.#view.words.say('anyCategory')),
      ...[...new Set(found)].filter(Boolean).sort().map((name) => h('option', { value: name }, name)));
    category.value = value;
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#view.ask(), TYPING);
  }

  #escape(event) {
    if (event.key !== 'Escape' || !this.search.value) return;
    event.preventDefault();
    this.search.value = '';
    this.#view.ask();
  }

  #clear() {
    this.search.value = this.severity.value = this.category.value = '';
    this.#view.ask();
    this.#view.frame.tab.focus();
  }
}
