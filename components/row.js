// One row of the inbox: built once, then only what changed is written.
import { h, icon } from './kit.js';
import { ago, date, full, list } from './times.js';

export const ICONS = {
  done: 'M5 12.5l4.5 4.5L19 7.5',
  undone: 'M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3',
  save: 'M7 4h10v16l-5-4-5 4z',
  snooze: 'M12 7v5l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  open: 'M9 6l6 6-6 6',
};

/** An address that may be followed, or none: never `javascript:`. */
export function safe(url) {
  try {
    const found = new URL(url, document.baseURI);
    return url && /^https?:$/.test(found.protocol) ? found.href : null;
  } catch {
    return null;
  }
}

export class Row {
  #view;
  #shown = '';
  #words;

  constructor(view) {
    this.#view = view;
    const act = (name, run) => h('button', { type: 'button', class: 'act', tabindex: -1, onclick: (event) => run(this, event) }, icon(ICONS[name]));
    this.state = h('span', { class: 'unseen' });
    this.title = h('a', { class: 'title', part: 'title', dir: 'auto', tabindex: -1, onclick: (event) => view.follow(event, this) });
    this.text = h('div', { class: 'text', part: 'text', dir: 'auto' });
    this.facts = h('span');
    this.time = h('time');
    this.why = h('div', { class: 'why', hidden: true });
    this.actions = {
      open: act('open', () => view.toggle(this)),
      done: act('done', () => view.act(this.row.item.done_at ? 'undone' : 'done', this)),
      save: act('save', () => view.act(this.row.item.saved_at ? 'unsave' : 'save', this)),
      snooze: act('snooze', () => view.snooze(this)),
      more: act('more', () => view.more(this)),
    };
    this.element = h('div', { role: 'row', part: 'row', class: 'row', tabindex: -1 },
      h('div', { role: 'gridcell', class: 'main' },
        h('div', { class: 'head' }, h('div', null, this.state, this.title), this.time),
        this.text,
        h('div', { class: 'meta', part: 'meta' }, this.facts),
        this.why),
      h('div', { role: 'gridcell', class: 'acts', part: 'actions' }, Object.values(this.actions)));
    this.element.row = this;
  }

  /** Everything that can be reached in it with the arrows. */
  get stops() {
    return [...this.element.querySelectorAll('a[href], button')].filter((stop) => stop.checkVisibility());
  }

  write(row, words) {
    this.row = row;
    const { item, group } = row;
    const shown = JSON.stringify([item, group, row.gone, row.child]);
    if (shown === this.#shown && words === this.#words) return;
    this.#shown = shown;
    this.#words = words;
    const unread = group ? group.unread > 0 && !item.read_at : !item.read_at;
    const { classList } = this.element;
    for (const [name, on] of Object.entries({ unread, gone: row.gone, child: row.child, [item.severity]: true })) classList.toggle(name, !!on);
    this.element.part.toggle('row-unread', unread);
    this.state.textContent = unread ? `${words.say('unread')}: ` : '';
    const url = safe(item.url);
    if (url) this.title.href = url;
    else this.title.removeAttribute('href');
    this.title.textContent = item.title;
    this.text.textContent = item.text;
    this.text.hidden = !item.text;
    this.#facts(item, group, words);
    this.time.dateTime = item.at;
    this.time.title = full(words, item.at);
    this.tick(words);
    this.#labels(item, group, words);
  }

  tick(words) {
    this.time.textContent = ago(words, this.row.item.at);
  }

  #facts(item, group, words) {
    const chip = (name, text) => h('span', { class: `chip ${name}` }, text);
    const facts = [];
    if (item.severity !== 'info') facts.push(chip(item.severity, words.say(item.severity)));
    if (group?.items > 1) facts.push(chip('', words.say('inThread', { n: group.items })));
    if (item.resolved_at) facts.push(chip('good', words.say('resolved')));
    if (item.saved_at) facts.push(chip('', words.say('saved')));
    if (Date.parse(item.snoozed_until ?? 0) > Date.now()) facts.push(chip('', words.say('snoozedUntil', { time: date(words, item.snoozed_until, { weekday: 'short', hour: 'numeric', minute: 'numeric' }) })));
    const actors = group?.actors?.length > 1 ? list(words, group.actors) : item.event.actor;
    const plain = [actors, item.event.category, words.has(`reason_${item.reason}`) ? words.say(`reason_${item.reason}`) : item.reason].filter(Boolean);
    for (const text of plain) facts.push(h('span', null, text));
    this.facts.replaceChildren(...facts);
  }

  #labels(item, group, words) {
    const { open, done, save, snooze, more } = this.actions;
    const named = { done: item.done_at ? 'undone' : 'done', save: item.saved_at ? 'unsave' : 'save', snooze: 'snooze', more: 'more', open: 'showThread' };
    for (const [name, key] of Object.entries(named)) {
      const text = words.say(`act_${key}`);
      this.actions[name].title = text;
      this.actions[name].setAttribute('aria-label', text);
    }
    done.replaceChildren(icon(ICONS[named.done]));
    save.setAttribute('aria-pressed', !!item.saved_at);
    for (const button of [snooze, more]) button.setAttribute('aria-haspopup', 'menu');
    open.hidden = !(group?.items > 1);
    open.setAttribute('aria-expanded', !!group?.open);
  }
}
