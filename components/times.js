// Times and lists as a person would say them, and the one timer by which they grow older.

const UNITS = [[60, 'minute', 60], [24, 'hour', 3600], [7, 'day', 86400]];
const made = new Map();

/** What a language needs of Intl, made once: it is dear. */
function tools(lang) {
  if (!made.has(lang)) {
    made.set(lang, {
      ago: new Intl.RelativeTimeFormat(lang, { numeric: 'auto', style: 'short' }),
      full: new Intl.DateTimeFormat(lang, { dateStyle: 'full', timeStyle: 'short' }),
      day: new Intl.DateTimeFormat(lang, { day: 'numeric', month: 'short', year: 'numeric' }),
      list: new Intl.ListFormat(lang, { type: 'conjunction' }),
    });
  }
  return made.get(lang);
}

/** "now", "5 min. ago", "yesterday"; a date after a week. */
export function ago({ lang }, time) {
  const said = tools(lang);
  const seconds = Math.round((new Date(time) - Date.now()) / 1000);
  if (Math.abs(seconds) < 45) return said.ago.format(0, 'second');
  for (const [least, unit, size] of UNITS) {
    const n = Math.round(seconds / size);
    if (Math.abs(n) < least) return said.ago.format(n || Math.sign(seconds), unit);
  }
  return said.day.format(new Date(time));
}

export const full = ({ lang }, time) => tools(lang).full.format(new Date(time));

/** A time as asked for: see `Intl.DateTimeFormat`. */
export const date = ({ lang }, time, shape) => new Intl.DateTimeFormat(lang, shape).format(new Date(time));

/** Parts joined as the language joins a list. */
export const list = ({ lang }, parts) => tools(lang).list.format(parts);

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
