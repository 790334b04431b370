"""Pages of an inbox as they are asked for over HTTP: a view, filters, words to search for, threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from clarion import cursor as cursors
from clarion.inbox import MOST, Chosen, Inbox
from clarion.item import IN_INBOX, Group, Groups, Item, Page

LOOKED_AT = 1000  # items at most, where the library cannot choose by itself
_ACTORS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`words`: each must stand in title or text, whatever the case."""

    tenant: str
    recipient: str
    chosen: Chosen
    words: str = ""
    most: int = 25
    cursor: str | None = None


def items(inbox: Inbox, asked: Asked) -> Page:
    """The next items. Words are looked for in a thousand items at most: a page may be short, and not the last."""
    if not asked.words:
        return _list(inbox, asked, asked.cursor, asked.most)
    found: list[Item] = []
    page, matches = None, _matcher(asked.words)
    for page in _walk(inbox, asked, asked.cursor):
        for item in page.items:
            if not matches(item):
                continue
            if len(found) == asked.most:
                return Page(found, _behind(found[-1], page), page.through)
            found.append(item)
    assert page is not None, "a walk has a first page"  # noqa: S101
    return Page(found, page.next, page.through)


def groups(inbox: Inbox, asked: Asked) -> Groups:
    """The next threads. Of other views than the inbox, and of items with these words: those of a thousand items.

    Every page is cut from the same walk, which begins at the top of the first page's: no thread comes twice.
    """
    if not asked.words and asked.chosen.get("view", "inbox") in IN_INBOX:
        return inbox.threads(
            asked.recipient, most=asked.most, cursor=asked.cursor, tenant=asked.tenant, **asked.chosen
        )
    at = None if asked.cursor is None else cursors.parse(asked.cursor)
    top = None if at is None else replace(at, before=at.above_top).text()
    matches = _matcher(asked.words)
    threads: dict[object, list[Item]] = {}
    through = ""
    for page in _walk(inbox, asked, top):
        through = through or page.through
        for item in filter(matches, page.items):
            threads.setdefault(item.event.thread or item.id, []).append(item)
    found = [_group(each) for each in threads.values()]
    found = [group for group in found if at is None or group.newest.place < at.before]
    shown = found[: asked.most]
    more = len(found) > len(shown)
    then = replace(cursors.parse(through), before=shown[-1].newest.place).text() if more else None
    return Groups(shown, then, through)


def _list(inbox: Inbox, asked: Asked, cursor: str | None, most: int) -> Page:
    return inbox.list(asked.recipient, most=most, cursor=cursor, tenant=asked.tenant, **asked.chosen)


def _walk(inbox: Inbox, asked: Asked, cursor: str | None) -> Iterator[Page]:
    """Pages, until there are no more or enough was looked at."""
    for _ in range(LOOKED_AT // MOST):
        page = _list(inbox, asked, cursor, MOST)
        yield page
        cursor = page.next
        if cursor is None:
            return


def _behind(item: Item, page: Page) -> str:
    return replace(cursors.parse(page.through), before=item.place).text()


def _matcher(words: str) -> Callable[[Item], bool]:
    wanted = words.casefold().split()

    def matches(item: Item) -> bool:
        said = f"{item.title} {item.text}".casefold()
        return all(word in said for word in wanted)

    return matches


def _group(items: Sequence[Item]) -> Group:
    """Of the items of one thread, the newest first."""
    actors = dict.fromkeys(item.event.actor for item in items if item.event.actor)
    unread = sum(item.state.read_at is None for item in items)
    return Group(newest=items[0], number=len(items), unread=unread, actors=list(actors)[:_ACTORS])
