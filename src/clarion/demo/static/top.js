// What every page has: how many mails were received.
const count = document.getElementById('mails');
const EVERY = 2000;

/** Asks again and again; `each` is told what is there. Without an answer, it just asks later. */
export async function follow(each = () => {}) {
  try {
    const answer = await fetch('/mail/newest');
    if (answer.ok) {
      const found = await answer.json();
      count.hidden = !found.count;
      count.textContent = found.count;
      each(found);
    }
  } catch {
    // the demo has ended, or starts again
  }
  setTimeout(follow, EVERY, each);
}
