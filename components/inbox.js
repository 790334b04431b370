// The inside of <clarion-inbox>: a list, its rows and its frame. What is done with a row, and the search, are parts that
// are loaded when they are first wanted.
import { Changes } from './changes.js';
import css from './inbox.css';
import { Frame, VIEWS } from './frame.js';
import { look, part } from './kit.js';
import { List } from './list.js';
import { Rows } from './rows.js';
import { State } from './state.js';
import { eachTick } from './times.js';
import words from './english/inbox.js';

export { css, words };
export { use } from './kit.js';

// Of the panel, so that a page can style them from outside the bell.
const PARTS = 'root:panel-root, row, row-unread, title, text, meta, tabs, tab, toolbar, search, list, pill, banner, menu, actions, undo';
const DEEDS = () => import('./deeds.js');
const FINDING = () => import('./finding.js');
const OPT_IN = () => import('./opt-in.js');

/** Whether mail could come to them, does not, and they never said that it should not. */
const unasked = ({ enabled, addresses, channels, preferences, types }) =>
  enabled && addresses.email && channels.includes('email') &&
  !preferences.some((said) => said.channel === 'email' || said.channels) &&
  !types.some((type) => !type.required && type.channels.some(({ channel, wanted }) => channel === 'email' && wanted));

export class View {
  #list;
  #ticks;
  #deeds;
  #asked;
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
    this.#deeds?.forget();
    this.finding?.forget();
  }

  joined() {
    this.session.changes ??= new Changes(this.session);
    if (this.#list?.of === this.session) return this.changed();
    this.#list = new List(this.session, () => this.changed());
    this.#list.of = this.session;
    this.ask(this.host.getAttribute('view') ?? 'inbox');
  }

  loaded() {
    this.#list?.load().then(this.seen);
  }

  /** The reader is somebody else: nothing of the first stays. */
  forgotten() {
    this.#asked = this.#list = null;
    this.#deeds?.forget();
    this.finding?.forget();
    this.frame.element.querySelector('.calm')?.remove();
    this.joined();
  }

  took(change, isNew) {
    this.#list?.took(change, isNew, this.#held);
  }

  spoken() {
    this.state.again();
    this.frame.speak(this.words);
    this.finding?.speak();
    this.changed();
  }

  changed() {
    const list = this.#list;
    if (!this.session || !list) return;
    const rows = list.loading ? [] : list.rows(this.rows.kept);
    const focusable = this.rows.draw(rows, this.words);
    this.frame.write(list, rows.length, this.unread.length, this.session, this.words);
    this.state.write(list, rows);
    if (!focusable) this.frame.tab.focus();
  }

  #tick() {
    this.rows.tick(this.words);
    if (this.session?.condition === 'stale') this.state.again();
    this.changed();
  }

  // ── who is here ──

  /** The reader has opened the bell: what they have before them is seen. */
  opened() {
    if (!CSS.supports('anchor-name: --bell')) part(DEEDS).then(({ place }) => place(this.host.parentNode, this.host.behind), () => {});
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
    const ids = this.rows.shown.filter((row) => !row.item.seen_at).map((row) => row.item.id);
    if (ids.length) this.session.changes.make('seen', ids).catch(() => {});
    if (this.rows.size) this.#offer();
  };

  /** Once there is a first notification: whether they are wanted by mail, too. */
  async #offer() {
    if (this.#asked === this.session) return;
    this.#asked = this.session;
    const me = await this.session.api.get('/v1/me').catch(() => null);
    if (me && unasked(me)) part(OPT_IN).then(({ offer }) => offer(this), () => {});
  }

  // ── what is asked for ──

  ask(view = this.#list.query.view) {
    const { host } = this;
    this.frame.scroller.scrollTop = 0;
    const query = { view: VIEWS.includes(view) ? view : 'inbox', thread: host.getAttribute('thread'), subject: host.getAttribute('subject') };
    this.#list.ask({ ...query, ...this.finding?.query }, this.finding?.ways).then(this.seen);
    this.changed();
  }

  async older() {
    this.frame.older.disabled = true;
    await this.#list.older().catch((error) => this.failed('older_failed', error));
    this.frame.older.disabled = false;
  }

  reveal() {
    this.#list.reveal();
    this.frame.scroller.scrollTop = 0;
    this.rows.focusFirst();
    this.seen();
  }

  find(open) {
    this.#with(FINDING, ({ Finding }) => {
      this.finding ??= new Finding(this);
      this.finding.toggle(open);
    });
  }

  // ── what is done ──

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !this.letters) return;
    if (event.target.matches('input:not([type=checkbox]), select')) return;
    if (event.key === '/') this.find(true);
    else if (event.key === '?') this.help();
    else if (event.key === 'z') this.#do((deeds) => deeds.undo.run());
    else if (event.key === 'j' && !this.rows.focused) this.rows.focus();
    else return;
    event.preventDefault();
  }

  /** What a key or a button of a row says. */
  command(name, row) {
    if (name === 'open') this.#open(row);
    else if (name === 'showThread') row.row.group && this.#list.toggle(row.row).catch((error) => this.failed('older_failed', error));
    else this.#do((deeds) => deeds.command(name, row));
  }

  help() {
    this.#do((deeds) => deeds.help());
  }

  readAll() {
    this.#do((deeds) => deeds.readAll());
  }

  failed(key, error, item) {
    this.#do((deeds) => deeds.failed(key, error, item));
  }

  idsOf(row) {
    return this.#list.idsOf(row);
  }

  /** The rows that are not read. */
  get unread() {
    return this.rows.shown.filter((row) => !row.child && !row.gone && !row.item.read_at);
  }

  #do(run) {
    this.#with(DEEDS, ({ Deeds }) => run((this.#deeds ??= new Deeds(this))));
  }

  #with(load, run) {
    part(load).then((module) => {
      this.state.again(); // what it may have said before is over
      run(module);
      this.changed();
    }, (error) => {
      this.host.tell('error', { error });
      this.state.warn(this.host.t('unloaded'));
    });
  }

  #open({ row: { item }, title }) {
    if (!item.read_at) this.session.changes.make('read', [item.id]).catch((error) => this.failed('failed_read', error, item));
    if (this.host.tell('open', { item, url: title.href || null }, true) && title.href) location.assign(title.href);
  }
}
