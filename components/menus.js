// The menus of the inbox: when to come back, what else to do with a row, and the shortcuts.
import { h } from './kit.js';
import { openMenu } from './menu.js';
import { moments } from './snooze.js';
import { date } from './times.js';
import { why } from './why.js';

export function snooze(view, row) {
  const zone = view.host.getAttribute('time-zone') ?? undefined;
  const { item } = row.row;
  const until = (instant) => view.act('snooze', row, { until: new Date(instant).toISOString() });
  const when = (instant) => date(view.host.words, instant, { weekday: 'short', hour: 'numeric', minute: 'numeric', timeZone: zone });
  const entries = moments(zone).map(([key, instant]) => ({ text: view.t(key), detail: when(instant), run: () => until(instant) }));
  if (Date.parse(item.snoozed_until ?? 0) > Date.now()) entries.unshift({ text: view.t('act_unsnooze'), run: () => view.act('unsnooze', row) });
  const exact = h('input', { type: 'datetime-local', 'aria-label': view.t('pickTime') });
  const pick = h('form', {
    class: 'pick',
    onsubmit: (event) => {
      event.preventDefault();
      const instant = Date.parse(exact.value);
      if (!(instant > Date.now())) return exact.setCustomValidity(view.t('future')), exact.reportValidity();
      menu.hidePopover();
      row.element.focus();
      until(instant);
    },
    oninput: () => exact.setCustomValidity(''),
  }, exact, h('button', { class: 'plain' }, view.t('act_snooze')));
  const menu = openMenu(view.frame.scroller.parentNode, row.actions.snooze, view.t('act_snooze'), entries, [pick], () => row.element.focus());
}

export function more(view, row) {
  const { item } = row.row;
  const read = item.read_at ? 'unread' : 'read';
  openMenu(view.frame.scroller.parentNode, row.actions.more, view.t('act_more'), [
    { text: view.t(`act_${read}`), run: () => view.act(read, row) },
    { text: view.t('act_why'), run: () => why(view, row, view.session.api) },
    item.event.thread && { text: view.t('act_mute'), run: () => view.mute(row) },
    { text: view.t('act_delete'), run: () => view.act('delete', row) },
  ], [], () => row.element.focus());
}

export function help(view, button) {
  const keys = [['j k ↓ ↑', 'move'], ['Enter', 'open'], ['e', 'done'], ['s', 'save'], ['h', 'snooze'], ['Shift+I', 'read'], ['Shift+U', 'unread'], ['m', 'mute'], ['w', 'why'], ['o', 'showThread'], ['z', 'undo'], ['/', 'search'], ['?', 'help']];
  const rows = keys.map(([key, name]) => h('div', null, h('dt', null, key.split(' ').map((part) => h('kbd', null, part))), h('dd', null, view.t(`key_${name}`))));
  const close = h('button', { type: 'button', class: 'plain', onclick: () => menu.hidePopover() }, view.t('close'));
  const menu = openMenu(view.frame.scroller.parentNode, button, view.t('help'), [], [h('dl', { class: 'keys' }, rows), close]);
}
