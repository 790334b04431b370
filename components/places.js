// The lists that an item is on.

/** Where an item counts and is listed. Saved and done as on GitHub: what is saved stays where it is, too. */
export function places(item) {
  const kept = !item.deleted;
  const snoozed = kept && !item.done_at && Date.parse(item.snoozed_until ?? 0) > Date.now();
  const inbox = kept && !item.done_at && !snoozed;
  return {
    inbox, snoozed, done: kept && !!item.done_at, saved: kept && !!item.saved_at,
    unread: inbox && !item.read_at, unseen: inbox && !item.seen_at,
  };
}
