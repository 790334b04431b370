// What is new: said to those who listen, and shown for a moment in a corner, where it waits while somebody reads it.
import css from './arrivals.css';
import words from './english/arrivals.js';
import { h, icon, look } from './kit.js';
import { safe } from './safe.js';

export { css, words as english };
export { use } from './kit.js';

const TOGETHER = 700; // milliseconds in which arrivals are said in one sentence
const APART = 4000; // between two sentences
const TIME = 6000;
const MOST = 3;
const CLOSE = 'M6 6l12 12M18 6L6 18';

export class Arrivals {
  #bell;
  #arrived = [];
  #saying = null;
  #said = 0;
  #timer;
  #more = 0;

  constructor(bell) {
    this.#bell = bell;
    bell.wear(look);
    this.stack = h('div', { class: 'stack' });
    this.rest = h('button', { type: 'button', class: 'rest', hidden: true, onclick: () => bell.show() });
    this.element = h('div', { class: 'toasts', part: 'toasts', role: 'region', popover: 'manual', onpointerenter: () => this.#hold(), onpointerleave: () => this.#go(), onfocusin: () => this.#hold(), onfocusout: () => this.#go() }, this.stack, this.rest);
    bell.root.append(this.element);
  }

  take({ item, replayed }) {
    this.#arrived.push(item);
    this.#saying ??= setTimeout(() => this.#say(), Math.max(TOGETHER, this.#said + APART - Date.now()));
    const looking = this.#bell.getAttribute('viewing');
    const looked = looking && [item.event.thread, item.event.subject].includes(looking);
    if (!replayed && !looked && !this.#bell.open && this.#bell.getAttribute('toasts') !== 'off') this.#show(item);
  }

  forget() {
    clearTimeout(this.#saying);
    this.#saying = null;
    this.#arrived = [];
    this.clear();
  }

  #say() {
    const n = this.#arrived.length;
    this.#saying = null;
    this.#said = Date.now();
    this.#bell.announce(this.#bell.t('arrived', { n, title: this.#arrived[0].title }));
    this.#arrived = [];
  }

  #show(item) {
    const { words } = this.#bell;
    this.element.setAttribute('aria-label', words.say('bell', { n: 0 }));
    if (this.stack.childElementCount >= MOST) this.#more++;
    else this.stack.append(this.#toast(item));
    this.rest.hidden = !this.#more;
    this.rest.textContent = `+${words.number(this.#more)}`;
    if (!this.element.matches(':popover-open')) this.element.showPopover();
    this.#go();
  }

  clear() {
    clearTimeout(this.#timer);
    this.#more = 0;
    this.stack.replaceChildren();
    if (this.element.matches(':popover-open')) this.element.hidePopover();
  }

  #toast(item) {
    const url = safe(item.url);
    const close = h('button', { type: 'button', class: 'close', 'aria-label': this.#bell.t('close'), onclick: () => this.#drop(toast) }, icon(CLOSE));
    const title = h('a', { href: url, class: 'title', onclick: (event) => this.#open(event, item, url) }, item.title);
    const toast = h('div', { class: `toast ${item.severity}`, part: 'toast' }, h('div', null, title, item.text && h('div', { class: 'text' }, item.text)), close);
    return toast;
  }

  #drop(toast) {
    toast.remove();
    if (!this.stack.childElementCount) this.clear();
  }

  #open(event, item, url) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.clear();
    if (this.#bell.tell('open', { item, url }, true) && url) location.assign(url);
  }

  #hold() {
    clearTimeout(this.#timer);
  }

  #go() {
    clearTimeout(this.#timer);
    if (!this.element.matches(':is(:hover, :focus-within)')) this.#timer = setTimeout(() => this.clear(), TIME);
  }
}
