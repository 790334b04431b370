// What is shown in place of rows: loading, empty, error and offline, each with a picture and what to expect.
import css from './pictures.css';
import { h, icon, look } from './kit.js';
import words from './english/pictures.js';

export { css, words as english };
export { use } from './kit.js';

const PICTURES = {
  empty: 'M4 13h4l1.5 3h5L16 13h4M4 13v5a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-5M4 13l2.5-7h11L20 13',
  error: 'M12 8v5M12 16.5h.01M10.3 4.3 2.9 17.5A2 2 0 0 0 4.6 20h14.8a2 2 0 0 0 1.7-2.5L13.7 4.3a2 2 0 0 0-3.4 0',
  offline: 'M3 3l18 18M5 12.5a10 10 0 0 1 4-2.4M15 10.1a10 10 0 0 1 4 2.4M8.5 16a5 5 0 0 1 7 0M12 19.5h.01',
};

/** Instead of `plain`, which said it in words alone. */
export function draw({ host, finding }, state, { matches, query }, plain) {
  host.wear(look);
  if (state === 'loading') {
    const bones = Array.from({ length: 5 }, () => h('div', { class: 'bone', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')));
    return [h('p', { class: 'unseen' }, host.t('loading')), ...bones];
  }
  const sought = state === 'empty' && matches;
  const kind = sought ? 'filtered' : state === 'empty' ? `empty_${query.view}` : state;
  const said = [
    h('div', { class: `picture ${state}` }, icon(PICTURES[state])), h('h3', null, host.t(kind)), h('p', null, host.t(`${kind}_text`)),
    ...plain.slice(1), sought && finding.off(),
  ];
  return state === 'empty' && !sought ? [h('slot', { name: 'empty' }, said)] : said.filter(Boolean);
}
