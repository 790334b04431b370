// Times as a person would say them, and the one timer by which they grow older.

const UNITS = [[60, 'minute', 60], [24, 'hour', 3600], [7, 'day', 86400]];
const AGO = { numeric: 'auto', style: 'short' };
const DAY = { day: 'numeric', month: 'short', year: 'numeric' };
export const SOON = { weekday: 'short', hour: 'numeric', minute: 'numeric' };
export const FULL = { dateStyle: 'full', timeStyle: 'short' };

/** "now", "5 min. ago", "yesterday"; a date after a week. */
export function ago(words, time) {
  const said = words.intl('RelativeTimeFormat', AGO);
  const seconds = Math.round((new Date(time) - Date.now()) / 1000);
  if (Math.abs(seconds) < 45) return said.format(0, 'second');
  for (const [least, unit, size] of UNITS) {
    const n = Math.round(seconds / size);
    if (Math.abs(n) < least) return said.format(n || Math.sign(seconds), unit);
  }
  return words.date(time, DAY);
}

const ticking = new Set();
let timer;

/** Calls back while times on the page grow older. Returns how to stop. One timer for the page. */
export function eachTick(callback) {
  ticking.add(callback);
  timer ??= setInterval(() => ticking.forEach((each) => each()), 15_000);
  return () => {
    ticking.delete(callback);
    if (ticking.size) return;
    clearInterval(timer);
    timer = undefined;
  };
}
