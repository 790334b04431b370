// The inside of <clarion-preferences>: real inputs in a real form. Each change is saved when it is made; one that the
// server refuses goes back alone, and says why.
import controls from './controls.css';
import { h, look } from './kit.js';
import own from './preferences.css';
import words from './english/preferences.js';

export const css = controls + own;
export { words as english };
export { use } from './kit.js';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const MONDAY = Date.UTC(2024, 0, 1); // a Monday
const SEVERITIES = ['info', 'warning', 'action', 'urgent'];
const LEVELS = ['all', 'participating', 'mentions', 'none'];
const HOUR = 3_600_000;

export class View {
  #host;
  #me = null;
  #problem = null;
  #last = Promise.resolve();

  constructor(host) {
    this.#host = host;
    host.wear(look);
    this.note = h('p', { class: 'note', hidden: true });
    this.banner = h('div', { class: 'banner', part: 'banner', hidden: true });
    this.body = h('div', { class: 'body' });
    this.form = h('form', { part: 'form', onsubmit: (event) => event.preventDefault() }, this.banner, this.body, this.note);
    host.root.append(this.form);
  }

  t(key, values) {
    return this.#host.t(key, values);
  }

  connected() {
    this.joined();
  }

  disconnected() {}

  joined() {
    this.#me = null;
    this.#draw();
    this.#load();
  }

  forgotten() {
    this.joined();
  }

  /** Chosen elsewhere: taken up, unless somebody is at an input. */
  took(change) {
    if (change.kind === 'configuration.updated' && !this.form.matches(':focus-within')) this.#load();
  }

  spoken() {
    this.#draw();
  }

  changed() {
    if (!this.#me) this.#draw();
  }

  async #load() {
    const { session } = this.#host;
    await session.insist(async () => {
      const me = await session.api.get('/v1/me');
      if (session !== this.#host.session) return;
      this.#me = me;
      this.#problem = null;
      this.#draw();
    }, (error) => {
      this.#problem = error;
      this.#draw();
      return session === this.#host.session;
    });
  }

  /** One change after the other, each alone: `back()` when it was refused. */
  #save(patch, back) {
    const saved = this.#last.then(() => this.#host.session.api.send('PATCH', '/v1/me', patch));
    this.#last = saved.then(
      (me) => {
        this.#me = me;
        this.#say(this.t('savedChange'));
        this.#refresh();
      },
      (error) => {
        if (!this.#me) return; // they were somebody else's
        back();
        this.#say(`${this.t('failedChange')} ${error.message}`, true);
        this.#host.tell('error', { error });
      },
    );
  }

