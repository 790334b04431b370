// The inside of <clarion-inbox>: a list, its rows and its frame, all that it takes to be looked at. What hands do there is
// loaded when they first do something.
import css from './inbox.css';
import { Frame, VIEWS } from './frame.js';
import { look, part } from './kit.js';
import { List } from './list.js';
import { Rows } from './rows.js';
import { State } from './state.js';
import { eachTick } from './times.js';
import words from './english/inbox.js';

export { css, words as english };
export { use } from './kit.js';

// Of the panel, so that a page can style them from outside the bell.
const PARTS = 'root:panel-root, row, row-unread, title, text, meta, tabs, tab, toolbar, search, list, pill, banner, menu, actions, undo';
const HANDS = () => import('./hands.js');
const OPT_IN = () => import('./opt-in.js');

/** Whether mail could come to them, does not, and they never said that it should not. */
const unasked = ({ enabled, addresses, channels, preferences, types }) =>
  enabled && addresses.email && channels.includes('email') &&
  !preferences.some((said) => said.channel === 'email' || said.channels) &&
  !types.some((type) => !type.required && type.channels.some(({ channel, wanted }) => channel === 'email' && wanted));

export class View {
  #ticks;
  #asked;
  #told = new Set();
  #hand;
  list;
  /** Filters, search and threads, once somebody wanted them. */
  finding;

  constructor(host) {
    this.host = host;
    this.rows = new Rows(this);
    this.state = new State(this);
    this.frame = new Frame(this);
    host.wear(look);
    host.root.append(this.frame.element);
    host.opened = () => this.opened();
  }

  get session() {
    return this.host.session;
  }

  get words() {
    return this.host.words;
  }

  get letters() {
    return this.host.getAttribute('keys') !== 'off';
  }

  connected() {
    this.#ticks = eachTick(() => this.#tick());
    this.joined();
    this.spoken();
    if (!this.host.behind) return;
    this.host.setAttribute('exportparts', PARTS);
    if (this.host.checkVisibility()) this.opened();
  }

  disconnected() {
    this.#ticks?.();
    this.#hand?.forget();
  }

  joined() {
    if (this.list?.session === this.session) return this.changed();
    this.list = new List(this);
    this.ask(this.host.getAttribute('view') ?? 'inbox');
  }

  loaded() {
    this.list?.load();
  }

  /** The reader is somebody else: nothing of the first stays. */
  forgotten() {
    this.#asked = this.list = null;
    this.#told.clear();
    this.#hand?.forget();
    this.frame.element.querySelector('.calm')?.remove();
    this.joined();
  }

  took(change, isNew) {
    this.list?.took(change, isNew, this.#held);
  }

  spoken() {
    this.state.again();
    this.frame.speak(this.words);
    this.finding?.speak();
    this.changed();
  }

  changed() {
    const { frame, list, rows, words } = this;
    if (!this.session || !list) return;
    const shown = list.loading ? [] : list.rows(rows.kept);
    const focusable = rows.draw(shown, words);
    frame.write(list, shown.length, this.unread.length, this.session, words);
    this.state.write(list, shown);
    if (!focusable) frame.tab.focus();
  }

  #tick() {
    this.rows.tick(this.words);
    if (this.session?.condition === 'stale') this.state.again();
    this.changed();
  }

  /** The rows that are not read. */
  get unread() {
    return this.rows.shown.filter((row) => !row.child && !row.gone && !row.item.read_at);
  }

  // ── who is here ──

  /** The reader has opened the bell: what they have before them is seen. */
  opened() {
    if (!CSS.supports('anchor-name: --bell')) this.do('place');
    this.rows.focusFirst();
    if (!this.rows.focused) this.frame.tab.focus({ preventScroll: true });
    this.seen();
  }

  /** Nothing moves under an eye that has scrolled, a hand, or the focus. */
  get #held() {
    return this.frame.scroller.scrollTop > 4 || !!this.rows.focused || this.rows.element.matches(':hover');
  }

  /** Not what merely arrived: somebody must have come, pressed or scrolled. */
  seen = () => {
    if (document.hidden || !this.host.checkVisibility() || !this.session?.counts) return;
    const ids = this.rows.shown.map(({ item }) => !item.seen_at && item.id).filter((id) => id && !this.#told.has(id));
    for (const id of ids) this.#told.add(id);
    if (ids.length) this.mark('seen', ids).catch(() => ids.forEach((id) => this.#told.delete(id)));
    if (this.rows.size) this.#offer();
  };

  /** What needs no undoing: it is shown when the server has answered. */
  async mark(verb, ids) {
    const { session } = this;
    session.merge(await session.api.send('POST', `/v1/inbox/${verb}`, { ids }));
  }

  /** Once there is a first notification: whether they are wanted by mail, too. */
  async #offer() {
    if (this.#asked === this.session) return;
    this.#asked = this.session;
    const me = await this.session.api.get('/v1/me').catch(() => null);
    if (me && unasked(me)) part(OPT_IN, true).then(({ offer }) => offer(this), () => {});
  }

  ask(view = this.list.query.view) {
    const { finding, host } = this;
    this.frame.scroller.scrollTop = 0;
    const query = { view: VIEWS.includes(view) ? view : 'inbox', thread: host.getAttribute('thread'), subject: host.getAttribute('subject') };
    this.list.ask({ ...query, ...finding?.query }, finding?.ways);
    this.changed();
  }

  // ── what hands do ──

  /** A key. Those that mean something here are kept from the page until hands.js is there, which knows what. */
  key(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target.matches('input:not([type=checkbox]), select')) return;
    if (!this.#hand) {
      if (target.matches('a, button') && /^(Enter| )$/.test(key)) return;
      if (!/^(Arrow.*|Home|End|Enter| )$/.test(key) && !(this.letters && /^[a-zIU/?]$/.test(key))) return;
      event.preventDefault();
      event.stopPropagation();
    }
    this.do('key', event, target);
  }

  /** Does it with hands.js: at once, where that is there. */
  do(name, ...told) {
    if (this.#hand) this.#hand[name](...told);
    else this.hands().then((hand) => this.well(() => hand[name](...told)), (error) => this.missed(error));
  }

  async hands() {
    const { Hands } = await part(HANDS);
    return (this.#hand ??= new Hands(this));
  }

  /** A part could not be loaded: this is said, and over with the next that could. */
  missed(error) {
    this.host.tell('error', { error });
    this.state.warn(this.host.t('unloaded'));
  }

  well(run) {
    this.state.again();
    run();
    this.changed();
  }
}
