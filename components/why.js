// "Why am I getting this?": the sentence, the channels, and the one change that stops it.
import { h } from './kit.js';

export async function why(view, row) {
  const { host, session: { api } } = view;
  const { item } = row.row;
  const place = (row.why ??= h('div', { class: 'why', hidden: true }));
  place.hidden = !place.hidden;
  if (place.hidden) return;
  place.replaceChildren(host.t('loading'));
  row.text.parentNode.append(place);
  try {
    show(await api.get(`/v1/inbox/${item.id}/why`));
  } catch (error) {
    place.hidden = true;
    view.do('failed', 'failed_why', error, item);
  }

  function show(said) {
    const channels = said.channels.map(({ channel, told, sentence }) => h('li', { class: told ? 'told' : '' }, h('b', null, channel), ` ${sentence}`));
    const stop = h('button', { type: 'button', class: 'plain', tabindex: -1, onclick: stopIt }, said.stop ? said.stop_sentence : '');
    place.replaceChildren(h('p', null, said.sentence), h('ul', null, channels), said.stop ? stop : h('p', { class: 'weak' }, said.stop_sentence));
    host.announce(said.sentence);
    if (said.stop && row.element.contains(row.element.getRootNode().activeElement)) stop.focus();
  }

  async function stopIt() {
    try {
      await api.send('POST', `/v1/inbox/${item.id}/stop`);
      row.element.focus();
      place.replaceChildren(h('p', { class: 'good' }, host.t('stopped')));
      host.announce(host.t('stopped'));
    } catch (error) {
      view.do('failed', 'failed_stop', error, item);
    }
  }
}
