// Loading, empty, error, offline and stale look different and say what they are: in words at once, with a picture as
// soon as pictures.js is there.
import { h, part } from './kit.js';
import { ago } from './times.js';

const STATES = ['loading', 'empty', 'error', 'offline', 'stale'];
const PICTURES = () => import('./pictures.js');
const SHORT = 200; // milliseconds of loading that are not worth a picture

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
    if (banner) this.warn(host.t(`${state}Banner`, { time: ago(host.words, session.since) }), ...(stale ? [this.#retry()] : []));
    frame.state.hidden = !nothing;
    if (nothing) this.#show(stale ? (list.loading ? 'loading' : 'empty') : state, list, problem, stale);
    else frame.state.replaceChildren();
  }

  /** A sentence above the rows, until there is another. */
  warn(text, ...more) {
    const { banner } = this.#view.frame;
    banner.replaceChildren(text, ...more);
    banner.hidden = false;
    this.#view.host.announce(text);
  }

  async #show(state, list, problem, stale) {
    const { host, session, frame } = this.#view;
    const said = this.#said;
    const plain = [state !== 'empty' && h('p', null, host.t(state))];
    if (state === 'error') plain.push(h('p', null, problem.message), this.#retry());
    if (problem && !stale) host.announce(`${host.t(state)} ${problem.message}`);
    const now = () => said === this.#said;
    const draw = async () => {
      const pictures = await part(PICTURES);
      if (now()) frame.state.replaceChildren(...pictures.draw(this.#view, state, list, plain));
    };
    frame.state.replaceChildren(...plain.filter(Boolean));
    if (state === 'loading') await new Promise((late) => setTimeout(late, SHORT));
    if (now()) session.insist(draw, now);
  }

  #retry() {
    const { host } = this.#view;
    return h('button', { type: 'button', class: 'plain', onclick: () => host.session.retry() }, host.t('retry'));
  }
}
