// One row of the inbox: copied from a pattern, then only what changed is written.
import { h, icon } from './kit.js';
import { safe } from './safe.js';
import { FULL, SOON, ago } from './times.js';

const UNDONE = 'M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3';
const ACTIONS = {
  showThread: 'M9 6l6 6-6 6',
  done: 'M5 12.5l4.5 4.5L19 7.5',
  save: 'M7 4h10v16l-5-4-5 4z',
  snooze: 'M12 7v5l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
};
const MENUS = ['snooze', 'more'];
let pattern;

/** What all rows are copies of; `data-do` names what a click does. */
function build(words) {
  const action = ([name, path]) => h('button', {
    type: 'button', class: 'act', tabindex: -1, 'data-do': name, 'aria-haspopup': MENUS.includes(name) && 'menu',
  }, icon(path));
  const row = h('div', { role: 'row', part: 'row', class: 'row', tabindex: -1 },
    h('div', { role: 'gridcell', class: 'main' },
      h('div', { class: 'head' },
        h('div', null, h('span', { class: 'unseen' }), h('a', { class: 'title', part: 'title', dir: 'auto', tabindex: -1, 'data-do': 'open' })),
        h('time')),
      h('div', { class: 'text', part: 'text', dir: 'auto' }),
      h('div', { class: 'meta', part: 'meta' }, h('span'))),
    h('div', { role: 'gridcell', class: 'acts', part: 'actions' }, Object.entries(ACTIONS).map(action)));
  for (const button of row.lastChild.children) name(button, words, button.dataset.do);
  return { words, row };
}

function name(button, words, key) {
  button.title = button.ariaLabel = words.say(`act_${key}`);
}

export class Row {
  #shown = '';
  #words;

  constructor(words) {
    if (pattern?.words !== words) pattern = build(words);
    this.#words = words;
    this.element = pattern.row.cloneNode(true);
    this.element.row = this;
    const [main, acts] = this.element.children;
    const [head, text, meta] = main.children;
    [this.state, this.title] = head.firstChild.children;
    this.time = head.lastChild;
    this.text = text;
    this.facts = meta.firstChild;
    this.actions = Object.fromEntries([...acts.children].map((button) => [button.dataset.do, button]));
  }

  write(row, words) {
    this.row = row;
    const { item, group } = row;
    const shown = JSON.stringify([item, group, row.gone, row.child]);
    if (shown === this.#shown && words === this.#words) return;
    this.#shown = shown;
    if (words !== this.#words) for (const key in this.actions) name(this.actions[key], words, key);
    this.#words = words;
    const unread = group ? group.unread > 0 && !item.read_at : !item.read_at;
    this.element.className = ['row', item.severity, unread && 'unread', row.gone && 'gone', row.child && 'child'].filter(Boolean).join(' ');
    this.element.part.toggle('row-unread', unread);
    this.state.textContent = unread ? `${words.say('unread')}: ` : '';
    const url = safe(item.url);
    if (url) this.title.href = url;
    else this.title.removeAttribute('href');
    this.title.textContent = item.title;
    this.text.textContent = item.text;
    this.text.hidden = !item.text;
    this.#facts(item, group, words);
    this.#act(item, group, words);
    this.time.dateTime = item.at;
    this.time.title = '';
    this.tick(words);
  }

  tick(words) {
    this.time.textContent = ago(words, this.row.item.at);
  }

  /** Somebody points at it: the time in full, which would cost too much for all rows at once. */
  pointed(words) {
    this.time.title ||= words.date(this.row.item.at, FULL);
  }

  #facts(item, group, words) {
    const said = (key, values, kind = '') => h('span', { class: `chip ${kind}` }, words.say(key, values));
    const reason = `reason_${item.reason}`;
    const plain = [group?.names ?? item.event.actor, item.event.category, words.has(reason) ? words.say(reason) : item.reason];
    this.facts.replaceChildren(...[
      item.severity !== 'info' && said(item.severity, null, item.severity),
      group?.items > 1 && said('inThread', { n: group.items }),
      item.resolved_at && said('resolved', null, 'good'),
      item.saved_at && said('saved'),
      Date.parse(item.snoozed_until ?? 0) > Date.now() && said('snoozedUntil', { time: words.date(item.snoozed_until, SOON) }),
      ...plain.map((text) => text && h('span', null, text)),
    ].filter(Boolean));
  }

  #act(item, group, words) {
    const { showThread, done, save } = this.actions;
    name(done, words, item.done_at ? 'undone' : 'done');
    done.firstChild.firstChild.setAttribute('d', item.done_at ? UNDONE : ACTIONS.done);
    name(save, words, item.saved_at ? 'unsave' : 'save');
    save.setAttribute('aria-pressed', !!item.saved_at);
    showThread.hidden = !(group?.items > 1);
    showThread.setAttribute('aria-expanded', !!group?.open);
  }
}
