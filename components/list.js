// One list of the inbox: what was asked for, the rows that came, and what arrived and is held back. The first page of the
// plain inbox is the session's own; everything else is read by pages.js.
import { places } from './places.js';

const MOST = 200; // rows
const PLAIN = '{"view":"inbox"}';

export class List {
  #view;
  #session;
  #run = 0;
  ids = new Set();
  /** The place of the last item that is listed, and the cursor of what is older. */
  floor = '';
  next = null;
  query = { view: 'inbox' };
  held = new Map();
  problem = null;
  loading = true;
  /** What finding.js adds: whether an item is one of those looked for, and threads instead of items. */
  matches = null;
  groups = null;

  constructor(view) {
    this.#view = view;
    this.#session = view.session;
  }

  get session() {
    return this.#session;
  }

  /** Another one when the list was read anew. */
  get run() {
    return this.#run;
  }

  get more() {
    return !!this.next && (this.groups ?? this.ids).size < MOST;
  }

  /** Asks for something else. Empty values ask for everything. */
  ask(query, { matches = null, groups } = {}) {
    this.query = Object.fromEntries(Object.entries(query).filter(([, value]) => value));
    this.matches = matches;
    this.groups = groups?.(this) ?? null;
    this.empty();
    this.load();
  }

  /** Reads the first page, and goes on trying: the session says when to stop. */
  load() {
    const run = ++this.#run;
    const { first, items } = this.#session;
    if (!first) return; // the session loads first, and then says so
    if (JSON.stringify(this.query) !== PLAIN) {
      this.#session.insist(async () => (await this.#view.hands()).load(this, run), (error) => {
        if (run !== this.#run) return false;
        this.problem = error;
        this.#view.changed();
        return true;
      });
      return;
    }
    this.empty();
    for (const item of items.values()) if (item.place >= first.floor) this.ids.add(item.id);
    this.next = first.next;
    this.floor = first.floor;
    this.filled();
  }

  /** Everything that was asked for is here. */
  filled() {
    this.loading = false;
    this.#view.changed();
    this.#view.seen();
  }

  /** The rows, newest first. `keep` stays although it belongs here no longer: somebody is at it. */
  rows(keep) {
    const rows = this.groups ? this.groups.rows(keep) : this.some(this.ids, keep);
    return rows.sort((a, b) => (a.item.place < b.item.place ? 1 : -1)).flatMap((row) => [row, ...(row.children ?? [])]);
  }

  /** Of these the rows. */
  some(ids, keep) {
    const rows = [];
    for (const id of ids) {
      const item = this.shown(id);
      if (!item) continue;
      const gone = !this.belongs(item);
      if (!gone || keep === id) rows.push({ key: id, item, gone });
    }
    return rows;
  }

  shown(id) {
    const { changes, items } = this.#session;
    return changes ? changes.shown(id) : items.get(id);
  }

  /** Whether an item is of what was asked for. */
  belongs(item) {
    const { view, thread, subject } = this.query;
    return places(item)[view] &&
      (!thread || item.event.thread === thread) &&
      (!subject || item.event.subject === subject) &&
      (!this.matches || this.matches(item));
  }

  /** Something arrived or changed. Held back where `holding`, so that nothing moves under a hand or an eye. */
  took({ item }, isNew, holding) {
    if (!item || this.loading || item.place < this.floor || !this.belongs(item)) return;
    if (this.ids.has(item.id) || this.held.has(item.id)) return;
    if (isNew && holding) this.held.set(item.id, item);
    else this.admit(item, isNew);
  }

  admit(item, isNew) {
    if (this.groups) return this.groups.admit(item, isNew);
    this.ids.add(item.id);
    if (this.ids.size > MOST) this.#cut();
  }

  empty() {
    this.ids.clear();
    this.groups?.clear();
    this.held.clear();
    this.next = this.problem = null;
    this.floor = '';
    this.loading = true;
  }

  /** Past the most rows the oldest go, and with them the way to what is older. */
  #cut() {
    const places = [...this.ids].map((id) => [this.#session.items.get(id)?.place ?? '', id]).sort();
    this.ids.delete(places[0][1]);
    this.floor = places[1][0];
    this.next = null;
  }
}
