// The inside of <clarion-inbox>: tabs, search, states, and what can be done with a row.
import { Changes, UNDOES } from './changes.js';
import css from './inbox.css';
import { h, icon, sheet } from './kit.js';
import { List } from './list.js';
import { place } from './menu.js';
import { help, more, snooze } from './menus.js';
import { Rows } from './rows.js';
import { Undo } from './undo.js';
import { why } from './why.js';
import { ago, eachTick, list } from './times.js';

export { use } from './kit.js';

const VIEWS = ['inbox', 'unread', 'saved', 'done', 'snoozed'];
const SEVERITIES = ['', 'warning', 'action', 'urgent'];
// Of the panel, so that a page can style them from outside the bell.
const PARTS = 'root:panel-root, row, row-unread, title, text, meta, tabs, tab, toolbar, search, list, pill, banner, menu, actions, undo';
const FILTER = 'M4 6h16M7 12h10M10 18h4';
const READ = 'M3 13l4 4L15 8M12 16l1.5 1.5L21 9';
const PICTURES = {
  empty: 'M4 13h4l1.5 3h5L16 13h4M4 13v5a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-5M4 13l2.5-7h11L20 13',
  error: 'M12 8v5M12 16.5h.01M10.3 4.3 2.9 17.5A2 2 0 0 0 4.6 20h14.8a2 2 0 0 0 1.7-2.5L13.7 4.3a2 2 0 0 0-3.4 0',
  offline: 'M3 3l18 18M5 12.5a10 10 0 0 1 4-2.4M15 10.1a10 10 0 0 1 4 2.4M8.5 16a5 5 0 0 1 7 0M12 19.5h.01',
};
let look;

export class View {
  #list;
  #ticks;
  #search;

  constructor(host) {
    this.host = host;
    host.wear((look ??= sheet(css)));
    this.rows = new Rows(this);
    this.undo = new Undo(this);
    this.#build();
    host.opened = () => this.opened();
  }

  get session() {
    return this.host.session;
  }

  get letters() {
    return this.host.getAttribute('keys') !== 'off';
  }

  t(key, values) {
    return this.host.t(key, values);
  }

  announce(text) {
    this.host.announce(text);
  }

  connected() {
    this.#ticks = eachTick(() => this.#tick());
    this.joined();
    this.spoken();
    if (this.host.behind) this.host.setAttribute('exportparts', PARTS);
    if (this.host.behind && this.host.checkVisibility()) this.opened();
  }

