// What is done with rows, once somebody does: shown at once, taken back for ten seconds, said where the server refused.
import { now } from './changes.js';
import controls from './controls.css';
import own from './deeds.css';
import { look } from './kit.js';
import { help, more, snooze } from './menus.js';
import { Undo } from './undo.js';
import { why } from './why.js';
import words from './english/deeds.js';

export const css = controls + own;
export { words as english };
export { use } from './kit.js';

/** What an item becomes. */
const PATCHES = {
  read: () => ({ read_at: now(), seen_at: now() }),
  unread: () => ({ read_at: null }),
  done: () => ({ done_at: now() }),
  undone: () => ({ done_at: null }),
  save: () => ({ saved_at: now() }),
  unsave: () => ({ saved_at: null }),
  snooze: (until) => ({ snoozed_until: until }),
  unsnooze: () => ({ snoozed_until: null }),
  delete: () => ({ deleted: true }),
  undelete: () => ({ deleted: false }),
};
const UNDOES = {
  read: 'unread', unread: 'read', done: 'undone', undone: 'done', save: 'unsave', unsave: 'save',
  snooze: 'unsnooze', delete: 'undelete',
};

export class Deeds {
  #view;
  #hands;

  constructor(view, hands) {
    this.#view = view;
    this.#hands = hands;
    this.undo = new Undo(view);
    view.host.wear(look);
    view.frame.body.append(this.undo.element);
  }

  command(name, row) {
    const item = this.#changes.shown(row.row.item.id) ?? row.row.item; // the row is drawn a moment later
    if (name === 'done') this.act(item.done_at ? 'undone' : 'done', row);
    else if (name === 'save') this.act(item.saved_at ? 'unsave' : 'save', row);
    else if (name === 'snooze') snooze(this.#view, this, row);
    else if (name === 'more') more(this.#view, this, row);
    else if (name === 'mute') this.#mute(row);
    else if (name === 'why') why(this.#view, row);
    else if (name === 'undo') this.undo.run();
    else this.act(name, row);
  }

  /** The ids behind a row: of a thread, all of them. */
  async #idsOf({ item, group }) {
    return group ? this.#view.list.groups.idsOf(item, group) : [item.id];
  }

  get #changes() {
    return this.#hands.changes;
  }

  #change(verb, ids, body) {
    return this.#changes.make(verb, ids, PATCHES[verb](body?.until), body);
  }

  /** Does it at once, offers to undo it, and says so when the server refused. */
  async act(verb, row, body) {
    const { rows, host } = this.#view;
    const { item } = row.row;
    try {
      const ids = row.row.group ? await this.#idsOf(row.row) : [item.id]; // at once, where nothing must be read
      rows.acted = !!rows.focused;
      const sent = this.#change(verb, ids, body);
      const back = UNDOES[verb];
      if (back) this.undo.offer(host.t(`did_${verb}`, { n: ids.length, title: item.title }), () => this.#change(back, ids), back);
      await sent;
    } catch (error) {
      this.failed(`failed_${verb}`, error, item);
    }
  }

  async readAll() {
    const { unread: rows, words, host } = this.#view;
    try {
      const ids = (await Promise.all(rows.map((row) => this.#idsOf(row)))).flat();
      const sent = this.#change('read', ids);
      const titles = rows.slice(0, 2).map((row) => row.item.title);
      if (rows.length > 2) titles.push(host.t('others', { n: rows.length - 2 }));
      const which = words.intl('ListFormat').format(titles);
      this.undo.offer(host.t('did_readAll', { n: ids.length, which }), () => this.#change('unread', ids), 'unread');
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
