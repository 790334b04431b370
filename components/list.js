// One list of the inbox: what was asked for, the rows that came, and what arrived and is held back.
import { places } from './changes.js';

const PAGE = 25;
const MOST = 200; // rows
const SEVERITIES = ['info', 'warning', 'action', 'urgent'];
const PLAIN = '{"view":"inbox"}';

/** Whether an item belongs to what was asked for. */
function belongs(item, { view, category, severity, thread, subject, q }) {
  const { event } = item;
  const said = `${item.title} ${item.text}`.toLowerCase();
  return places(item)[view] &&
    (!category || event.category === category) &&
    (!severity || SEVERITIES.indexOf(item.severity) >= SEVERITIES.indexOf(severity)) &&
    (!thread || event.thread === thread) &&
    (!subject || event.subject === subject) &&
    (!q || q.toLowerCase().split(/\s+/).every((word) => said.includes(word)));
}

export class List {
  #session;
  #changed;
  #run = 0;
  #ids = new Set();
  #groups = new Map();
  #floor = '';
  #next = null;
  query = { view: 'inbox' };
  held = new Map();
  problem = null;
  loading = true;

  constructor(session, changed) {
    this.#session = session;
    this.#changed = changed;
  }

  get more() {
    return !!this.#next && this.#ids.size + this.#groups.size < MOST;
  }

  get grouped() {
    return this.query.group === 'thread';
  }

  /** Asks for something else. Empty values ask for everything. */
  ask(query) {
    this.query = Object.fromEntries(Object.entries(query).filter(([, value]) => value));
    this.#empty();
    return this.load();
  }

  /** Reads the first page, and goes on trying: the session says when to stop. */
  async load() {
    const run = ++this.#run;
    if (!this.#session.first) return; // the session loads first, and then says so
    if (JSON.stringify(this.query) === PLAIN) return this.#seed();
    await this.#session.insist(async () => {
      const answer = await this.#read(null);
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
    const answer = await this.#read(this.#next);
    if (run === this.#run) this.#add(answer);
    this.#changed();
  }

  /** The rows, newest first. `keep` stays although it belongs here no longer: somebody is at it. */
  rows(keep) {
    const rows = this.grouped ? this.#grouped(keep) : this.#flat([...this.#ids], keep);
    return rows.sort((a, b) => (a.item.place < b.item.place ? 1 : -1)).flatMap((row) => [row, ...(row.children ?? [])]);
  }

  /** Something arrived or changed. Held back where `holding`, so that nothing moves under a hand or an eye. */
  took({ item }, isNew, holding) {
    if (!item || this.loading || !belongs(item, this.query) || item.place < this.#floor) return;
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

  /** The ids behind a row: of a group, all of them. */
  async idsOf({ item, group }) {
    if (!group) return [item.id];
    await this.#open(group);
    return group.ids.filter((id) => belongs(this.#shown(id) ?? item, this.query));
  }

  async toggle({ group }) {
    group.open = !group.open;
    if (group.open) await this.#open(group);
    this.#changed();
  }

  #shown(id) {
    return this.#session.changes.shown(id);
  }

  #empty() {
    this.#ids.clear();
    this.#groups.clear();
    this.held.clear();
    this.#next = this.problem = null;
    this.#floor = '';
    this.loading = true;
  }

  #read(cursor, query = this.query) {
    return this.#session.api.get('/v1/inbox', { limit: PAGE, ...query, ...(cursor && { cursor }) }).then((answer) => {
      const items = answer.items ?? answer.groups.map((group) => group.newest);
      this.#session.take({ ...answer, items });
      return { ...answer, items };
    });
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
    if (groups) for (const group of groups) this.#groups.set(group.thread ?? group.newest.id, { ...group, newest: group.newest.id });
    else for (const item of items) this.#ids.add(item.id);
    this.#next = next;
    this.#floor = next ? items.at(-1).place : '';
  }

  #admit(item, isNew) {
    if (!this.grouped) {
      this.#ids.add(item.id);
      if (this.#ids.size > MOST) this.#cut();
      return;
    }
    const { thread, actor } = item.event;
    const group = this.#groups.get(thread ?? item.id) ?? { thread, items: 0, unread: 0, actors: [] };
    if (isNew || !group.items) {
      Object.assign(group, { newest: item.id, items: group.items + 1, unread: group.unread + 1 });
      group.actors = [...new Set([actor, ...group.actors])].filter(Boolean).slice(0, 3);
    }
    group.ids?.unshift(item.id);
    this.#groups.set(thread ?? item.id, group);
  }

  /** Past the most rows the oldest go, and with them the way to what is older. */
  #cut() {
    const places = [...this.#ids].map((id) => [this.#session.items.get(id)?.place ?? '', id]).sort();
    this.#ids.delete(places[0][1]);
    this.#floor = places[1][0];
    this.#next = null;
  }

  #flat(ids, keep) {
    const rows = [];
    for (const id of ids) {
      const item = this.#shown(id);
      if (!item) continue;
      const here = belongs(item, this.query);
      if (here || keep === id) rows.push({ key: id, item, gone: !here });
    }
    return rows;
  }

  #grouped(keep) {
    const rows = [];
    for (const [key, group] of this.#groups) {
      const shown = group.ids && this.#flat(group.ids, keep);
      const item = shown ? shown[0]?.item : this.#shown(group.newest);
      if (!item) continue;
      const here = belongs(item, this.query);
      const children = group.open && shown ? shown.map((row) => ({ ...row, key: `${key} ${row.key}`, child: true })) : [];
      if (here || keep === key) rows.push({ key, item, group, children, gone: !here });
    }
    return rows;
  }

  async #open(group) {
    if (group.ids) return;
    if (!group.thread) group.ids = [group.newest];
    else {
      const { group: _, ...query } = this.query;
      group.ids = (await this.#read(null, { ...query, thread: group.thread, limit: 100 })).items.map((item) => item.id);
    }
  }
}
