// Acme as one person sees it: the change, what they do, and what Clarion made of it.
const { me, other } = document.body.dataset;
const at = (id) => document.getElementById(id);
const tabs = new BroadcastChannel('acme');
const WAIT = 250;
const PATIENCE = 40; // looks at what becomes of an event

function h(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

async function ask(path, body) {
  const options = body && { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(path, options);
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
}

// ── The change ───────────────────────────────────────────────────────────────────────────────────────────

const shown = new Set();

async function refresh() {
  const { comments, build, incident } = await ask(`/as/${me}/review`);
  for (const { id, author, text, at: when } of comments) {
    if (shown.has(id)) continue;
    shown.add(id);
    const time = h('time', { dateTime: when }, new Date(when).toLocaleTimeString([], { timeStyle: 'short' }));
    at('comments').append(h('li', { id: `c${id}` }, h('strong', { dir: 'auto' }, author), ' ', time, h('p', { dir: 'auto' }, text)));
  }
  at('silence').hidden = shown.size > 0;
  at('build').dataset.state = build ? 'failed' : 'passed';
  at('build-says').textContent = !build ? 'Build passed' : build > 1 ? `Build failed, ${build} times` : 'Build failed';
  at('build').querySelector('button').hidden = !build;
  at('incident').hidden = !incident;
}

const again = () => refresh().catch(trouble);

// ── What is done, and what became of it ──────────────────────────────────────────────────────────────────

function trouble(error) {
  at('trouble').textContent = error?.message ?? '';
  at('trouble').hidden = !error;
}

async function act(deed, text = '') {
  trouble(null);
  const { event } = await ask(`/as/${me}/${deed}`, { with: other, text });
  tabs.postMessage('done');
  await refresh();
  if (event) tell(event);
}

let told;

/** Shows what becomes of this event, until nothing more will or something newer is done. */
async function tell(event) {
  told = event;
  for (let look = 0; told === event && look < PATIENCE; look += 1) {
    const found = await ask(`/acme/story/${event}`);
    if (told !== event) return;
    show(found);
    if (found.complete) return;
    await new Promise((wake) => setTimeout(wake, WAIT));
  }
}

const STATES = {
  told: 'there', sent: 'sent', waiting: 'on its way', sending: 'on its way',
  failed: 'failed', suppressed: 'not sent', cancelled: 'taken back',
};

/** What is the same for several channels is said once. */
function channels(found) {
  const said = new Map();
  for (const { channel, state, why } of found) {
    const words = why || STATES[state] || state;
    if (!said.has(words)) said.set(words, { state, names: [] });
    said.get(words).names.push(channel);
  }
  return [...said].map(([words, { state, names }]) => h('span', { className: `channel ${state}` }, `${names.join(' and ')}: ${words}`));
}

function show({ type, repeat, people, others, complete }) {
  const rows = people.map(({ name, reason, channels: found }) => h('li', null,
    h('strong', { dir: 'auto' }, name), h('span', { className: 'faint' }, ` ${reason}`), ...channels(found)));
  const says = repeat ? 'it is open already, and counted.'
    : rows.length ? '' : complete ? 'nobody was to be told.' : 'deciding whom to tell …';
  at('story').replaceChildren(
    h('p', null, 'What became of ', h('code', null, type), says && `: ${says}`),
    h('ul', null, ...rows),
    others ? h('p', { className: 'faint' }, `and ${others} others`) : '',
  );
  at('story').hidden = false;
}

at('say').addEventListener('submit', (event) => {
  event.preventDefault();
  act('comment', at('text').value).then(() => (at('text').value = ''), trouble);
});
at('text').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) at('say').requestSubmit();
});
for (const button of document.querySelectorAll('[data-deed]')) {
  button.addEventListener('click', () => act(button.dataset.deed).catch(trouble));
}

// ── Views, and where notifications lead ──────────────────────────────────────────────────────────────────

function view(name) {
  for (const each of document.querySelectorAll('[data-shows]')) each.hidden = each.dataset.shows !== name;
  for (const each of document.querySelectorAll('[data-view]')) each.setAttribute('aria-pressed', each.dataset.view === name);
}

for (const button of document.querySelectorAll('[data-view]')) button.addEventListener('click', () => view(button.dataset.view));

document.addEventListener('clarion:open', (event) => {
  const { url } = event.detail;
  if (!url) return;
  event.preventDefault();
  const to = new URL(url, location);
  if (to.origin !== location.origin) {
    open(to, '_blank', 'noopener');
    return;
  }
  view('review');
  document.querySelector('clarion-bell').hide();
  const target = document.getElementById(to.hash.slice(1)) ?? document.querySelector('h1');
  target.scrollIntoView({ block: 'center' });
  target.classList.remove('looked-for');
  requestAnimationFrame(() => target.classList.add('looked-for'));
});

let soon;
tabs.addEventListener('message', again);
document.addEventListener('clarion:count', () => {
  clearTimeout(soon);
  soon = setTimeout(again, WAIT);
});
again();
