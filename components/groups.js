// The threads of a list: each a row of its newest item, which opens to show the others.
import { read } from './pages.js';

export class Groups {
  #list;
  #view;
  #groups = new Map();

  constructor(list, view) {
    this.#list = list;
    this.#view = view;
  }

  get size() {
    return this.#groups.size;
  }

  clear() {
    this.#groups.clear();
  }

  add(groups) {
    for (const group of groups) this.#groups.set(group.thread ?? group.newest.id, { ...group, newest: group.newest.id });
  }

  admit(item, isNew) {
    const { thread, actor } = item.event;
    const group = this.#groups.get(thread ?? item.id) ?? { thread, items: 0, unread: 0, actors: [] };
    if (isNew || !group.items) {
      Object.assign(group, { newest: item.id, items: group.items + 1, unread: group.unread + 1 });
      group.actors = [...new Set([actor, ...group.actors])].filter(Boolean).slice(0, 3);
    }
    group.ids?.unshift(item.id);
    this.#groups.set(thread ?? item.id, group);
  }

  rows(keep) {
    const rows = [];
    for (const [key, group] of this.#groups) {
      const shown = group.ids && this.#list.some(group.ids, keep);
      const item = shown ? shown[0]?.item : this.#list.shown(group.newest);
      if (!item) continue;
      const gone = !this.#list.belongs(item);
      const children = group.open && shown ? shown.map((row) => ({ ...row, key: `${key} ${row.key}`, child: true })) : [];
      group.names = group.actors.length > 1 ? this.#view.words.intl('ListFormat').format(group.actors) : undefined;
      if (!gone || keep === key) rows.push({ key, item, group, children, gone });
    }
    return rows;
  }

  async idsOf(item, group) {
    await this.#read(group);
    return group.ids.filter((id) => this.#list.belongs(this.#list.shown(id) ?? item));
  }

  async toggle(group) {
    group.open = !group.open;
    if (group.open) await this.#read(group);
  }

  async #read(group) {
    group.ids ??= group.thread ? await this.#idsOf(group.thread) : [group.newest];
  }

  async #idsOf(thread) {
    const { items } = await read(this.#list, { thread, group: '', limit: 100 });
    return items.map((item) => item.id);
  }
}
