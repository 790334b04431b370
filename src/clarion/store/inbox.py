"""Reading a recipient's inbox: its items in pages, and how many there are. Delivery state is never touched here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.sql import FromClause

from clarion.item import ALL, IN_INBOX, InboxCounts, Item, Query, State, View
from clarion.severity import Severity
from clarion.store import dialect
from clarion.store.prepared import LookUp
from clarion.store.schema import (
    DONE,
    INBOX,
    SAVED,
    SNOOZED,
    THREADED,
    UNREAD,
    events,
    notifications,
)
from clarion.store.walks import event_from

LOOKED_AT = 2000  # items at most for one page, where a filter lets little pass
_CHUNK = 500

# As the indexes have it, word for word.
VIEWS: Mapping[View, str] = {
    "inbox": INBOX,
    "unread": UNREAD,
    "unseen": f"{UNREAD} AND seen_at IS NULL",
    "done": DONE,
    "saved": SAVED,
    "snoozed": SNOOZED,
}
_n = notifications.c


# ── Finding ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Found:
    """What stands on a page: rows with `id`, `place`, `thread`, the highest place first. `then`: the place behind
    which to go on, if there may be more. `top`: the highest place below which was looked."""

    rows: list[Row[Any]] = field(default_factory=list)
    then: UUID | None = None
    top: UUID | None = None


def find(conn: Connection, query: Query, *, before: UUID, most: int) -> Found:
    """The next items of a view that pass, below this place."""
    found = Found()
    for chunk in chunks(conn, query, before, most + 1):
        found.top = found.top or chunk.top
        for row in chunk.passing:
            if len(found.rows) == most:
                found.then = found.rows[-1].place
                return found
            found.rows.append(row)
        found.then = chunk.then
    return found


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some items that were looked at, and those that pass. `then`: as above, if no more are looked at."""

    passing: list[Row[Any]]
    top: UUID | None
    then: UUID | None


def chunks(conn: Connection, query: Query, before: UUID, first: int) -> Iterator[Chunk]:
    """The items of a view chunk by chunk, `first` so many, unless the filter may refuse many."""
    dialect.without_sorting(conn)
    size, looked_at = (first if query.filter == ALL or _by_thread(query) else _CHUNK), 0
    while True:
        rows = conn.execute(_chunk(query, before, size)).all()
        looked_at += len(rows)
        ends = len(rows) < size
        enough = looked_at >= LOOKED_AT
        then = rows[-1].place if enough and not ends else None
        yield Chunk(passing(conn, query, rows), rows[0].place if rows else None, then)
        if ends or enough:
            return
        before, size = rows[-1].place, _CHUNK


def _by_thread(query: Query) -> bool:
    """Whether the items of one thread have an index in this view."""
    return query.filter.thread is not None and query.view in IN_INBOX


def _chunk(query: Query, before: UUID, most: int) -> sa.Select[Any]:
    where = [*_in(query.view, query.tenant, query.recipient), _n.place < before]
    if _by_thread(query):
        where += [sa.text(THREADED), _n.thread == query.filter.thread]
    columns = [_n.id, _n.place, _n.thread, _n.severity]
    if query.filter.asks_events:  # ids take longest to read
        columns.append(_n.event_id)
    return sa.select(*columns).where(*where).order_by(_n.place.desc()).limit(most)


def whose(tenant: str, recipient: str) -> list[Any]:
    return [_n.tenant == tenant, _n.recipient == recipient]


def passing(conn: Connection, query: Query, rows: Sequence[Any]) -> list[Any]:
    """Those of these that pass the filter, in their order."""
    wanted = query.filter
    kept = [
        row
        for row in rows
        if (wanted.thread is None or row.thread == wanted.thread)
        and (wanted.severity is None or row.severity == wanted.severity)
        and (wanted.at_least is None or row.severity >= wanted.at_least)
    ]
    if not kept or not wanted.asks_events:
        return kept
    asked = sorted({row.event_id for row in kept}, key=lambda id: id.bytes)
    found = _EVENTS.rows(conn, [(query.tenant, id) for id in asked])
    passed = {row.id_ for row in found if wanted.passes(row.type, row.subject, row.tags)}
    return [row for row in kept if row.event_id in passed]


def _of_events(batch: FromClause, _: Connection) -> sa.Select[Any]:
    its = (events.c.tenant == batch.c.tenant_, events.c.id == batch.c.id_)
    return sa.select(events.c.type, events.c.subject, events.c.tags, events.c.actor).where(*its)


_EVENTS = LookUp({"tenant_": sa.Text, "id_": sa.Uuid}, _of_events)


