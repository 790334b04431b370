// Changes on their way to the server, from the first deed on. What is shown is what the server said, with these on top; a change that fails is
// taken away alone, and whatever arrived meanwhile stays.

import { places } from './places.js';

const MOST = 1000; // ids in one request
export const now = () => new Date().toISOString();
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

  /** Shows what it will be (`patch`) at once, and throws a Problem when the server did not take it: then it is no longer shown. */
  async make(verb, ids, patch, body) {
    const change = { ids: new Set(ids), patch };
    const kept = 'deleted' in patch ? ids.map((id) => this.#session.items.get(id)) : [];
    this.#pending.push(change);
    this.#session.changed();
    try {
      for (let at = 0; at < ids.length; at += MOST) await this.#send(verb, ids.slice(at, at + MOST), body);
      for (const item of kept) if (item) this.#session.items.set(item.id, { ...item, ...patch });
    } finally {
      this.#pending.splice(this.#pending.indexOf(change), 1);
      this.#session.changed();
    }
  }

  async #send(verb, ids, body) {
    const { api } = this.#session;
    const before = new Set(ids.map((id) => this.#last.get(id)));
    const sent = Promise.allSettled(before).then(() => api.send('POST', `/v1/inbox/${verb}`, { ids, ...body }));
    for (const id of ids) this.#last.set(id, sent);
    try {
      this.#session.merge(await sent);
    } finally {
      for (const id of ids) if (this.#last.get(id) === sent) this.#last.delete(id);
    }
  }
}
