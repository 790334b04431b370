// What the elements say: a table for each language, with its plurals and its numbers.

const TABLES = { de: 1, fr: 1, ar: 1 };
const BELL = {
  bell: { one: 'Notifications, {n} new', other: 'Notifications, {n} new', zero: 'Notifications' },
  arrived: { one: 'New notification: {title}', other: '{n} new notifications' },
  many: '{n}+',
};
const cache = new Map();

export class Words {
  #table;
  #plural;
  #number;

  constructor(lang, table) {
    this.lang = lang;
    this.#table = table;
    this.#plural = new Intl.PluralRules(lang);
    this.#number = new Intl.NumberFormat(lang);
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
