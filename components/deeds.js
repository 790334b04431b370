// What is done with rows, once somebody does: shown at once, taken back for ten seconds, said where the server refused.
import controls from './controls.css';
import own from './deeds.css';
import { look } from './kit.js';
import { help, more, snooze } from './menus.js';
import { Undo } from './undo.js';
import { why } from './why.js';
import words from './english/deeds.js';

export const css = controls + own;
export { words };
export { use } from './kit.js';
export { place } from './place.js';

const UNDOES = {
  read: 'unread', unread: 'read', done: 'undone', undone: 'done', save: 'unsave', unsave: 'save',
  snooze: 'unsnooze', delete: 'undelete',
};

export class Deeds {
  #view;

  constructor(view) {
    this.#view = view;
    this.undo = new Undo(view);
    view.host.wear(look);
    view.frame.body.append(this.undo.element);
  }

  command(name, row) {
    const item = this.#view.session.changes.shown(row.row.item.id) ?? row.row.item; // the row is drawn a moment later
    if (name === 'done') this.act(item.done_at ? 'undone' : 'done', row);
    else if (name === 'save') this.act(item.saved_at ? 'unsave' : 'save', row);
    else if (name === 'snooze') snooze(this.#view, this, row);
    else if (name === 'more') more(this.#view, this, row);
    else if (name === 'mute') this.#mute(row);
    else if (name === 'why') why(this.#view, row);
    else if (name === 'undo') this.undo.run();
    else this.act(name, row);
  }

  /** Does it at once, offers to undo it, and says so when the server refused. */
  async act(verb, row, body) {
    const { rows, session: { changes }, host } = this.#view;
    const { item } = row.row;
    try {
      const ids = row.row.group ? await this.#view.idsOf(row.row) : [item.id];
      rows.acted = !!rows.focused;
      const sent = changes.make(verb, ids, body);
      const back = UNDOES[verb];
      if (back) this.undo.offer(host.t(`did_${verb}`, { n: ids.length, title: item.title }), () => changes.make(back, ids), back);
      await sent;
    } catch (error) {
      this.failed(`failed_${verb}`, error, item);
    }
  }

  async readAll() {
    const { unread: rows, session: { changes }, words, host } = this.#view;
    try {
      const ids = (await Promise.all(rows.map((row) => this.#view.idsOf(row)))).flat();
      const sent = changes.make('read', ids);
      const titles = rows.slice(0, 2).map((row) => row.item.title);
      if (rows.length > 2) titles.push(host.t('others', { n: rows.length - 2 }));
      const which = words.intl('ListFormat').format(titles);
      this.undo.offer(host.t('did_readAll', { n: ids.length, which }), () => changes.make('unread', ids), 'unread');
      await sent;
    } catch (error) {
      this.failed('failed_readAll', error);
    }
  }

  help() {
    help(this.#view);
  }

  failed(key, error, item) {
    const { host } = this.#view;
    this.undo.say(host.t(key, { title: item?.title }), error.message);
    host.tell('error', { error });
  }

  forget() {
    this.undo.clear();
  }

  async #mute({ row: { item } }) {
    if (!item.event.thread) return;
    const { api } = this.#view.session;
    const path = `/v1/inbox/${item.id}/mute`;
    try {
      await api.send('POST', path, { until: null });
      this.undo.offer(this.#view.host.t('did_mute', { title: item.title }), () => api.send('DELETE', path), 'unmute');
    } catch (error) {
      this.failed('failed_mute', error, item);
    }
  }
}
