// The menus of the inbox: when to come back, what else to do with a row, and the shortcuts.
import { h } from './kit.js';
import { openMenu } from './menu.js';
import { moments } from './snooze.js';
import { SOON } from './times.js';

export function snooze(view, deeds, row) {
  const zone = view.host.getAttribute('time-zone') ?? undefined;
  const { item } = row.row;
  const until = (instant) => deeds.act('snooze', row, { until: new Date(instant).toISOString() });
  const when = (instant) => view.words.date(instant, { ...SOON, timeZone: zone });
  const entries = moments(zone).map(([key, instant]) => ({ text: view.host.t(key), detail: when(instant), run: () => until(instant) }));
  if (Date.parse(item.snoozed_until ?? 0) > Date.now()) entries.unshift({ text: view.host.t('act_unsnooze'), run: () => deeds.act('unsnooze', row) });
  const exact = h('input', { type: 'datetime-local', 'aria-label': view.host.t('pickTime') });
  const pick = h('form', {
    class: 'pick',
    onsubmit: (event) => {
      event.preventDefault();
      const instant = Date.parse(exact.value);
      if (!(instant > Date.now())) return exact.setCustomValidity(view.host.t('future')), exact.reportValidity();
      menu.hidePopover();
      row.element.focus();
      until(instant);
    },
    oninput: () => exact.setCustomValidity(''),
  }, exact, h('button', { class: 'plain' }, view.host.t('act_snooze')));
  const menu = openMenu(view.frame.body, row.actions.snooze, view.host.t('act_snooze'), entries, [pick], () => row.element.focus());
}

export function more(view, deeds, row) {
  const { item } = row.row;
  const read = item.read_at ? 'unread' : 'read';
  openMenu(view.frame.body, row.actions.more, view.host.t('act_more'), [
    { text: view.host.t(`act_${read}`), run: () => deeds.act(read, row) },
    { text: view.host.t('act_why'), run: () => deeds.command('why', row) },
    item.event.thread && { text: view.host.t('act_mute'), run: () => deeds.command('mute', row) },
    { text: view.host.t('act_delete'), run: () => deeds.act('delete', row) },
  ], [], () => row.element.focus());
}

export function help(view) {
  const keys = [['j k ↓ ↑', 'move'], ['Enter', 'open'], ['e', 'done'], ['s', 'save'], ['h', 'snooze'], ['Shift+I', 'read'], ['Shift+U', 'unread'], ['m', 'mute'], ['w', 'why'], ['o', 'showThread'], ['z', 'undo'], ['/', 'search'], ['?', 'help']];
  const rows = keys.map(([key, name]) => h('div', null, h('dt', null, key.split(' ').map((part) => h('kbd', null, part))), h('dd', null, view.host.t(`key_${name}`))));
  const close = h('button', { type: 'button', class: 'plain', onclick: () => menu.hidePopover() }, view.host.t('close'));
  const menu = openMenu(view.frame.body, view.frame.help, view.host.t('help'), [], [h('dl', { class: 'keys' }, rows), close]);
}
