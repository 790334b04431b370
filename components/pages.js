// What a list reads from the server itself: other views than the inbox, what was searched, and what is older.

const PAGE = 25;

/** The first page, unless the list has asked for something else meanwhile. */
export async function first(list, run) {
  const answer = await read(list);
  if (run !== list.run) return;
  list.empty();
  add(list, answer);
  list.filled();
}

/** The next page. Where the same was read anew meanwhile, the page after that one's: somebody has asked for it. */
export async function older(list) {
  const { query, run } = list;
  const answer = await read(list, { cursor: list.next });
  if (run === list.run) add(list, answer);
  else if (query === list.query && list.next) await older(list);
}

/** An answer with its `items`, which the session has taken up. */
export async function read({ query, session }, more) {
  const asked = Object.entries({ limit: PAGE, ...query, ...more }).filter(([, value]) => value);
  const answer = await session.api.get('/v1/inbox', asked);
  answer.items ??= answer.groups.map((group) => group.newest);
  session.take(answer);
  return answer;
}

function add(list, { items, groups, next }) {
  if (groups) list.groups.add(groups);
  else for (const item of items) list.ids.add(item.id);
  list.next = next;
  list.floor = next ? items.at(-1).place : '';
}
