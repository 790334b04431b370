// Changes on their way to the server. What is shown is what the server said, with these on top; a change that fails is
// taken away alone, and whatever arrived meanwhile stays.

const MOST = 1000; // ids in one request
const now = () => new Date().toISOString();
const PATCHES = {
  seen: () => ({ seen_at: now() }),
  read: () => ({ read_at: now(), seen_at: now() }),
  unread: () => ({ read_at: null }),
  done: () => ({ done_at: now() }),
  undone: () => ({ done_at: null }),
  save: () => ({ saved_at: now() }),
  unsave: () => ({ saved_at: null }),
  snooze: ({ until }) => ({ snoozed_until: until }),
  unsnooze: () => ({ snoozed_until: null }),
  delete: () => ({ deleted: true }),
  undelete: () => ({ deleted: false }),
};

/** Where an item counts and is listed. Saved and done as on GitHub: what is saved stays where it is, too. */
export function places(item) {
  const kept = !item.deleted;
  const snoozed = kept && !item.done_at && Date.parse(item.snoozed_until ?? 0) > Date.now();
  const inbox = kept && !item.done_at && !snoozed;
  return {
    inbox, snoozed, done: kept && !!item.done_at, saved: kept && !!item.saved_at,
    unread: inbox && !item.read_at, unseen: inbox && !item.seen_at,
  };
}

export class Changes {
  #session;
  #pending = [];
  #last = new Map(); // id → the last request that changes it: requests about one item never overtake each other

  constructor(session) {
    this.#session = session;
  }

  /** An item as it is shown. */
  shown(id) {
    let item = this.#session.items.get(id);
    for (const { ids, patch } of this.#pending) if (item && ids.has(id)) item = { ...item, ...patch };
    return item;
  }

  /** What the changes on their way add to a count. */
  delta(name) {
    const ids = new Set(this.#pending.flatMap((change) => [...change.ids]));
    let sum = 0;
    for (const id of ids) {
      const said = this.#session.items.get(id);
      if (said) sum += places(this.shown(id))[name] - places(said)[name];
    }
    return sum;
  }

  /** Shows it at once, and throws a Problem when the server did not take it: then it is no longer shown. */
  async make(verb, ids, body = {}) {
    const change = { ids: new Set(ids), patch: PATCHES[verb](body) };
    const kept = verb === 'delete' || verb === 'undelete' ? ids.map((id) => this.#session.items.get(id)) : [];
    this.#pending.push(change);
    this.#session.changed();
    try {
      for (let at = 0; at < ids.length; at += MOST) await this.#send(verb, ids.slice(at, at + MOST), body);
      for (const item of kept) if (item) this.#session.items.set(item.id, { ...item, ...change.patch });
    } finally {
      this.#pending.splice(this.#pending.indexOf(change), 1);
      this.#session.changed();
    }
  }

  async #send(verb, ids, body) {
    const { api, items } = this.#session;
    const before = new Set(ids.map((id) => this.#last.get(id)));
    const sent = Promise.allSettled(before).then(() => api.send('POST', `/v1/inbox/${verb}`, { ids, ...body }));
    for (const id of ids) this.#last.set(id, sent);
    try {
      const { changed, counts } = await sent;
      for (const fields of changed) if (items.has(fields.id)) items.set(fields.id, { ...items.get(fields.id), ...fields });
      this.#session.counts = counts;
    } finally {
      for (const id of ids) if (this.#last.get(id) === sent) this.#last.delete(id);
    }
  }
}
