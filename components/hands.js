// What somebody does in an inbox, once they do: keys, opening, searching, asking for more. What is done with a row, and the
// search, are parts of their own.
import { Changes, now } from './changes.js';
import { key } from './keys.js';
import { first, older } from './pages.js';
import { place } from './place.js';
import { part } from './kit.js';

export { use } from './kit.js';

const DEEDS = () => import('./deeds.js');
const FINDING = () => import('./finding.js');

export class Hands {
  #view;
  #deeds;

  constructor(view) {
    this.#view = view;
  }

  /** What is on its way to the server, of whoever is here. */
  get changes() {
    return (this.#view.session.changes ??= new Changes(this.#view.session));
  }

  key(event, target) {
    key(this.#view, event, target);
  }

  /** The panel below its bell, where CSS cannot do that. */
  place() {
    const { host } = this.#view;
    place(host.parentNode, host.behind);
  }

  /** See pages.js. */
  load(list, run) {
    return first(list, run);
  }

  async older() {
    const { frame: { older: button }, host, list, rows } = this.#view;
    if (button.ariaBusy === 'true') return;
    const last = rows.shown.at(-1)?.key;
    const focused = button.matches(':focus');
    button.ariaBusy = true; // not disabled: the focus stays on it
    await older(list).catch((error) => this.failed('older_failed', error));
    button.ariaBusy = false;
    this.#view.changed();
    if (focused && button.hidden && [null, button].includes(host.shadowRoot.activeElement)) rows.focus(last);
  }

  /** Shows what was held back. */
  reveal() {
    const { frame, list, rows } = this.#view;
    for (const item of list.held.values()) list.admit(item, true);
    list.held.clear();
    this.#view.changed();
    frame.scroller.scrollTop = 0;
    rows.focusFirst();
    this.#view.seen();
  }

  find(open) {
    this.#with(FINDING, ({ Finding }) => {
      this.#view.finding ??= new Finding(this.#view);
      this.#view.finding.toggle(open);
    });
  }

  // ── what is done: see deeds.js ──

  /** What a key or a button of a row says. */
  command(name, row) {
    if (name === 'open') this.#open(row);
    else if (name === 'showThread') this.#toggle(row.row);
    else this.#do((deeds) => deeds.command(name, row));
  }

  help() {
    this.#do((deeds) => deeds.help());
  }

  readAll() {
    this.#do((deeds) => deeds.readAll());
  }

  failed(key, error, item) {
    this.#do((deeds) => deeds.failed(key, error, item));
  }

  /** What somebody did or looked for is theirs. */
  forget() {
    this.#deeds?.forget();
    this.#view.finding?.forget();
  }

  #do(run) {
    this.#with(DEEDS, ({ Deeds }) => run((this.#deeds ??= new Deeds(this.#view, this))));
  }

  #with(load, run) {
    part(load, true).then((module) => this.#view.well(() => run(module)), (error) => this.#view.missed(error));
  }

  async #toggle({ group }) {
    const { list } = this.#view;
    if (!group) return;
    try {
      await list.groups.toggle(group);
      this.#view.changed();
    } catch (error) {
      this.failed('older_failed', error);
    }
  }

  #open({ row: { item }, title }) {
    if (!item.read_at) this.changes.make('read', [item.id], { read_at: now(), seen_at: now() }).catch((error) => this.failed('failed_read', error, item));
    if (this.#view.host.tell('open', { item, url: title.href || null }, true) && title.href) location.assign(title.href);
  }
}
