// What the page knows of one recipient's inbox: items as the server said them, counts, and the stream that keeps both
// in step. Every element of the page with the same `src` and `token-url` shares one.
import { Api, Problem, pause, wake } from './api.js';
import { read } from './stream.js';
import { Tabs } from './tabs.js';
import { Token, identity } from './token.js';

const REMEMBERED = 500; // changes, for tabs and answers that come late
const GRACE = 1000; // milliseconds between the last element's leaving and the end
const STALE = 2000; // milliseconds without a stream before it is said
const HOME = new URL('..', import.meta.url).href; // `…/static/clarion.js` is served below the base URL
const sessions = new Map();

export function sessionOf(element) {
  const base = new URL(element.getAttribute('src') || HOME, document.baseURI).href.replace(/\/$/, '');
  const url = element.getAttribute('token-url');
  const key = `${base} ${url}`;
  if (!sessions.has(key)) sessions.set(key, new Session(base, url, () => sessions.delete(key)));
  return sessions.get(key);
}

export class Session {
  #members = new Set();
  #ended;
  #end = null;
  #tabs = null;
  #ring = [];
  #ringFrom = 0;
  #drawing = false;
  #staleTimer;
  #loaded;
  #ready;
  /** Of the first page: the cursor after it, and the place of its last item. */
  first = null;
  items = new Map();
  counts = null;
  feed = null;
  problem = null;
  stale = false;
  /** When the server was last in step with what is shown. */
  since = Date.now();
  /** What is on its way to the server: see changes.js, which is loaded with hands.js. */
  changes = null;

  constructor(base, tokenUrl, ended) {
    this.#ended = ended;
    this.token = new Token(tokenUrl && new URL(tokenUrl, document.baseURI));
    this.api = new Api(base, this.token);
    this.token.onidentity = () => this.#forget();
  }

