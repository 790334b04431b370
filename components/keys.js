// What the keys mean in an inbox.

const LETTERS = { j: 'next', k: 'previous', e: 'done', s: 'save', h: 'snooze', I: 'read', U: 'unread', m: 'mute', w: 'why', o: 'showThread', z: 'undo' };
const KEYS = { ArrowDown: 'next', ArrowUp: 'previous', Home: 'first', End: 'last', Enter: 'open', ' ': 'open' };
const TO = { next: 1, previous: -1, first: -Infinity, last: Infinity };

/** Does what a key means where it was pressed. */
export function key(view, event, target) {
  const row = view.rows.focused;
  const letters = view.letters ? LETTERS : {};
  const meant = row ? ofRow(view, row, event, target, letters) : target.role === 'tab' && alongTabs(view, event, target);
  if (!meant && !(view.letters && anywhere(view, event.key))) return;
  event.preventDefault();
  if (row && meant) event.stopPropagation();
}

function ofRow(view, row, { key }, target, letters) {
  const { rows } = view;
  if (target !== row.element && (key === 'Enter' || key === ' ')) return false;
  const name = KEYS[key] ?? letters[key] ?? sideways(key, row);
  if (!name) return false;
  if (name === 'in' || name === 'out') within(row, name === 'in' ? 1 : -1);
  else if (name === 'back') row.element.focus();
  else if (TO[name]) {
    const index = rows.shown.findIndex(({ key }) => key === row.row.key);
    rows.focus(rows.shown[Math.min(Math.max(index + TO[name], 0), rows.size - 1)].key);
    rows.focused.element.scrollIntoView({ block: 'nearest' });
  } else view.do('command', name, row);
  return true;
}

function anywhere(view, key) {
  if (key === '/') view.do('find', true);
  else if (key === '?') view.do('help');
  else if (key === 'z') view.do('command', 'undo');
  else if (key === 'j') view.rows.focus();
  else return false;
  return true;
}

/** From tab to tab, and down into the rows. */
function alongTabs(view, { key }, tab) {
  const { tabs } = view.frame;
  const to = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: 0 }[key];
  if (to === undefined) return false;
  if (!to) return view.rows.focus(), true;
  const by = view.host.root.dir === 'rtl' ? -to : to;
  const next = tabs.at((tabs.indexOf(tab) + by) % tabs.length);
  next.focus();
  next.click();
  return true;
}

function sideways(key, row) {
  const rtl = getComputedStyle(row.element).direction === 'rtl';
  if (key === 'ArrowRight') return rtl ? 'out' : 'in';
  if (key === 'ArrowLeft') return rtl ? 'in' : 'out';
  return key === 'Escape' && row.element !== row.element.getRootNode().activeElement ? 'back' : null;
}

/** Everything in a row that can be reached with the arrows. */
function within(row, by) {
  const inside = [...row.element.querySelectorAll('a[href], button')].filter((stop) => stop.checkVisibility());
  const stops = [row.element, ...inside];
  const to = stops.indexOf(row.element.getRootNode().activeElement) + by;
  stops[Math.min(Math.max(to, 0), stops.length - 1)].focus();
}