  #say(text, bad = false) {
    this.note.textContent = text;
    this.note.hidden = false;
    this.note.classList.toggle('bad', bad);
    this.#host.announce(text);
  }

  #draw() {
    const state = this.#me ? null : this.#problem ? 'error' : 'loading';
    for (const name of ['error', 'loading']) this.#host.mark(name, state === name);
    if (state) {
      this.banner.hidden = true;
      const retry = h('button', { type: 'button', class: 'plain', onclick: () => this.#host.session.retry() }, this.t('retry'));
      this.body.replaceChildren(h('p', { class: 'faint' }, this.t(state === 'error' ? 'prefsFailed' : 'loading')), ...(this.#problem ? [h('p', { class: 'faint' }, this.#problem.message), retry] : []));
      return;
    }
    this.shown = [];
    this.body.replaceChildren(h('h2', null, this.t('prefs')), this.#silence(), this.#matrix(), this.#quiet(), ...(this.#me.topics.length ? [this.#topics()] : []));
    this.#refresh();
  }

  /** Writes what the server says into the inputs that are there: the focus stays where it is. */
  #refresh() {
    for (const write of this.shown) write();
    const { enabled, silent_until: until } = this.#me;
    const silent = !enabled || Date.parse(until ?? 0) > Date.now();
    this.banner.hidden = !silent;
    if (!silent) return;
    const said = enabled ? this.t('silentUntil', { time: this.#time(until) }) : this.t('silent');
    const resume = h('button', { type: 'button', class: 'plain', onclick: () => this.#save({ enabled: true, silent_until: null }, () => {}) }, this.t('resume'));
    this.banner.replaceChildren(h('span', null, said), resume);
  }

  #time(instant) {
    const zone = this.#host.getAttribute('time-zone') ?? this.#me.time_zone ?? undefined;
    return this.#host.words.date(instant, { weekday: 'long', hour: 'numeric', minute: 'numeric', timeZone: zone });
  }

  /** An input that shows `read()`, and sends `patch(value)` when it is changed. */
  #bound(input, read, patch) {
    const name = input.type === 'checkbox' ? 'checked' : 'value';
    const write = () => (input[name] = read());
    this.shown.push(write);
    input.addEventListener('change', () => this.#save(patch(input[name]), write));
    return input;
  }

  #select(label, options, read, patch) {
    const select = h('select', { 'aria-label': label }, options.map(([value, text]) => h('option', { value }, text)));
    return this.#bound(select, read, patch);
  }

  #silence() {
    const until = (hours) => this.#save({ silent_until: new Date(Date.now() + hours * HOUR).toISOString() }, () => {});
    const button = (key, onclick) => h('button', { type: 'button', class: 'plain', onclick }, this.t(key));
    return h('fieldset', null, h('legend', null, this.t('silence')), h('p', { class: 'faint' }, this.t('silence_text')),
      h('div', { class: 'buttons' }, button('hour', () => until(1)), button('day', () => until(24)), button('week', () => until(168)),
        button('untilResumed', () => this.#save({ enabled: false }, () => {}))));
  }

  // ── what, and where ──

  #matrix() {
    const { channels, types } = this.#me;
    const head = h('tr', null, h('th', { scope: 'col' }, this.t('what')), channels.map((channel) => h('th', { scope: 'col' }, this.#channel(channel))));
    const bodies = [...new Set(types.map(({ category }) => category))].map((category) => this.#category(category));
    return h('fieldset', null, h('legend', null, this.t('matrix')),
      h('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': this.t('matrix') }, h('table', null, h('thead', null, head), bodies)));
  }

  #channel(name) {
    return this.#host.words.has(`channel_${name}`) ? this.t(`channel_${name}`) : name;
  }

  #category(category) {
    const { channels, types } = this.#me;
    const own = types.filter((type) => type.category === category);
    const free = own.filter((type) => !type.required);
    const scope = `category:${category}`;
    const cell = (type, channel) => this.#me.types.find((each) => each.type === type.type)?.channels.find((each) => each.channel === channel);
    const how = (channel) => {
      const said = () => this.#me.preferences.findLast((choice) => choice.scope === scope && choice.channel === channel) ?? {};
      const choose = (field) => (value) => ({ preferences: [{ scope, channel, [field]: value || null }] });
      const named = (key) => `${this.t(key)}: ${category}, ${this.#channel(channel)}`;
      return h('td', null, free.length > 0 && h('div', { class: 'how' },
        this.#select(named('severity'), [['', this.t('anySeverity')], ...SEVERITIES.slice(1).map((name) => [name, this.t('atLeast', { severity: this.t(name) })])], () => said().min_severity ?? '', choose('min_severity')),
        channel !== 'inbox' && this.#me.modes.includes('digest') && this.#select(named('mode'), [['', this.t('modeDefault')], ['now', this.t('now')], ['digest', this.t('digest')]], () => said().mode ?? '', choose('mode'))));
    };
    const box = (type, channel) => {
      const found = cell(type, channel);
      if (!found) return h('td');
      const label = `${type.description || type.type}: ${this.#channel(channel)}`;
      if (type.required) {
        const why = this.t('required');
        return h('td', null, h('input', { type: 'checkbox', checked: found.wanted, disabled: true, 'aria-label': `${label}. ${why}`, title: why }));
      }
      const input = h('input', { type: 'checkbox', 'aria-label': label });
      const choose = (enabled) => ({ preferences: [{ scope: `type:${type.type}`, channel, enabled }] });
      return h('td', null, this.#bound(input, () => cell(type, channel).wanted, choose));
    };
    return h('tbody', null,
      h('tr', { class: 'category' }, h('th', { scope: 'rowgroup' }, category), channels.map(how)),
      own.map((type) => h('tr', null,
        h('th', { scope: 'row' }, type.description || type.type, type.required && h('span', { class: 'lock' }, this.t('required'))),
        channels.map((channel) => box(type, channel)))));
  }

  // ── when ──

  #quiet() {
    const zone = this.#me.time_zone;
    const hours = (day) => this.#me.quiet_hours?.[day]?.[0];
    const others = (day) => (this.#me.quiet_hours?.[day] ?? []).slice(1);
    const set = (day, span) => ({ quiet_hours: { ...this.#me.quiet_hours, [day]: span ? [span, ...others(day)] : [] } });
    const rows = DAYS.map((day, index) => {
      const name = this.#host.words.date(MONDAY + index * 24 * HOUR, { weekday: 'long', timeZone: 'UTC' });
      const on = h('input', { type: 'checkbox', 'aria-label': `${this.t('quiet')}: ${name}` });
      const time = (at, key) => {
        const input = h('input', { type: 'time', required: true, 'aria-label': `${name}: ${this.t(key)}` });
        this.shown.push(() => (input.disabled = !hours(day)));
        return this.#bound(input, () => hours(day)?.[at] ?? ['22:00', '07:00'][at], (value) => set(day, at ? [hours(day)[0], value] : [value, hours(day)[1]]));
      };
      return h('li', null, h('label', null, this.#bound(on, () => !!hours(day), (checked) => set(day, checked && ['22:00', '07:00'])), h('span', null, name)), time(0, 'from'), '–', time(1, 'until'));
    });
    return h('fieldset', null, h('legend', null, this.t('quiet')), h('p', { class: 'faint' }, this.t('quiet_text', { zone })), h('ul', { class: 'days' }, rows));
  }

  // ── whom to follow ──

  #topics() {
    const levels = LEVELS.map((level) => [level, this.t(`level_${level}`)]);
    const rows = this.#me.topics.map(({ topic }) => {
      const found = () => this.#me.topics.find((each) => each.topic === topic) ?? {};
      const muted = h('input', { type: 'checkbox', 'aria-label': `${this.t('mute')}: ${topic}` });
      const select = this.#select(`${this.t('level')}: ${topic}`, levels, () => found().level ?? 'all', (level) => ({ topics: [{ topic, level }] }));
      const mute = this.#bound(muted, () => Date.parse(found().muted_until ?? 0) > Date.now(), (on) => ({ topics: [{ topic, muted_until: on ? '9999-01-01T00:00:00Z' : null }] }));
      return h('li', null, h('span', { class: 'topic' }, topic), select, h('label', null, mute, this.t('mute')));
    });
    return h('fieldset', null, h('legend', null, this.t('topics')), h('ul', { class: 'topics' }, rows));
  }
}
