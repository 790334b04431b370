// What the elements say: a table for each language, plurals, and times that read as a person would say them.

const TABLES = { de: 1, fr: 1, ar: 1 };
const BELL = {
  bell: { one: 'Notifications, {n} new', other: 'Notifications, {n} new', zero: 'Notifications' },
  arrived: { one: 'New notification: {title}', other: '{n} new notifications' },
  many: '{n}+',
};
const UNITS = [[60, 'minute', 60], [24, 'hour', 3600], [7, 'day', 86400]];
const cache = new Map();

export class Words {
  #table;
  #plural;
  #number;
  #ago;
  #when;

  constructor(lang, table) {
    this.lang = lang;
    this.#table = table;
    this.#plural = new Intl.PluralRules(lang);
    this.#number = new Intl.NumberFormat(lang);
    this.#ago = new Intl.RelativeTimeFormat(lang, { numeric: 'auto', style: 'short' });
    this.#when = {
      full: new Intl.DateTimeFormat(lang, { dateStyle: 'full', timeStyle: 'short' }),
      day: new Intl.DateTimeFormat(lang, { day: 'numeric', month: 'short', year: 'numeric' }),
    };
  }

  /** The sentence `key`. `{n}` chooses the plural; numbers are written as the language does. */
  say(key, values = {}) {
    let said = this.#table[key] ?? key;
    if (typeof said !== 'string') said = (values.n === 0 && said.zero) || (said[this.#plural.select(values.n)] ?? said.other);
    return said.replace(/\{(\w+)\}/g, (_, name) =>
      typeof values[name] === 'number' ? this.#number.format(values[name]) : (values[name] ?? ''));
  }

  has(key) {
    return key in this.#table;
  }

  number(n) {
    return this.#number.format(n);
  }

  /** "now", "5 min. ago", "yesterday"; a date after a week. */
  ago(time, now = Date.now()) {
    const seconds = Math.round((new Date(time) - now) / 1000);
    if (Math.abs(seconds) < 45) return this.#ago.format(0, 'second');
    for (const [least, unit, size] of UNITS) {
      const n = Math.round(seconds / size);
      if (Math.abs(n) < least) return this.#ago.format(n || Math.sign(seconds), unit);
    }
    return this.#when.day.format(new Date(time));
  }

  full(time) {
    return this.#when.full.format(new Date(time));
  }

  /** A time as asked for: see `Intl.DateTimeFormat`. */
  date(time, shape) {
    return new Intl.DateTimeFormat(this.lang, shape).format(new Date(time));
  }

  /** Parts joined as the language joins a list. */
  list(parts) {
    return new Intl.ListFormat(this.lang, { type: 'conjunction' }).format(parts);
  }
}

export const ENGLISH = new Words('en', BELL);

/** Words for a language tag, with everything the inbox says where `whole`; English where there is no table. */
export function wordsFor(tag, whole) {
  const name = String(tag).toLowerCase().split('-')[0];
  const known = name in TABLES;
  const key = `${known ? tag : 'en'} ${!!whole}`;
  if (!cache.has(key)) cache.set(key, load(known ? name : 'en', known || /^en\b/i.test(tag) ? tag : 'en', whole || known));
  return cache.get(key);
}

async function load(name, tag, whole) {
  try {
    const read = async (language) => (await import(new URL(`./locale/${language}.js`, import.meta.url))).default;
    const [table, english] = await Promise.all([whole ? read(name) : {}, whole && name !== 'en' ? read('en') : {}]);
    return new Words(tag, { ...BELL, ...english, ...table });
  } catch {
    cache.clear(); // a language that could not be loaded may be asked for again
    return ENGLISH;
  }
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
