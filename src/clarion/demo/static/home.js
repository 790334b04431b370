// Two people side by side: who they are, which of them is shown where there is no room for both, and GitHub's webhooks.
import { follow } from './top.js';

const panes = document.querySelector('.panes');
const flow = document.getElementById('flow');

for (const select of document.querySelectorAll('select[data-side]')) {
  select.addEventListener('change', () => {
    const query = new URLSearchParams(location.search);
    query.set(select.dataset.side, select.value);
    location.search = query;
  });
}

for (const button of document.querySelectorAll('.sides button')) {
  button.addEventListener('click', () => {
    panes.dataset.side = button.dataset.side;
    for (const each of document.querySelectorAll('.sides button')) each.setAttribute('aria-pressed', each === button);
  });
}

async function say(paused) {
  const options = paused === undefined ? {} : {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ paused }),
  };
  try {
    const answer = await fetch('/acme/flow', options);
    const found = await answer.json();
    const forged = found.refused ? `, ${found.refused} forged and refused` : '';
    document.getElementById('flow-says').textContent = `GitHub’s webhooks: ${found.taken} taken${forged}.`;
    flow.textContent = found.paused ? 'Go on' : 'Pause';
    flow.hidden = false;
    flow.dataset.paused = found.paused;
  } catch {
    flow.hidden = true; // the demo has ended
  }
}

flow.addEventListener('click', () => say(flow.dataset.paused !== 'true'));
follow(() => say());
