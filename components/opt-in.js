// Once somebody has had a first notification: whether they want the like by mail, too. Either answer is kept by the
// server, so that it is asked once.
import css from './opt-in.css';
import { h, look } from './kit.js';
import words from './english/opt-in.js';

export { css, words as english };
export { use } from './kit.js';

export function offer(view) {
  const { host, session, frame } = view;
  const answer = (enabled) => async () => {
    try {
      await session.api.send('PATCH', '/v1/me', { preferences: [{ scope: '*', channel: 'email', enabled }] });
      card.remove();
      host.announce(host.t(enabled ? 'mailOn' : 'mailOff'));
      frame.tab.focus();
    } catch (error) {
      text.textContent = `${host.t('mailFailed')} ${error.message}`;
      host.announce(text.textContent);
      host.tell('error', { error });
    }
  };
  const button = (key, enabled) => h('button', { type: 'button', class: 'plain', onclick: answer(enabled) }, host.t(key));
  const text = h('span', null, host.t('mailToo'));
  const card = h('div', { class: 'banner calm', part: 'banner', role: 'group', 'aria-label': host.t('mailToo') }, text, button('mailYes', true), button('mailNo', false));
  host.wear(look);
  frame.banner.after(card);
}
