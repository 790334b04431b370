// What stands around the rows: the heading, the tabs, the buttons, the pill.
import { h, icon } from './kit.js';

export const VIEWS = ['inbox', 'unread', 'saved', 'done', 'snoozed'];
const FILTER = 'M4 6h16M7 12h10M10 18h4';
const READ = 'M3 13l4 4L15 8M12 16l1.5 1.5L21 9';

const button = (name, onclick, ...inside) => h('button', { type: 'button', class: name, onclick }, ...inside);
const tool = (kind, path, onclick, ...more) => button('tool', onclick, icon(path), ...more, h('span', { class: kind }));

export class Frame {
  #view;

  constructor(view) {
    this.#view = view;
    this.tabs = VIEWS.map((id) => h('button', {
      type: 'button', role: 'tab', part: 'tab', id, 'aria-controls': 'list', onclick: () => view.ask(id),
    }, h('span'), h('span', { class: 'count' })));
    this.heading = h('h2');
    this.all = tool('say-all', READ, () => view.do('readAll'), h('span', { class: 'how-many', 'aria-hidden': 'true' }));
    this.filter = tool('unseen', FILTER, () => view.do('find'));
    this.filter.setAttribute('aria-expanded', 'false');
    this.help = button('tool', () => view.do('help'), '?');
    this.banner = h('div', { class: 'banner', part: 'banner', hidden: true });
    this.pill = button('pill', () => view.do('reveal'));
    this.pill.part = 'pill';
    this.state = h('div', { class: 'state' });
    this.older = button('older', () => view.do('older'));
    this.end = h('p', { class: 'end' });
    this.scroller = h('div', {
      class: 'scroller', part: 'list', id: 'list', role: 'tabpanel',
      onpointerdown: view.seen, onkeydown: view.seen, onmouseleave: () => view.changed(),
    }, view.rows.element, this.state, this.older, this.end);
    this.scroller.addEventListener('wheel', view.seen, { passive: true });
    this.body = h('div', { class: 'body' }, this.scroller, this.pill);
    this.element = h('div', { class: 'frame', onkeydown: (event) => view.key(event) },
      h('slot', { name: 'header' }),
      h('div', { class: 'top' }, this.heading, this.all, this.filter, this.help),
      h('div', { role: 'tablist', class: 'tabs', part: 'tabs' }, this.tabs),
      this.banner, this.body,
      h('slot', { name: 'footer' }));
  }

  get tab() {
    return this.tabs.find((tab) => tab.tabIndex === 0);
  }

  /** In the reader's language. */
  speak(words) {
    this.heading.textContent = words.say('notifications');
    for (const tab of this.tabs) tab.firstChild.textContent = words.say(`view_${tab.id}`);
    this.filter.title = this.filter.lastChild.textContent = words.say('filter');
    this.help.title = this.help.ariaLabel = words.say('help');
    this.older.textContent = words.say('older');
    this.end.textContent = words.say('end', { n: 200 });
  }

  write({ query, held, more }, rows, unread, session, words) {
    for (const tab of this.tabs) {
      const on = tab.id === query.view;
      const n = session.total(tab.id);
      tab.ariaSelected = on;
      tab.tabIndex = on ? 0 : -1;
      tab.lastChild.textContent = n && tab.id !== 'done' ? words.number(n) : '';
    }
    this.scroller.setAttribute('aria-labelledby', query.view);
    this.#view.rows.element.ariaLabel = words.say(`view_${query.view}`);
    this.all.hidden = !unread;
    this.all.title = this.all.ariaLabel = this.all.lastChild.textContent = words.say('readAll', { n: unread });
    this.all.children[1].textContent = words.number(unread);
    this.pill.hidden = !held.size;
    this.pill.textContent = words.say('fresh', { n: held.size });
    this.older.hidden = !more;
    this.end.hidden = rows < 200;
  }
}