def actors(conn: Connection, tenant: str, of: Sequence[UUID]) -> dict[UUID, str | None]:
    """Who did what these events tell of."""
    ordered = sorted(set(of), key=lambda id: id.bytes)
    return {row.id_: row.actor for row in _EVENTS.rows(conn, [(tenant, id) for id in ordered])}


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────


def _of_items(batch: FromClause, _: Connection) -> sa.Select[Any]:
    its_event = sa.and_(events.c.tenant == _n.tenant, events.c.id == _n.event_id)
    told = [_n[name].label(f"{name}_") for name in _TOLD]
    return (
        sa.select(*told, *events.c)
        .select_from(notifications.join(events, its_event))
        .where(_n.tenant == batch.c.of_tenant, _n.id == batch.c.of_id)
    )


_STATE = ("seen_at", "read_at", "done_at", "saved_at", "snoozed_until", "deleted_at")
STATE = tuple(_n[name] for name in _STATE)
_TOLD = (
    *("recipient", "place", "reason", "severity", "created_at", "visible", "resolved_at", "withdrawn_at"),
    *_STATE,
)
_ITEMS = LookUp({"of_tenant": sa.Text, "of_id": sa.Uuid}, _of_items)


def items(conn: Connection, of: Sequence[tuple[str, UUID]]) -> dict[tuple[str, UUID], tuple[str, Item]]:
    """Those of these notifications, (tenant, id), that are to be seen: the recipient and the item of each."""
    ordered = sorted(set(of), key=lambda key: (key[0], key[1].bytes))
    return {
        (row.of_tenant, row.of_id): (row.recipient_, _item(row))
        for row in _ITEMS.rows(conn, ordered)
        if row.visible_ and row.withdrawn_at_ is None and row.deleted_at_ is None
    }


def read(conn: Connection, tenant: str, ids: Sequence[UUID]) -> list[Item]:
    """These items, in this order; but what is gone."""
    found = items(conn, [(tenant, id) for id in ids])
    return [found[tenant, id][1] for id in ids if (tenant, id) in found]


def _item(row: Any) -> Item:
    return Item(
        id=row.of_id,
        place=row.place_,
        event=event_from(row),
        reason=row.reason_,
        severity=Severity(row.severity_),
        created_at=row.created_at_,
        resolved_at=row.resolved_at_,
        state=State(**{name: getattr(row, f"{name}_") for name in _STATE}),
    )


def state_of(row: Row[Any]) -> State:
    """Of a row with the columns `STATE`."""
    return State(**{name: getattr(row, name) for name in _STATE})


# ── Counting ─────────────────────────────────────────────────────────────────────────────────────────────


def counts(conn: Connection, tenant: str, recipient: str) -> InboxCounts:
    """Counted, not kept: partial indexes hold the rows of each view, and nothing else."""

    def number(name: View, **more: sa.ColumnElement[Any]) -> FromClause:
        counted = sa.select(sa.func.count().label(name), *(value.label(key) for key, value in more.items()))
        return counted.select_from(notifications).where(*_in(name, tenant, recipient)).subquery(f"of_{name}")

    unseen = sa.func.count().filter(_n.seen_at.is_(None))
    all_of_them = [
        number("inbox"),
        number("unread", unseen=unseen),
        number("done"),
        number("saved"),
        number("snoozed"),
    ]
    side_by_side: FromClause = reduce(lambda one, other: one.join(other, sa.true()), all_of_them)
    columns = [column for one in all_of_them for column in one.c]
    row = conn.execute(sa.select(*columns).select_from(side_by_side)).one()
    return InboxCounts(
        total=row.inbox,
        unread=row.unread,
        unseen=row.unseen,
        done=row.done,
        saved=row.saved,
        snoozed=row.snoozed,
    )


def count_unread(conn: Connection, tenant: str, recipient: str) -> int:
    """The same for the unread ones alone."""
    mine = _in("unread", tenant, recipient)
    return conn.execute(sa.select(sa.func.count()).select_from(notifications).where(*mine)).scalar_one()


def unread_by_type(conn: Connection, tenant: str, recipient: str) -> dict[str, int]:
    unread = sa.select(_n.tenant, _n.event_id).where(*_in("unread", tenant, recipient)).subquery("unread")
    its = sa.select(events.c.type).where(events.c.tenant == unread.c.tenant, events.c.id == unread.c.event_id)
    types = dialect.look_up(conn, unread, its).subquery("types")
    found = conn.execute(sa.select(types.c.type, sa.func.count().label("number")).group_by(types.c.type))
    return {row.type: row.number for row in found}


def _in(view: View, tenant: str, recipient: str) -> list[Any]:
    return [*whose(tenant, recipient), sa.text(VIEWS[view])]
