"""`clarion.changes`: the change feed, to be followed by number: what happened to items, configurations, deliveries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Connection, Row

from clarion.change import CONFIGURED, DELIVERY, KINDS, Change, News
from clarion.errors import InvalidInput, UnknownName, shown
from clarion.event import DEFAULT_TENANT
from clarion.inbox_words import InboxWords
from clarion.item import Item
from clarion.store import changes, inbox
from clarion.store.database import Database

MOST = 1000


class Changes:
    """One feed for the whole installation, kept for a week. Any number of readers may follow it."""

    def __init__(self, database: Database, words: InboxWords) -> None:
        self._database, self._words = database, words

    def newest(self) -> int:
        """The number of the last change: read what is shown after asking for it, and follow from there."""
        self.number()
        return self._database.read(changes.newest)

    def read(
        self,
        after: int,
        *,
        recipient: str | None = None,
        kinds: Iterable[str] | None = None,
        most: int = 500,
        tenant: str | None = DEFAULT_TENANT,
        among: Collection[tuple[str, str | None]] | None = None,
    ) -> News:
        """The changes after this number, in order; of one recipient, of a tenant, or, with `tenant=None`, of all.
        `among`: of these only, (tenant, recipient), chosen once they are read; items are read of these alone.

        Where only some are wanted, a page may be empty and not the last: go on from its `upto` until that is
        `after`. What is committed by now has a number, unless another process is just giving it one.
        """
        chosen = changes.Chosen(tenant=tenant, recipient=recipient, kinds=_known(kinds))
        if recipient is not None and tenant is None:
            raise InvalidInput(f"of which tenant is recipient {shown(recipient)}? say tenant=…")
        if not isinstance(after, int) or after < 0:
            raise InvalidInput(f"after must be the number of a change, or 0, got {shown(after)}")
        if not isinstance(most, int) or not 1 <= most <= MOST:
            raise InvalidInput(f"a page is of 1 to {MOST} changes, got {shown(most)}")
        waits, newest = self._database.look_up(changes.stands)
        if waits:
            self._database.run(changes.number)
        elif newest == after:  # as it is most of the time
            return News([], after)

        def read(conn: Connection) -> News:
            found = changes.read(conn, chosen, after=after, most=most)
            rows = found.rows
            if among is not None:
                rows = [row for row in rows if (row.tenant, row.recipient) in among]
            return News(self._told(conn, rows), found.upto, found.reset)

        return self._database.look_up(read)

    def number(self) -> int:
        """Give numbers to some of what is committed and has none; how many. For who follows the feed without `read`."""
        return self._database.run(changes.number) if self._database.read(changes.pending) else 0

    def _told(self, conn: Connection, rows: Sequence[Row[Any]]) -> list[Change]:
        found = inbox.items(conn, [(row.tenant, row.row_id) for row in rows if _of_item(row)])
        written = self._words.write(conn, list(found.values()))
        items = dict(zip(found, written, strict=True))
        return [_change(row, items) for row in rows]


def _of_item(row: Row[Any]) -> bool:
    return row.kind != CONFIGURED and not row.kind.startswith(DELIVERY)


def _change(row: Row[Any], items: dict[tuple[str, UUID], Item]) -> Change:
    about: dict[str, Any] = {"n": row.n, "at": row.at, "kind": row.kind, "tenant": row.tenant}
    about["recipient"] = row.recipient
    if row.kind.startswith(DELIVERY):
        said = row.body
        about |= {"delivery": row.row_id, "channel": said["channel"], "code": said["code"]}
        about["notification"] = None if said["notification"] is None else UUID(said["notification"])
    elif row.kind != CONFIGURED:
        about |= {"notification": row.row_id, "item": items.get((row.tenant, row.row_id))}
    return Change(**about)


def _known(kinds: Iterable[str] | None) -> frozenset[str] | None:
    if kinds is None:
        return None
    wanted = [kinds] if isinstance(kinds, str) else list(kinds)
    for kind in wanted:
        if kind not in KINDS:
            raise UnknownName("kind of change", str(kind), KINDS)
    return frozenset(wanted)
