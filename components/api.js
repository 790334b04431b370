// The recipient's HTTP API: a fresh token after a 401, a deadline, and problems that say what was wrong.

const DEADLINE = 15_000;
const LONGEST = 300_000; // that a server may ask for

/** What the server, or the way to it, had to say. `status` 0: it was not reached. `wait`: milliseconds it asked for. */
export class Problem extends Error {
  constructor(message, status = 0, wait = 0) {
    super(message);
    Object.assign(this, { name: 'Problem', status, wait });
  }
}

export class Api {
  constructor(base, token) {
    this.base = base;
    this.token = token;
    this.forget();
  }

  /** Nothing that was asked for so far is answered any more. */
  forget() {
    this.life?.abort();
    this.life = new AbortController();
  }

  get(path, query) {
    return this.#json('GET', path + (query ? `?${new URLSearchParams(query)}` : ''));
  }

  send(method, path, body) {
    return this.#json(method, path, body);
  }

  async #json(method, path, body) {
    const answer = await this.open(method, path, { body, signal: AbortSignal.any([this.life.signal, AbortSignal.timeout(DEADLINE)]) });
    return answer.status === 204 ? null : answer.json();
  }

  /** The raw answer, once it is a good one. */
  async open(method, path, { body, signal, accept = 'application/json' } = {}, again = true) {
    let token;
    try {
      token = await this.token.get();
    } catch (error) {
      throw new Problem(`no token: ${error.message}`, error.status ?? (error instanceof TypeError && !navigator.onLine ? 0 : 401));
    }
    const headers = { Authorization: `Bearer ${token}`, Accept: accept };
    if (body) headers['Content-Type'] = 'application/json';
    let answer;
    try {
      answer = await fetch(this.base + path, { method, headers, body: body && JSON.stringify(body), signal, cache: 'no-store' });
    } catch (error) {
      throw new Problem(`${this.base} was not reached: ${error.message}`);
    }
    if (answer.ok) return answer;
    if (answer.status === 401 && again) {
      await this.token.renew(token).catch(() => {});
      return this.open(method, path, { body, signal, accept }, false);
    }
    const said = await answer.json().catch(() => ({}));
    throw new Problem(said.detail ?? said.title ?? `${path.split('?')[0]} answered ${answer.status}`, answer.status, asked(answer.headers.get('Retry-After')));
  }
}

/** The milliseconds of a `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). */
const asked = (after) => Math.min(Number(after) * 1000 || Date.parse(after) - Date.now() || 0, LONGEST);

/** How long to wait before the next try. Nobody looks at a hidden page: it may wait longer. */
const backoff = (tries, error) =>
  Math.max(error?.wait ?? 0, Math.min(document.hidden ? 60_000 : 3_500, 150 * 2 ** tries) * (0.6 + Math.random() * 0.4));

/** Hears `now` when somebody does not want to wait for the next try. */
export const wake = new EventTarget();

/**
 * Waits before the next try. Ends at once when `signal` says so, or somebody who does not want to wait; and, unless the
 * server asked for it, when the network comes back or the page is looked at again.
 */
export function pause(tries, error, signal) {
  return new Promise((done) => {
    const end = new AbortController();
    const over = () => {
      clearTimeout(timer);
      end.abort();
      done();
    };
    const timer = setTimeout(over, backoff(tries, error));
    const listen = (target, name, heard = over) => target.addEventListener(name, heard, { signal: end.signal });
    listen(wake, 'now');
    listen(signal, 'abort');
    if (error?.wait > 0) return;
    listen(window, 'online');
    listen(document, 'visibilitychange', () => document.hidden || over());
  });
}
