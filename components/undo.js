// What was just done, with ten seconds to take it back; or what could not be done.
import { h } from './kit.js';

const TIME = 10_000;

export class Undo {
  #view;
  #timer;
  #left = TIME;
  #since;
  #back;

  constructor(view) {
    this.#view = view;
    this.text = h('span');
    this.button = h('button', { type: 'button', class: 'plain', onclick: () => this.run() });
    this.element = h('div', {
      class: 'undo', part: 'undo', hidden: true,
      onpointerenter: () => this.#hold(), onpointerleave: () => this.#go(), onfocusin: () => this.#hold(), onfocusout: () => this.#go(),
    }, this.text, this.button);
  }

  offer(text, back, verb) {
    this.#show(text);
    this.#back = { back, verb };
    this.button.textContent = this.#view.host.t('undo');
    this.button.hidden = false;
  }

  /** A failure: nothing to take back, it is not done. */
  say(text, detail) {
    this.#show(`${text} ${detail}`);
    this.element.classList.add('bad');
  }

  async run() {
    const undone = this.#back;
    if (!undone) return;
    const focused = this.element.matches(':focus-within');
    this.clear();
    if (focused) this.#view.rows.focus();
    try {
      this.#view.host.announce(this.#view.host.t('undone'));
      await undone.back();
    } catch (error) {
      this.#view.do('failed', `failed_${undone.verb}`, error);
    }
  }

  clear() {
    clearTimeout(this.#timer);
    this.#back = null;
    this.element.hidden = true;
  }

  #show(text) {
    this.clear();
    this.text.textContent = text;
    this.element.classList.remove('bad');
    this.button.hidden = true;
    this.element.hidden = false;
    this.#left = TIME;
    this.#go();
    this.#view.host.announce(text);
  }

  #go() {
    if (this.element.matches(':is(:hover, :focus-within)') || this.element.hidden) return;
    this.#since = Date.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.clear(), this.#left);
  }

  #hold() {
    clearTimeout(this.#timer);
    this.#left = Math.max(2000, this.#left - (Date.now() - this.#since));
  }
}