  disconnected() {
    this.#ticks?.();
    clearTimeout(this.#search);
    this.undo.clear();
  }

  joined() {
    this.session.changes ??= new Changes(this.session);
    if (this.#list?.of === this.session) return this.changed();
    this.#list = new List(this.session, () => this.changed());
    this.#list.of = this.session;
    this.#ask(this.host.getAttribute('view') ?? 'inbox');
  }

  loaded() {
    this.#list?.load().then(() => this.#seen());
  }

  forgotten() {
    this.#list = null;
    this.joined();
  }

  took(change, isNew) {
    this.#list?.took(change, isNew, this.#held);
  }

  /** The reader is here: what they have before them is seen. */
  opened() {
    if (this.host.behind && !CSS.supports('anchor-name: --bell')) place(this.host.parentNode, this.host.behind);
    this.rows.focusFirst();
    if (!this.rows.focused) this.frame.tabs[0].focus({ preventScroll: true });
    this.#seen();
  }

  /** Nothing moves under an eye that has scrolled, a hand, or the focus. */
  get #held() {
    const { scroller } = this.frame;
    return scroller.scrollTop > 4 || !!this.rows.focused || this.rows.element.matches(':hover');
  }

  // ── the frame ──

  #build() {
    const press = (name, path, onclick, more) => h('button', { type: 'button', class: 'tool', onclick, ...more }, icon(path), h('span', { class: `say-${name}` }));
    const tabs = VIEWS.map((view) => h('button', {
      type: 'button', role: 'tab', part: 'tab', id: view, 'aria-controls': 'list', onclick: () => this.#ask(view), onkeydown: (event) => this.#alongTabs(event),
    }, h('span'), h('span', { class: 'count' })));
    const search = h('input', { type: 'search', part: 'search', oninput: () => this.#searched() });
    const severity = h('select', { onchange: () => this.#again() });
    const category = h('select', { onchange: () => this.#again() });
    const group = h('input', { type: 'checkbox', onchange: () => this.#again() });
    const frame = (this.frame = {
      heading: h('h2'), tabs, search, severity, category, group,
      all: press('all', READ, () => this.#readAll()),
      filter: press('filter', FILTER, () => this.#filters(), { 'aria-expanded': 'false', 'aria-controls': 'filters' }),
      help: h('button', { type: 'button', class: 'tool', onclick: (event) => help(this, event.currentTarget) }, '?'),
      filters: h('div', { class: 'filters', id: 'filters', role: 'search', part: 'toolbar', hidden: true }, search, severity, category, h('label', null, group, h('span'))),
      banner: h('div', { class: 'banner', part: 'banner', hidden: true }),
      pill: h('button', { type: 'button', class: 'pill', part: 'pill', hidden: true, onclick: () => this.#reveal() }),
      state: h('div', { class: 'state' }),
      older: h('button', { type: 'button', class: 'older', hidden: true, onclick: () => this.#older() }),
      end: h('p', { class: 'end', hidden: true }),
    });
    frame.scroller = h('div', { class: 'scroller', part: 'list', id: 'list', role: 'tabpanel', onpointerdown: () => this.#seen(), onkeydown: () => this.#seen(), onmouseleave: () => this.session && this.changed() },
      this.rows.element, frame.state, frame.older, frame.end);
    frame.scroller.addEventListener('wheel', () => this.#seen(), { passive: true });
    this.host.root.append(
      h('div', { class: 'frame', onkeydown: (event) => this.#keys(event) },
        h('slot', { name: 'header' }),
        h('div', { class: 'top' }, frame.heading, frame.all, frame.filter, frame.help),
        h('div', { role: 'tablist', class: 'tabs', part: 'tabs' }, tabs),
        frame.filters, frame.banner,
        h('div', { class: 'body' }, frame.scroller, frame.pill, this.undo.element),
        h('slot', { name: 'footer' })));
  }

  spoken() {
    const { frame } = this;
    this.said = '';
    frame.heading.textContent = this.t('notifications');
    for (const tab of frame.tabs) tab.firstChild.textContent = this.t(`view_${tab.id}`);
    frame.search.placeholder = this.t('search');
    frame.search.setAttribute('aria-label', this.t('search'));
    for (const name of ['severity', 'category']) frame[name].setAttribute('aria-label', this.t(name));
    frame.group.nextSibling.textContent = this.t('group');
    frame.filter.title = frame.filter.lastChild.textContent = this.t('filter');
    frame.help.title = this.t('help');
    frame.help.setAttribute('aria-label', this.t('help'));
    frame.severity.replaceChildren(...SEVERITIES.map((name) => h('option', { value: name }, name ? this.t('atLeast', { severity: this.t(name) }) : this.t('anySeverity'))));
    frame.severity.value = this.#list?.query.severity ?? '';
    this.#categories(true);
    this.changed();
  }

  /** The categories that were seen so far. */
  #categories(afresh) {
    const { category } = this.frame;
    const found = [...new Set([...this.session.items.values()].map(({ event }) => event.category))].filter(Boolean).sort();
    if (!afresh && found.length === category.options.length - 1) return;
    const { value } = category;
    category.replaceChildren(h('option', { value: '' }, this.t('anyCategory')), ...found.map((name) => h('option', { value: name }, name)));
    category.value = value;
  }

  changed() {
    const session = this.session;
    if (!session || !this.#list) return;
    const rows = this.#list.loading ? [] : this.#list.rows(this.rows.kept);
    const focusable = this.rows.draw(rows, this.host.words);
    this.#frame(rows);
    this.#state(rows);
    if (!focusable) this.frame.tabs[VIEWS.indexOf(this.#list.query.view)].focus();
  }

  #frame(rows) {
    const { frame } = this;
    const { query } = this.#list;
    for (const tab of frame.tabs) {
      const on = tab.id === query.view;
      const n = this.session.total(tab.id);
      tab.setAttribute('aria-selected', on);
      tab.tabIndex = on ? 0 : -1;
      tab.lastChild.textContent = n && tab.id !== 'done' ? this.host.words.number(n) : '';
    }
    frame.scroller.setAttribute('aria-labelledby', query.view);
    this.rows.element.setAttribute('aria-label', this.t(`view_${query.view}`));
    const unread = this.#unread(rows).length;
    frame.all.hidden = !unread;
    frame.all.lastChild.textContent = this.t('readAll', { n: unread });
    frame.pill.hidden = !this.#list.held.size;
    frame.pill.textContent = this.t('fresh', { n: this.#list.held.size });
    frame.older.hidden = !this.#list.more;
    frame.older.textContent = this.t('older');
    frame.end.hidden = rows.length < 200;
    frame.end.textContent = this.t('end', { n: 200 });
  }

  /** Loading, empty, error, offline and stale look different and say what they are. */
  #state(rows) {
    const session = this.session;
    const { condition } = session;
    const { frame } = this;
    const nothing = this.#list.loading || !rows.length;
    let state = condition;
    if (condition === 'live' && nothing) state = this.#list.problem ? 'error' : this.#list.loading ? 'loading' : 'empty';
    const problem = session.problem ?? this.#list.problem;
    for (const name of ['loading', 'empty', 'error', 'offline', 'stale']) this.host.mark(name, state === name);
    const said = [state, nothing, problem?.message, this.#list.query.view, !!this.#filtered].join();
    frame.scroller.setAttribute('aria-busy', state === 'loading');
    this.rows.element.hidden = !rows.length;
    if (said === this.said) return;
    this.said = said;
    const banner = !nothing || state === 'stale' ? ['stale', 'offline'].includes(state) : false;
    frame.banner.hidden = !banner;
    if (banner) frame.banner.replaceChildren(this.t(`${state}Banner`, { time: ago(this.host.words, session.since) }), ...(state === 'stale' ? [this.#retry()] : []));
    if (banner) this.announce(frame.banner.firstChild.textContent);
    frame.state.hidden = !nothing;
    frame.state.replaceChildren(...(nothing ? this.#picture(state === 'stale' ? (this.#list.loading ? 'loading' : 'empty') : state, problem) : []));
    if (nothing && (state === 'error' || state === 'offline')) this.announce([...frame.state.querySelectorAll('h3, p')].map((part) => part.textContent).join(' '));
  }

  #picture(state, problem) {
    if (state === 'loading') {
      const bones = Array.from({ length: 5 }, () => h('div', { class: 'bone', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')));
      return [h('p', { class: 'loading' }, this.t('loading')), ...bones];
    }
    const kind = state === 'empty' && this.#filtered ? 'filtered' : state === 'empty' ? `empty_${this.#list.query.view}` : state;
    const said = [h('div', { class: `picture ${state}` }, icon(PICTURES[state])), h('h3', null, this.t(kind)), h('p', null, this.t(`${kind}_text`))];
    if (state === 'error') said.push(h('p', { class: 'faint' }, problem.message), this.#retry());
    if (kind === 'filtered') said.push(h('button', { type: 'button', class: 'plain', onclick: () => this.#unfilter() }, this.t('unfilter')));
    return state === 'empty' && kind !== 'filtered' ? [h('slot', { name: 'empty' }, said)] : said;
  }

  #retry() {
    return h('button', { type: 'button', class: 'plain', onclick: () => this.session.retry() }, this.t('retry'));
  }

  #tick() {
    this.rows.tick(this.host.words);
    if (this.session?.condition === 'stale') this.said = '';
    this.changed();
  }

  // ── what is asked for ──

  get #filtered() {
    const { category, severity, q } = this.#list.query;
    return category || severity || q;
  }

  #ask(view) {
    const { search, severity, category, group } = this.frame;
    this.frame.scroller.scrollTop = 0;
    const { thread, subject } = Object.fromEntries(['thread', 'subject'].map((name) => [name, this.host.getAttribute(name)]));
    this.#list.ask({ view, thread, subject, q: search.value.trim(), severity: severity.value, category: category.value, group: group.checked && 'thread' }).then(() => this.#seen());
    this.changed();
  }

  #again() {
    this.#ask(this.#list.query.view);
  }

  #searched() {
    clearTimeout(this.#search);
    this.#search = setTimeout(() => this.#again(), 200);
  }

  #unfilter() {
    Object.assign(this.frame.search, { value: '' });
    this.frame.severity.value = this.frame.category.value = '';
    this.#again();
    this.frame.tabs.find((tab) => tab.tabIndex === 0).focus();
  }

  #filters(open = this.frame.filters.hidden) {
    this.#categories();
    this.frame.filters.hidden = !open;
    this.frame.filter.setAttribute('aria-expanded', open);
    if (open) this.frame.search.focus();
  }

  #alongTabs(event) {
    const back = this.host.root.dir === 'rtl' ? 'ArrowRight' : 'ArrowLeft';
    const by = { ArrowLeft: 1, ArrowRight: 1, ArrowDown: 0 }[event.key] && (event.key === back ? -1 : 1);
    if (event.key === 'ArrowDown') this.rows.focus();
    else if (!by) return;
    event.preventDefault();
    if (!by) return;
    const next = this.frame.tabs.at((this.frame.tabs.indexOf(event.currentTarget) + by) % VIEWS.length);
    next.focus();
    next.click();
  }

  async #older() {
    this.frame.older.disabled = true;
    try {
      await this.#list.older();
    } catch (error) {
      this.#failed('older_failed', error);
    }
    this.frame.older.disabled = false;
  }

  #reveal() {
    const [first] = [...this.#list.held.keys()].sort().reverse();
    this.#list.reveal();
    this.frame.scroller.scrollTop = 0;
    if (first) this.rows.focusFirst();
    this.#seen();
  }

  // ── keys ──

  #keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const typing = event.target.matches('input:not([type=checkbox]), select');
    if (event.target === this.frame.search && event.key === 'Escape' && this.frame.search.value) {
      event.preventDefault();
      this.frame.search.value = '';
      return this.#again();
    }
    if (typing || !this.letters) return;
    if (event.key === '/') this.#filters(true);
    else if (event.key === '?') help(this, this.frame.help);
    else if (event.key === 'z') this.undo.run();
    else if (event.key === 'j' && !this.rows.focused) this.rows.focus();
    else return;
    event.preventDefault();
  }

  command(name, row) {
    const { item } = row.row;
    if (name === 'open') this.#open(row);
    else if (name === 'done') this.act(item.done_at ? 'undone' : 'done', row);
    else if (name === 'save') this.act(item.saved_at ? 'unsave' : 'save', row);
    else if (name === 'snooze') snooze(this, row);
    else if (name === 'mute') this.mute(row);
    else if (name === 'why') why(this, row, this.session.api);
    else if (name === 'toggle') this.toggle(row);
    else if (name === 'undo') this.undo.run();
    else this.act(name, row);
  }

  // ── what is done ──

  /** Does it at once, offers to undo it, and says so when the server refused. */
  async act(verb, row, body) {
    try {
      const ids = await this.#list.idsOf(row.row);
      this.rows.acted = !!this.rows.focused;
      await this.#do(verb, ids, row.row.item, body);
    } catch (error) {
      this.#failed(`failed_${verb}`, error, row.row.item);
    }
  }

  async #do(verb, ids, item, body) {
    const { changes } = this.session;
    const sent = changes.make(verb, ids, body);
    const back = UNDOES[verb];
    if (back) this.undo.offer(this.t(`did_${verb}`, { n: ids.length, title: item.title }), () => changes.make(back, ids), back);
    await sent;
  }

  #failed(key, error, item) {
    this.undo.say(this.t(key, { title: item?.title }), `${error.message}`);
    this.host.tell('error', { error });
  }

  failed(key, error, item) {
    this.#failed(key, error, item);
  }

  #unread(rows) {
    return rows.filter((row) => !row.child && !row.gone && !row.item.read_at);
  }

  async #readAll() {
    const rows = this.#unread(this.rows.shown);
    try {
      const ids = (await Promise.all(rows.map((row) => this.#list.idsOf(row)))).flat();
      const sent = this.session.changes.make('read', ids);
      const titles = rows.slice(0, 2).map((row) => row.item.title);
      if (rows.length > 2) titles.push(this.t('others', { n: rows.length - 2 }));
      this.undo.offer(this.t('did_readAll', { n: ids.length, which: list(this.host.words, titles) }), () => this.session.changes.make('unread', ids), 'unread');
      await sent;
    } catch (error) {
      this.#failed('failed_readAll', error);
    }
  }

  toggle(row) {
    if (row.row.group) this.#list.toggle(row.row).catch((error) => this.#failed('older_failed', error));
  }

  snooze(row) {
    snooze(this, row);
  }

  more(row) {
    more(this, row);
  }

  async mute({ row: { item } }) {
    if (!item.event.thread) return;
    const path = `/v1/inbox/${item.id}/mute`;
    try {
      await this.session.api.send('POST', path, { until: null });
      this.undo.offer(this.t('did_mute', { title: item.title }), () => this.session.api.send('DELETE', path), 'unmute');
    } catch (error) {
      this.#failed('failed_mute', error, item);
    }
  }

  follow(event, row) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return; // the browser opens another tab
    event.preventDefault();
    this.#open(row);
  }

  #open({ row: { item }, title }) {
    if (!item.read_at) this.session.changes.make('read', [item.id]).catch((error) => this.#failed('failed_read', error, item));
    if (this.host.tell('open', { item, url: title.href || null }, true) && title.href) location.assign(title.href);
  }

  /** Not what merely arrived: somebody must have come, pressed or scrolled. */
  #seen() {
    if (document.hidden || !this.host.checkVisibility?.() || !this.#list || !this.session) return;
    const ids = this.rows.shown.filter((row) => !row.item.seen_at).map((row) => row.item.id);
    if (ids.length) this.session.changes.make('seen', ids).catch(() => {});
  }
}
