// Loading, empty, error, offline and stale look different and say what they are.
import { h, icon } from './kit.js';
import { ago } from './times.js';

const STATES = ['loading', 'empty', 'error', 'offline', 'stale'];
const PICTURES = {
  empty: 'M4 13h4l1.5 3h5L16 13h4M4 13v5a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-5M4 13l2.5-7h11L20 13',
  error: 'M12 8v5M12 16.5h.01M10.3 4.3 2.9 17.5A2 2 0 0 0 4.6 20h14.8a2 2 0 0 0 1.7-2.5L13.7 4.3a2 2 0 0 0-3.4 0',
  offline: 'M3 3l18 18M5 12.5a10 10 0 0 1 4-2.4M15 10.1a10 10 0 0 1 4 2.4M8.5 16a5 5 0 0 1 7 0M12 19.5h.01',
};

export class State {
  #view;
  #said = '';

  constructor(view) {
    this.#view = view;
  }

  /** Says it again: the language or the time has changed. */
  again() {
    this.#said = '';
  }

  write(list, rows) {
    const { session, host, frame } = this.#view;
    const { condition } = session;
    const nothing = list.loading || !rows.length;
    const problem = session.problem ?? list.problem;
    let state = condition;
    if (state === 'live' && nothing) state = list.problem ? 'error' : list.loading ? 'loading' : 'empty';
    for (const name of STATES) host.mark(name, state === name);
    frame.scroller.ariaBusy = state === 'loading';
    this.#view.rows.element.hidden = !rows.length;
    const said = [state, nothing, problem?.message, list.query.view, !!list.matches].join();
    if (said === this.#said) return;
    this.#said = said;
    const stale = state === 'stale';
    const banner = stale || (state === 'offline' && !nothing);
    frame.banner.hidden = !banner;
    if (banner) this.#banner(state, session.since);
    frame.state.hidden = !nothing;
    const picture = stale ? (list.loading ? 'loading' : 'empty') : state;
    frame.state.replaceChildren(...(nothing ? this.#picture(picture, list, problem) : []));
    if (nothing && problem && !stale) host.announce([...frame.state.querySelectorAll('h3, p')].map((part) => part.textContent).join(' '));
  }

  /** A sentence above the rows, until there is another. */
  warn(text, ...more) {
    const { banner } = this.#view.frame;
    banner.replaceChildren(text, ...more);
    banner.hidden = false;
    this.#view.host.announce(text);
  }

  #banner(state, since) {
    const { host } = this.#view;
    this.warn(host.t(`${state}Banner`, { time: ago(host.words, since) }), ...(state === 'stale' ? [this.#retry()] : []));
  }

  #picture(state, { matches, query }, problem) {
    const { host, finding } = this.#view;
    if (state === 'loading') {
      const bones = Array.from({ length: 5 }, () => h('div', { class: 'bone', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')));
      return [h('p', { class: 'unseen' }, host.t('loading')), ...bones];
    }
    const sought = state === 'empty' && matches;
    const kind = sought ? 'filtered' : state === 'empty' ? `empty_${query.view}` : state;
    const said = [h('div', { class: `picture ${state}` }, icon(PICTURES[state])), h('h3', null, host.t(kind)), h('p', null, host.t(`${kind}_text`))];
    if (state === 'error') said.push(h('p', null, problem.message), this.#retry());
    if (sought) said.push(finding.off());
    return state === 'empty' && !sought ? [h('slot', { name: 'empty' }, said)] : said;
  }

  #retry() {
    const { host } = this.#view;
    return h('button', { type: 'button', class: 'plain', onclick: () => host.session.retry() }, host.t('retry'));
  }
}
