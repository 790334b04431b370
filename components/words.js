// What the elements say: English, which each part brings along, or a table for another language; with its plurals,
// numbers and dates.

const TABLES = ['de', 'fr', 'ar'];
const english = {
  bell: { one: 'Notifications, {n} new', other: 'Notifications, {n} new', zero: 'Notifications' },
  arrived: { one: 'New notification: {title}', other: '{n} new notifications' },
  many: '{n}+',
};
const cache = new Map();

/** What a part that was loaded says. */
export const learn = (words) => Object.assign(english, words);

let deeds = false;

/** What is said of deeds is wanted from now on, in every language that is spoken here. */
export async function learnDeeds() {
  deeds = true;
  for (const words of await Promise.all(cache.values())) await words.learnDeeds();
}

export class Words {
  #table;
  #made = {};

  constructor(lang, table = english) {
    this.lang = lang;
    this.#table = table;
  }

  /** The sentence `key`. `{n}` chooses the plural; numbers are written as the language does. */
  say(key, values = {}) {
    let said = this.#table[key] ?? english[key] ?? key;
    if (typeof said !== 'string') said = (values.n === 0 && said.zero) || (said[this.intl('PluralRules').select(values.n)] ?? said.other);
    return said.replace(/\{(\w+)\}/g, (_, name) =>
      typeof values[name] === 'number' ? this.number(values[name]) : (values[name] ?? ''));
  }

  async learnDeeds() {
    if (this.#table !== english) Object.assign(this.#table, await table(`${this.lang.split('-')[0]}-deeds`));
  }

  has(key) {
    return key in english;
  }

  number(n) {
    return this.intl('NumberFormat').format(n);
  }

  /** A time as asked for: see `Intl.DateTimeFormat`. */
  date(time, shape) {
    return this.intl('DateTimeFormat', shape).format(new Date(time));
  }

  /** What the language needs of Intl, made once: it is dear. */
  intl(kind, shape) {
    return (this.#made[kind + JSON.stringify(shape)] ??= new Intl[kind](this.lang, shape));
  }
}

export const ENGLISH = new Words('en');

/** Words for a language tag; English where there is no table. */
export function wordsFor(tag) {
  if (!cache.has(tag)) cache.set(tag, load(tag));
  return cache.get(tag);
}

const table = async (name) => (await import(new URL(`./locale/${name}.js`, import.meta.url))).default;

async function load(tag) {
  try {
    const [lang] = Intl.getCanonicalLocales(tag);
    const [name] = lang.split('-');
    if (name === 'en') return new Words(lang);
    if (!TABLES.includes(name)) return ENGLISH;
    const words = new Words(lang, { ...(await table(name)) });
    if (deeds) await words.learnDeeds();
    return words;
  } catch {
    cache.delete(tag); // a language that could not be loaded may be asked for again
    return ENGLISH;
  }
}
