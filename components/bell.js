// <clarion-bell>: a button with the number of what is new, and the inbox behind it.
import { ClarionElement, h, icon } from './element.js';
import css from './bell.css';
import { sheet } from './look.js';
import { part } from './parts.js';

const BELL = 'M6 9a6 6 0 0 1 12 0c0 5 2 6.5 2 7.5H4C4 15.5 6 14 6 9M10 20a2.2 2.2 0 0 0 4 0';
const ARRIVALS = () => import('./arrivals.js');
const look = sheet(css);

export class ClarionBell extends ClarionElement {
  static observedAttributes = [...super.observedAttributes, 'toasts', 'viewing', 'keys', 'time-zone'];
  #count;
  #arrivals;
  #news = [];

  constructor() {
    super();
    this.wear(look);
    this.badge = h('span', { class: 'badge', part: 'badge', 'aria-hidden': 'true', hidden: true });
    this.dot = h('span', { class: 'off', part: 'trouble', hidden: true });
    this.panel = h('div', { class: 'panel', part: 'panel', popover: 'auto', ontoggle: (event) => this.#toggled(event) });
    this.button = h('button', {
      class: 'bell', part: 'button', type: 'button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false',
      onpointerenter: () => this.#fill(), onfocus: () => this.#fill(),
    }, h('slot', { name: 'icon' }, icon(BELL)), this.badge, this.dot);
    this.button.popoverTargetElement = this.panel;
    this.root.append(this.button, this.panel);
  }

  disconnected() {
    this.#arrivals?.forget();
  }

  forgotten() {
    this.disconnected();
  }

  get open() {
    return this.panel.matches(':popover-open');
  }

  /** Opens the panel. */
  show() {
    this.#fill();
    if (!this.open) this.panel.showPopover({ source: this.button });
  }

  hide() {
    if (this.open) this.panel.hidePopover();
  }

  changed() {
    const { session } = this;
    if (!session) return;
    const n = session.total('unseen');
    const { condition } = session;
    this.badge.hidden = !n;
    this.badge.textContent = n > 99 ? this.t('many', { n: 99 }) : this.words.number(n);
    this.button.setAttribute('aria-label', this.t('bell', { n }));
    this.dot.hidden = condition === 'live' || condition === 'loading';
    for (const state of ['loading', 'error', 'offline', 'stale']) this.mark(state, condition === state);
    this.mark('unseen', n > 0);
    for (const name of ['lang', 'dir', 'theme', 'src', 'token-url', 'keys', 'time-zone']) this.#hand(name);
    const counts = session.counts && Object.fromEntries(Object.keys(session.counts).map((name) => [name, session.total(name)]));
    const count = JSON.stringify(counts);
    if (counts && count !== this.#count) this.tell('count', counts);
    this.#count = count;
  }

  /** What is new is said, and shown where nobody looks at the inbox. */
  took(change, isNew) {
    if (!isNew || !this.session.speaks(this)) return;
    this.#news.push(change);
    part(ARRIVALS).then(({ Arrivals }) => {
      this.#arrivals ??= new Arrivals(this);
      for (const each of this.#news.splice(0)) if (this.life) this.#arrivals.take(each);
    }, () => (this.#news = [])); // the badge has counted it
  }

  #hand(name, inbox = this.panel.firstChild) {
    const value = this.getAttribute(name);
    if (!inbox || inbox.getAttribute(name) === value) return;
    if (value === null) inbox.removeAttribute(name);
    else inbox.setAttribute(name, value);
  }

  #fill() {
    if (this.panel.firstChild) return;
    const inbox = h('clarion-inbox');
    for (const name of ['empty', 'header', 'footer']) inbox.append(h('slot', { name, slot: name }));
    inbox.behind = this.button;
    for (const name of ['src', 'token-url']) this.#hand(name, inbox);
    this.panel.append(inbox);
    this.changed();
  }

  #toggled({ newState }) {
    const open = newState === 'open';
    this.button.setAttribute('aria-expanded', open);
    this.mark('open', open);
    const inbox = this.panel.firstChild;
    if (open) {
      this.#fill();
      this.#arrivals?.clear();
      this.panel.firstChild.opened?.();
    } else if (document.activeElement === document.body || inbox?.matches(':focus-within')) {
      this.button.focus(); // Escape does not return the focus out of a shadow root
    }
    this.tell(open ? 'shown' : 'hidden');
  }
}
