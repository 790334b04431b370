// The recipient's token: asked for when needed, renewed at 80 % of its life by one tab for all, never in a URL.

const RENEW = 0.8;
const OTHERS = 0.9; // when the tab that should have renewed it did not

/** What a JWT says. Nothing is trusted here: the server checks. */
export function claims(token) {
  try {
    const text = atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
  } catch {
    return {};
  }
}

/** Whose token this is. Tabs share nothing unless this is the same. */
export function identity(token) {
  const { exp, iat, nbf, jti, ...who } = claims(token);
  return Object.keys(who).length ? JSON.stringify(Object.entries(who).sort()) : String(Math.random());
}

export class Token {
  #url;
  #hook;
  #hooked;
  #waiting;
  #value;
  #asking;
  #timer;
  #tabs;
  /** Called when the token is another recipient's: what is known must be forgotten. */
  onidentity = () => {};

  constructor(url) {
    this.#url = url;
    this.#waiting = new Promise((done) => (this.#hooked = done));
  }

  hook(ask) {
    this.#hook = ask;
    this.#hooked();
  }

  /** The tabs to share with, once it is known who is asking. */
  share(tabs) {
    this.#tabs = tabs;
  }

  async get() {
    return this.#value ?? this.renew();
  }

  /** A token from another tab of the same recipient. */
  take(token) {
    if (token === this.#value) return;
    const before = this.#value;
    this.#value = token;
    this.#plan();
    if (before && identity(before) !== identity(token)) this.onidentity();
  }

  /** Asks for a new token, once however many wait for it; `stale` is the one that was refused. */
  renew(stale) {
    if (stale && stale !== this.#value) return this.get();
    this.#asking ??= this.#ask(stale).finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #ask(stale) {
    if (!this.#url && !this.#hook) await Promise.race([this.#waiting, new Promise((late) => setTimeout(late, 3000))]);
    if (!this.#url && !this.#hook) throw new Error('set token-url or getToken: neither is');
    const name = this.#tabs && `${this.#tabs.name} token`;
    return name && navigator.locks ? navigator.locks.request(name, () => this.#fetch(stale)) : this.#fetch(stale);
  }

  async #fetch(stale) {
    if (this.#value && this.#value !== stale) return this.#value; // another tab was faster
    const token = await (this.#hook ? this.#hook() : this.#post());
    if (typeof token !== 'string' || !token) {
      throw new TypeError(`getToken answered ${token === null ? 'null' : typeof token}, not a token`);
    }
    this.take(token);
    this.#tabs?.tell({ type: 'token', token });
    return token;
  }

  async #post() {
    const answer = await fetch(this.#url, { method: 'POST', headers: { Accept: 'application/json' }, cache: 'no-store' });
    if (!answer.ok) throw Object.assign(new Error(`${this.#url} answered ${answer.status}`), { status: answer.status });
    return (await answer.json()).token;
  }

  #plan() {
    clearTimeout(this.#timer);
    const { exp, iat } = claims(this.#value);
    if (!exp) return;
    const life = (exp - (iat ?? Date.now() / 1000)) * 1000;
    const share = !this.#tabs || this.#tabs.leads ? RENEW : OTHERS;
    const wait = exp * 1000 - life * (1 - share) - Date.now();
    this.#timer = setTimeout(() => this.renew(this.#value).catch(() => {}), Math.min(Math.max(wait, 1000), 2 ** 31 - 1));
  }

  stop() {
    clearTimeout(this.#timer);
  }
}
