// The tabs of one recipient: one of them leads and holds the stream, the others hear from it.

const PATIENCE = 300; // milliseconds a leader has to answer a tab that is being looked at

export class Tabs {
  #channel;
  #lead;
  #hear;
  #end = new AbortController();
  #queue;
  #reign = null;
  #answered;
  id = Math.random();

  /** `lead(signal)` runs while this tab leads; `hear(message)` for what another tab says. */
  constructor(name, lead, hear) {
    this.name = `clarion ${name}`;
    this.#lead = lead;
    this.#hear = hear;
    const { signal } = this.#end;
    this.#channel = new BroadcastChannel(this.name);
    this.#channel.onmessage = ({ data }) => this.#heard(data);
    this.#request();
    document.addEventListener('visibilitychange', () => document.hidden || this.#claim(), { signal });
  }

  get leads() {
    return !!this.#reign;
  }

  tell(message) {
    if (!this.#end.signal.aborted) this.#channel.postMessage({ from: this.id, ...message });
  }

  stop() {
    this.#end.abort();
    this.#queue?.abort();
    this.#reign?.abort();
    clearTimeout(this.#answered);
    this.#channel.close();
  }

  #request(steal) {
    if (!navigator.locks) return this.#rule(); // no secure context: each tab for itself
    this.#queue?.abort();
    const queue = (this.#queue = new AbortController());
    navigator.locks
      .request(this.name, steal ? { steal } : { signal: queue.signal }, () => this.#rule())
      .catch(() => {
        if (this.#queue !== queue || this.#end.signal.aborted) return;
        this.#reign?.abort(); // stolen by a tab that is being looked at
        this.#reign = null;
        this.#request();
      });
  }

  async #rule() {
    if (this.#end.signal.aborted) return;
    const reign = (this.#reign = new AbortController());
    try {
      await this.#lead(reign.signal);
    } finally {
      if (this.#reign === reign) this.#reign = null;
    }
  }

  /** Takes over from a tab that is hidden, for browsers slow those down, or that does not answer. */
  #claim() {
    if (this.leads) return;
    clearTimeout(this.#answered);
    this.#answered = setTimeout(() => this.leads || this.#end.signal.aborted || this.#request(true), PATIENCE);
    this.tell({ type: 'who' });
  }

  #heard(message) {
    if (message.type === 'who') {
      if (this.leads && !document.hidden) this.tell({ type: 'me', to: message.from });
    } else if (message.to && message.to !== this.id) return;
    else if (message.type === 'me') clearTimeout(this.#answered);
    else this.#hear(message);
  }
}
