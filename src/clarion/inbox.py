"""`clarion.inbox`: what a recipient has in the inbox, and what they do with it.

All that is done touches this recipient's own items only, never a delivery, and has its reverse. Done once more it
changes nothing: what is returned is what really changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypedDict, Unpack
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import cursor as cursors
from clarion import edit, tag_filter
from clarion.cursor import NOWHERE, Cursor
from clarion.errors import InvalidInput, UnknownName, shown
from clarion.event import DEFAULT_TENANT
from clarion.event_type import EventType
from clarion.inbox_words import InboxWords
from clarion.item import (
    IN_INBOX,
    MARKS,
    VIEWS,
    Filter,
    Groups,
    InboxCounts,
    Item,
    Mark,
    Marked,
    Page,
    Query,
    View,
)
from clarion.names import Names
from clarion.severity import Severity
from clarion.store import changes, inbox, marking, threads
from clarion.store.database import Database
from clarion.store.inbox import Found

MOST = 200  # items on a page
MOST_IDS = 1000  # items marked in one transaction
MARKED_ALL: tuple[Mark, ...] = ("seen", "read", "done")

_list = list  # inside the class that is a method


class Chosen(TypedDict, total=False):
    """Which items: all that is said must hold.

    `view`: `inbox` (what is neither done nor snoozed), of that only `unread` or `unseen`; or `done`, `saved`,
    `snoozed`. `category`, `type`, `subject`, `thread`: of the event. `severity`: this one, or `at_least`. `tags`: any
    of these; `team:*` is every tag that begins with `team:`.
    """

    view: View
    category: str | None
    type: str | None
    severity: str | Severity | None
    at_least: str | Severity | None
    tags: Iterable[str]
    subject: str | None
    thread: str | None


class Inbox:
    """The inboxes of an application's recipients. Raises `InvalidInput` or `UnknownName` for what cannot be."""

    def __init__(self, database: Database, names: Names, words: InboxWords) -> None:
        self._database, self._names, self._words = database, names, words

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────

    def list(
        self,
        recipient: str,
        *,
        most: int = 50,
        cursor: str | None = None,
        tenant: str = DEFAULT_TENANT,
        **chosen: Unpack[Chosen],
    ) -> Page:
        """The newest items first; `cursor`: the `next` of the page before."""
        query, most = self._query(tenant, recipient, chosen), _bounded(most)
        after = None if cursor is None else cursors.parse(cursor)

        def read(conn: Connection) -> Page:
            at = after or Cursor(number=changes.newest(conn))
            found = inbox.find(conn, query, before=at.before, most=most)
            items = inbox.read(conn, tenant, [row.id for row in found.rows])
            written = self._words.write(conn, [(recipient, item) for item in items])
            return Page(written, *_continued(at, found))

        return self._database.read(read)

    def threads(
        self,
        recipient: str,
        *,
        most: int = 50,
        cursor: str | None = None,
        tenant: str = DEFAULT_TENANT,
        **chosen: Unpack[Chosen],
    ) -> Groups:
        """The same, in groups of one thread; what has no thread stands alone. Of what is in the inbox only."""
        query, most = self._query(tenant, recipient, chosen), _bounded(most)
        if query.view not in IN_INBOX:
            known = ", ".join(IN_INBOX)
            raise InvalidInput(f"what is {query.view} has no groups: list it, or group one of {known}")
        after = None if cursor is None else cursors.parse(cursor)

        def read(conn: Connection) -> Groups:
            at = after or Cursor(number=changes.newest(conn))
            top = None if after is None else after.top
            found = threads.find(conn, query, before=at.before, top=top, most=most)
            groups = threads.read(conn, query, found.rows)
            written = self._words.write(conn, [(recipient, group.newest) for group in groups])
            worded = [replace(group, newest=item) for group, item in zip(groups, written, strict=True)]
            return Groups(worded, *_continued(at, found))

        return self._database.read(read)

    def get(self, recipient: str, id: UUID, *, tenant: str = DEFAULT_TENANT) -> Item | None:
        """One item, if it is this recipient's and to be seen."""

        def read(conn: Connection) -> Item | None:
            whose, item = inbox.items(conn, [(tenant, id)]).get((tenant, id), (None, None))
            if item is None or whose != recipient:
                return None
            return self._words.write(conn, [(recipient, item)])[0]

        return self._database.read(read)

    def counts(
        self, recipient: str, *, by_category: bool = False, tenant: str = DEFAULT_TENANT
    ) -> InboxCounts:
        """How many items there are in each view, exactly; `by_category`: also of the unread ones in each category."""

        def read(conn: Connection) -> InboxCounts:
            found = inbox.counts(conn, tenant, recipient)
            if not by_category:
                return found
            numbers: Counter[str] = Counter()
            for code, number in inbox.unread_by_type(conn, tenant, recipient).items():
                numbers[self._category(code)] += number
            return replace(found, unread_by_category=dict(numbers))

        return self._database.read(read)

    def count_unread(self, recipient: str, *, tenant: str = DEFAULT_TENANT) -> int:
        return self._database.read(lambda conn: inbox.count_unread(conn, tenant, recipient))

    # ── Marking ──────────────────────────────────────────────────────────────────────────────────────────

    def mark(
        self,
        recipient: str,
        ids: Collection[UUID],
        how: Mark,
        *,
        until: datetime | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> _list[Marked]:
        """Mark these items, at most a thousand; those that really changed, with their state since.

        What is `read` is seen, too, and what is `unseen` is unread. What is `done` or `snoozed` (`until` then) leaves
        the inbox; what is `deleted` leaves all views, until it is `undeleted` or removed for its age.
        """
        if how not in MARKS:
            raise UnknownName("mark", str(how), MARKS)
        if len(ids) > MOST_IDS:
            raise InvalidInput(f"{len(ids)} items at once are too many: mark them {MOST_IDS} at a time")
        for id in ids:
            if not isinstance(id, UUID):
                raise InvalidInput(f"{shown(id)} is no id of an item: give the UUID that it has in the list")
        if (how == "snoozed") != (until is not None):
            raise InvalidInput(
                f"until when is said of what is snoozed, and only of that; got {how}, {shown(until)}"
            )
        ends = None if until is None else edit.ahead("until", until)
        return self._database.run(lambda conn: marking.mark(conn, tenant, recipient, ids, how, until=ends))

    def mark_read(
        self, recipient: str, ids: Collection[UUID], *, tenant: str = DEFAULT_TENANT
    ) -> _list[Marked]:
        return self.mark(recipient, ids, "read", tenant=tenant)

    def snooze(
        self, recipient: str, ids: Collection[UUID], until: datetime, *, tenant: str = DEFAULT_TENANT
    ) -> _list[Marked]:
        """They leave the inbox until then, and come back on top of it, unseen."""
        return self.mark(recipient, ids, "snoozed", until=until, tenant=tenant)

    def mark_all(
        self,
        recipient: str,
        how: Mark,
        *,
        through: str,
        tenant: str = DEFAULT_TENANT,
        **chosen: Unpack[Chosen],
    ) -> _list[Marked]:
        """Mark all that was there when a page was read, `through` is that page's; `seen`, `read` or `done`.

        With the same `chosen` as the page's. What has come since stays as it is, and so may what came at that very
        moment, although it was shown: mark what is shown by its ids. Goes in steps, each a transaction.
        """
        if how not in MARKED_ALL:
            raise UnknownName("mark for all", str(how), MARKED_ALL)
        upto, query = cursors.parse(through), self._query(tenant, recipient, chosen)
        query = replace(query, view=_still_open(query.view, how))
        if self._database.read(lambda conn: marking.forgotten(conn, upto.number)):
            raise InvalidInput("what was shown is too long ago to know what came since: read the list again")
        before: UUID | None = upto.above_top
        marked: list[Marked] = []
        while before is not None:
            step = partial(
                marking.mark_page, query=query, how=how, before=before, number=upto.number, most=MOST_IDS
            )
            some, before = self._database.run(step)
            marked += some
        return marked

    # ── What is asked ────────────────────────────────────────────────────────────────────────────────────

    def _query(self, tenant: str, recipient: str, chosen: Chosen) -> Query:
        view = chosen.get("view", "inbox")
        if view not in VIEWS:
            raise UnknownName("view", str(view), VIEWS)
        severity, at_least = chosen.get("severity"), chosen.get("at_least")
        wanted = Filter(
            types=self._types(chosen.get("category"), chosen.get("type")),
            severity=None if severity is None else Severity.of(severity),
            at_least=None if at_least is None else Severity.of(at_least),
            tags=_tags(chosen.get("tags", ())),
            subject=chosen.get("subject"),
            thread=chosen.get("thread"),
        )
        return Query(tenant=tenant, recipient=recipient, view=view, filter=wanted)

    def _types(self, category: str | None, type: str | None) -> frozenset[str] | None:
        """The codes that are meant; a type that is declared no longer still has its items."""
        if category is None:
            return None if type is None else frozenset({type})
        self._names.check_scope(f"category:{category}")
        codes = {code for code, one in self._names.types.items() if one.category == category}
        return frozenset(codes if type is None else codes & {type})

    def _category(self, code: str) -> str:
        return (self._names.types.get(code) or EventType(code=code)).category


def _tags(wanted: object) -> tuple[str, ...]:
    if isinstance(wanted, str) or not isinstance(wanted, Iterable):
        raise InvalidInput(
            f"tags must be a list of tags, or of their beginnings with '*', got {shown(wanted)}"
        )
    return tag_filter.parse({"include": list(wanted)}).include


def _bounded(most: int) -> int:
    if not isinstance(most, int) or not 1 <= most <= MOST:
        raise InvalidInput(f"a page is of 1 to {MOST} items, got {shown(most)}")
    return most


def _still_open(view: View, how: Mark) -> View:
    """Of what is to be marked all, those alone that are not so yet."""
    if how == "seen" and view in ("inbox", "unread"):
        return "unseen"
    return "unread" if how == "read" and view == "inbox" else view


def _continued(at: Cursor, found: Found) -> tuple[str | None, str]:
    """The cursor of the next page, and the text that says up to where this walk goes."""
    walk = at if at.top is not None else replace(at, top=found.top or NOWHERE)
    return None if found.then is None else replace(walk, before=found.then).text(), walk.text()
