// One list of the inbox: what was asked for, the rows that came, and what arrived and is held back.
import { places } from './changes.js';

const PAGE = 25;
const MOST = 200; // rows
const PLAIN = '{"view":"inbox"}';

export class List {
  #session;
  #changed;
  #run = 0;
  #ids = new Set();
  #floor = '';
  #next = null;
  query = { view: 'inbox' };
  held = new Map();
  problem = null;
  loading = true;
  /** What finding.js adds: whether an item is one of those looked for, and threads instead of items. */
  matches = null;
  groups = null;

  constructor(session, changed) {
    this.#session = session;
    this.#changed = changed;
  }

  get more() {
    return !!this.#next && (this.groups ?? this.#ids).size < MOST;
  }

  /** Asks for something else. Empty values ask for everything. */
  ask(query, { matches = null, groups } = {}) {
    this.query = Object.fromEntries(Object.entries(query).filter(([, value]) => value));
    this.matches = matches;
    this.groups = groups?.(this) ?? null;
    this.#empty();
    return this.load();
  }

  /** Reads the first page, and goes on trying: the session says when to stop. */
  async load() {
    const run = ++this.#run;
    if (!this.#session.first) return; // the session loads first, and then says so
    if (JSON.stringify(this.query) === PLAIN) return this.#seed();
    await this.#session.insist(async () => {
      const answer = await this.read();
      if (run !== this.#run) return;
      this.#empty();
      this.#add(answer);
      this.loading = false;
      this.#changed();
    }, (error) => {
      if (run === this.#run) this.problem = error;
      this.#changed();
      return run === this.#run;
    });
  }

  async older() {
    const run = this.#run;
    const answer = await this.read({ cursor: this.#next });
    if (run === this.#run) this.#add(answer);
    this.#changed();
  }

  /** An answer with its `items`, which the session has taken up. */
  async read(more) {
    const asked = Object.entries({ limit: PAGE, ...this.query, ...more }).filter(([, value]) => value);
    const answer = await this.#session.api.get('/v1/inbox', asked);
    answer.items ??= answer.groups.map((group) => group.newest);
    this.#session.take(answer);
    return answer;
  }

  /** The rows, newest first. `keep` stays although it belongs here no longer: somebody is at it. */
  rows(keep) {
    const rows = this.groups ? this.groups.rows(keep) : this.some(this.#ids, keep);
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
    return this.#session.changes.shown(id);
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
    if (!item || this.loading || item.place < this.#floor || !this.belongs(item)) return;
    if (this.#ids.has(item.id) || this.held.has(item.id)) return;
    if (isNew && holding) this.held.set(item.id, item);
    else this.#admit(item, isNew);
  }

  /** Shows what was held back. */
  reveal() {
    for (const item of this.held.values()) this.#admit(item, true);
    this.held.clear();
    this.#changed();
  }

  /** The ids behind a row: of a thread, all of them. */
  idsOf({ item, group }) {
    return group ? this.groups.idsOf(item, group) : [item.id];
  }

  async toggle({ group }) {
    await this.groups.toggle(group);
    this.#changed();
  }

  #empty() {
    this.#ids.clear();
    this.groups?.clear();
    this.held.clear();
    this.#next = this.problem = null;
    this.#floor = '';
    this.loading = true;
  }

  #seed() {
    const { first, items } = this.#session;
    this.#empty();
    for (const item of items.values()) if (item.place >= first.floor) this.#ids.add(item.id);
    this.#next = first.next;
    this.#floor = first.floor;
    this.loading = false;
    this.#changed();
  }

  #add({ items, groups, next }) {
    if (groups) this.groups.add(groups);
    else for (const item of items) this.#ids.add(item.id);
    this.#next = next;
    this.#floor = next ? items.at(-1).place : '';
  }

  #admit(item, isNew) {
    if (this.groups) return this.groups.admit(item, isNew);
    this.#ids.add(item.id);
    if (this.#ids.size > MOST) this.#cut();
  }

  /** Past the most rows the oldest go, and with them the way to what is older. */
  #cut() {
    const places = [...this.#ids].map((id) => [this.#session.items.get(id)?.place ?? '', id]).sort();
    this.#ids.delete(places[0][1]);
    this.#floor = places[1][0];
    this.#next = null;
  }
}
