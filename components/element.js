// What every Clarion element is made of: a shadow root, a session, words in the reader's language, and listeners
// that end when it leaves the page.
import { sessionOf } from './session.js';
import { base } from './look.js';
import { ENGLISH, wordsFor } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';
const RTL = /^(ar|dv|fa|he|ku|ps|sd|ug|ur|yi)\b/;

/** An element. Functions listen (`onclick`), `value` is a property, the rest are attributes; null and false are left out. */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked') element[name] = value;
    else if (value === true) element.setAttribute(name, '');
    else if (value != null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** A line drawing on a grid of 24. */
export function icon(path) {
  const svg = document.createElementNS(SVG, 'svg');
  const line = document.createElementNS(SVG, 'path');
  line.setAttribute('d', path);
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(line);
  return svg;
}

/** The nearest value of an attribute, going up through shadow roots. */
function nearest(element, name) {
  for (let at = element; at; at = at.getRootNode().host) {
    const found = at.closest(`[${name}]`);
    if (found) return found.getAttribute(name);
  }
  return '';
}

export class ClarionElement extends HTMLElement {
  static observedAttributes = ['src', 'token-url', 'lang', 'dir', 'theme'];
  #life = null;
  #getToken = null;
  #watch = new MutationObserver(() => this.speak());

  constructor() {
    super();
    this.internals = this.attachInternals();
    this.words = ENGLISH;
    this.root = h('div', { class: 'root', part: 'root' });
    this.voice = h('div', { class: 'unseen', role: 'status' });
    const shadow = this.attachShadow({ mode: 'open' });
    shadow.adoptedStyleSheets = [base];
    shadow.append(this.root, this.voice);
  }

  /** Adds a style sheet to those that it has, once. */
  wear(look) {
    const worn = this.shadowRoot.adoptedStyleSheets;
    if (!worn.includes(look)) worn.push(look);
  }

  /** Ends when the element leaves the page: pass it to every listener on something that is not its own. */
  get life() {
    return this.#life?.signal;
  }

  get getToken() {
    return this.#getToken;
  }

  set getToken(hook) {
    this.#getToken = hook;
    if (this.session && hook) this.session.token.hook(hook);
  }

  connectedCallback() {
    if (Object.hasOwn(this, 'getToken')) {
      const { getToken } = this; // set before the element was defined
      delete this.getToken;
      this.getToken = getToken;
    }
    this.#life = new AbortController();
    this.#watch.observe(document.documentElement, { attributeFilter: ['lang', 'dir'] });
    this.#join();
    this.speak();
    this.connected?.();
  }

  disconnectedCallback() {
    this.#life?.abort();
    this.#life = null;
    this.#watch.disconnect();
    this.disconnected?.();
    this.session?.leave(this);
    this.session = null;
  }

  /** Moved with `moveBefore`: everything stays. */
  connectedMoveCallback() {}

  attributeChangedCallback(name, before, now) {
    if (!this.#life || before === now) return;
    if (name === 'src' || name === 'token-url') this.#join();
    else if (name === 'lang' || name === 'dir') this.speak();
    else this.changed();
  }

  #join() {
    const session = sessionOf(this);
    if (session === this.session) return;
    this.session?.leave(this);
    this.session = session;
    if (this.#getToken) session.token.hook(this.#getToken);
    session.join(this);
    this.joined?.();
  }

  /** Takes up language and direction from the element, or what stands around it. */
  async speak() {
    const lang = nearest(this, 'lang') || navigator.language || 'en';
    const dir = nearest(this, 'dir') || (RTL.test(lang) ? 'rtl' : 'ltr');
    this.root.dir = this.voice.dir = dir === 'auto' ? 'ltr' : dir;
    if (this.wanted === lang) return;
    this.wanted = lang;
    const words = await wordsFor(lang);
    if (this.wanted !== lang) return;
    this.words = words;
    this.root.lang = this.voice.lang = words.lang;
    this.spoken?.();
    this.changed();
  }

  t(key, values) {
    return this.words.say(key, values);
  }

  /** Tells the page. Returns false when a cancelable event was prevented: the host does it itself. */
  tell(name, detail, cancelable = false) {
    return this.dispatchEvent(new CustomEvent(`clarion:${name}`, { detail, cancelable, bubbles: true, composed: true }));
  }

  /** Switches `:state(name)`. */
  mark(name, on) {
    this.internals.states[on ? 'add' : 'delete'](name);
  }

  /** Says something to a screen reader, politely, even what it has just said. */
  announce(text) {
    this.voice.textContent = '';
    this.voice.append(text);
  }

  /** Draws again. Called when language, session or theme changed. */
  changed() {}
}