  join(member) {
    this.#members.add(member);
    if (!this.#end) this.#start();
  }

  leave(member) {
    this.#members.delete(member);
    setTimeout(() => this.#members.size || !this.#end || this.#stop(), GRACE);
  }

  /** `loading`, `error` or `offline` without anything to show; else `live`, `stale` or `offline`. */
  get condition() {
    if (!navigator.onLine) return 'offline';
    if (!this.counts) return this.problem ? 'error' : 'loading';
    return this.stale || this.problem ? 'stale' : 'live';
  }

  /** A count, with what is on its way. */
  total(name) {
    return Math.max(0, (this.counts?.[name] ?? 0) + (this.changes?.delta(name) ?? 0));
  }

  /** The first element of the page speaks for all: nothing is said twice. */
  speaks(member) {
    return !document.hidden && this.#members.values().next().value === member;
  }

  /** Draws all elements, once after everything that happens now. */
  changed() {
    if (this.#drawing) return;
    this.#drawing = true;
    queueMicrotask(() => {
      this.#drawing = false;
      for (const member of this.#members) member.changed();
    });
  }

  /** Does it until it works, or `failed(error)` says that it is no longer wanted. */
  async insist(work, failed) {
    const signal = this.#end?.signal ?? AbortSignal.abort();
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted || !failed(error)) return;
        await pause(tries, error, signal);
      }
    }
  }

  /** Tries again now. */
  retry() {
    wake.dispatchEvent(new Event('now'));
  }

  /** Takes up an answer with items, and what happened since it was written. */
  take({ items, counts, feed }) {
    const late = this.#ring.filter(({ seq }) => seq > feed);
    if (this.feed === null) {
      this.items.clear();
      this.#ring = late;
      this.#ringFrom = feed;
      this.feed = late.at(-1)?.seq ?? feed;
    }
    this.counts = late.at(-1)?.change.counts ?? counts;
    for (const item of items) this.items.set(item.id, item);
    for (const { change } of late) this.#keep(change);
    this.changed();
  }

  /** Takes up what changed, as the server answers a change. */
  merge({ changed, counts }) {
    const { items } = this;
    for (const fields of changed) if (items.has(fields.id)) items.set(fields.id, { ...items.get(fields.id), ...fields });
    this.counts = counts;
    this.changed();
  }

  #start() {
    const end = (this.#end = new AbortController());
    const { signal } = end;
    this.#loaded = new Promise((done) => (this.#ready = done));
    addEventListener('offline', () => this.changed(), { signal });
    addEventListener('online', () => this.changed(), { signal });
    addEventListener('pageshow', ({ persisted }) => persisted && this.#reset(), { signal });
    this.#load(signal);
  }

  #stop() {
    this.#cease();
    this.token.stop();
    this.#ended();
  }

  #cease() {
    this.#end?.abort();
    this.#tabs?.stop();
    this.#end = this.#tabs = null; // the next are those of whoever comes then
    clearTimeout(this.#staleTimer);
  }

  #forget() {
    this.#cease();
    this.api.forget();
    this.items.clear();
    this.#ring = [];
    this.counts = this.feed = this.first = this.problem = this.changes = null;
    for (const member of this.#members) member.forgotten?.();
    this.#start();
  }

  #load(signal) {
    return this.insist(async () => {
      const token = await this.token.get();
      if (!this.#tabs && !signal.aborted) this.#share(token);
      const answer = await this.api.get('/v1/inbox', { view: 'inbox', limit: 25 });
      if (signal.aborted) return;
      this.problem = null;
      this.take(answer);
      this.first = { next: answer.next, floor: answer.next ? (answer.items.at(-1)?.place ?? '') : '' };
      this.#tabs.tell({ type: 'since', feed: this.feed });
      for (const member of this.#members) member.loaded?.();
      this.#ready();
    }, (error) => this.#failed(error));
  }

  #failed(error) {
    const known = this.problem?.message === error.message;
    this.problem = error instanceof Problem ? error : new Problem(error.message, error.status ?? 0);
    if (!known) this.#members.values().next().value?.tell('error', { error: this.problem });
    this.changed();
    return true;
  }

  #share(token) {
    const name = `${this.api.base} ${identity(token)}`;
    this.#tabs = new Tabs(name, (signal) => this.#follow(signal), (message) => this.#heard(message));
    this.token.share(this.#tabs);
  }

  /** Holds the stream while this tab leads. */
  async #follow(signal) {
    await this.#loaded;
    for (let tries = 0; !signal.aborted; tries++) {
      let problem;
      try {
        const cut = new AbortController();
        const answer = await this.api.open('GET', `/v1/inbox/stream?after=${this.feed}`, {
          signal: AbortSignal.any([signal, cut.signal]),
          accept: 'text/event-stream',
        });
        this.#live(true);
        let told = [];
        let before = this.feed;
        await read(answer.body, {
          cut: () => cut.abort(),
          heard: (event, change, seq) => {
            if (event === 'reset') this.#tabs.tell({ type: 'reset' }), this.#reset();
            else if (event === 'change' && this.#receive(seq, change)) told.push({ seq, change });
          },
          beat: () => {
            tries = 0;
            if (told.length) this.#tabs.tell({ type: 'changes', prev: before, list: told });
            told = [];
            before = this.feed;
          },
        });
      } catch (error) {
        problem = error;
      }
      if (signal.aborted) return;
      this.#live(false);
      await pause(tries, problem, signal);
    }
  }

  #heard(message) {
    if (message.type === 'token') this.token.take(message.token);
    else if (message.type === 'live') this.#live(message.live, true);
    else if (this.feed === null) return;
    else if (message.type === 'reset') this.#reset();
    else if (message.type === 'since' && this.#tabs.leads) this.#answer(message);
    else if (message.type === 'changes') {
      if (this.feed < message.prev) this.#tabs.tell({ type: 'since', feed: this.feed });
      else for (const { seq, change } of message.list) this.#receive(seq, change);
    }
  }

  #answer({ from, feed }) {
    this.#tabs.tell({ type: 'live', to: from, live: !this.stale });
    if (feed < this.#ringFrom) this.#tabs.tell({ type: 'reset', to: from });
    else this.#tabs.tell({ type: 'changes', to: from, prev: feed, list: this.#ring.filter(({ seq }) => seq > feed) });
  }

  #live(live, heard = false) {
    if (live) {
      clearTimeout(this.#staleTimer);
      this.#staleTimer = null;
      this.stale = false;
      this.since = Date.now();
    } else {
      this.#staleTimer ??= setTimeout(() => ((this.stale = true), this.changed()), STALE);
    }
    if (!heard) this.#tabs?.tell({ type: 'live', live });
    this.changed();
  }

  #receive(seq, change) {
    if (this.feed !== null && !(seq > this.feed)) return false;
    this.#ring.push({ seq, change });
    if (this.feed === null) return true; // being read again: taken up with the answer
    this.feed = seq;
    this.since = Date.now();
    if (this.#ring.length > REMEMBERED) this.#ringFrom = this.#ring.shift().seq;
    this.counts = change.counts ?? this.counts;
    const known = this.items.has(change.id);
    this.#keep(change);
    const isNew = change.kind === 'notification.created' && !known;
    for (const member of this.#members) member.took?.(change, isNew);
    this.changed();
    return true;
  }

  #keep({ kind, id, item }) {
    if (kind === 'notification.removed') this.items.delete(id);
    else if (item) this.items.set(id, item);
  }

  /** Too old to be mended by changes: everything is read again. */
  async #reset() {
    this.feed = null;
    this.#ring = [];
    await this.#load(this.#end.signal);
  }
}
