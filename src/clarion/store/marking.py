"""What a recipient does with items: read, done, saved, snoozed, deleted, and the reverse of each.

Each is one statement on one's own items that changes those only that are not so already, and tells of these.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql import FromClause

from clarion import ids
from clarion.change import CREATED, RETURNED
from clarion.item import Mark, Marked, Query
from clarion.store import changes, dialect, inbox
from clarion.store.schema import RETURNING, feed, notifications, unnumbered_changes
from clarion.store.schema import changes as numbered

_n = notifications.c


@dataclass(frozen=True, slots=True)
class _Change:
    """The values that are set, at an instant; and whether an item is not so yet."""

    values: Callable[[datetime], Mapping[str, Any]]
    open: sa.ColumnElement[bool]


def _set(name: str, **more: Any) -> _Change:
    return _Change(lambda now: {name: now, **more}, _n[name].is_(None))


def _unset(name: str, *more: str) -> _Change:
    return _Change(lambda _: dict.fromkeys((name, *more)), _n[name].is_not(None))


# What is read was seen, and what was not seen is unread; what is done is not snoozed, and the reverse.
_CHANGES: Mapping[Mark, _Change] = {
    "seen": _set("seen_at"),
    "unseen": _unset("seen_at", "read_at"),
    "read": _Change(
        lambda now: {
            "read_at": now,
            "seen_at": sa.func.coalesce(_n.seen_at, sa.literal(now, _n.seen_at.type)),
        },
        _n.read_at.is_(None),
    ),
    "unread": _unset("read_at"),
    "done": _set("done_at", snoozed_until=None),
    "undone": _unset("done_at"),
    "saved": _set("saved_at"),
    "unsaved": _unset("saved_at"),
    "unsnoozed": _unset("snoozed_until"),
    "deleted": _set("deleted_at"),
    "undeleted": _unset("deleted_at"),
}


def mark(
    conn: Connection,
    tenant: str,
    recipient: str,
    of: Collection[UUID],
    how: Mark,
    *,
    until: datetime | None = None,
) -> list[Marked]:
    """Mark these items of this recipient; those that were not so already, in the order of their ids.

    Others' ids change nothing. `until`: of what is snoozed.
    """
    change = _snoozed(until) if how == "snoozed" else _CHANGES[how]
    mine = sa.and_(*inbox.whose(tenant, recipient), _n.visible, _n.withdrawn_at.is_(None))
    fits = sa.and_(mine, change.open, sa.true() if how == "undeleted" else _n.deleted_at.is_(None))
    fitting = [row.id_ for row in conn.execute(_that_fit(conn, tenant, of, fits))] if of else []
    if not fitting:
        return []
    # Locked in the order of their keys; then asked again, as they are now.
    conn.execute(dialect.look_up(conn, *_by_key(conn, tenant, fitting, fits), lock=True)).all()
    found = _that_fit(conn, tenant, fitting, fits)
    here = found.with_only_columns(found.selected_columns.here)
    now = dialect.read_now(conn)
    marking = (
        sa.update(notifications)
        .where(dialect.at_addresses(conn, notifications, here))
        .values(change.values(now))
        .returning(_n.id, *inbox.STATE)
    )
    marked = sorted(conn.execute(marking).all(), key=lambda row: row.id.bytes)
    changes.tell(conn, how, [(tenant, recipient, row.id) for row in marked], now)
    return [Marked(row.id, inbox.state_of(row)) for row in marked]


def _that_fit(
    conn: Connection, tenant: str, of: Collection[UUID], fits: sa.ColumnElement[bool]
) -> sa.Select[Any]:
    """Those of these notifications that fit: (id_, here), by their ids."""
    found = dialect.look_up(conn, *_by_key(conn, tenant, of, fits)).subquery("found")
    return sa.select(found.c.id_, found.c.here).where(found.c.fits)


def _by_key(
    conn: Connection, tenant: str, of: Collection[UUID], fits: sa.ColumnElement[bool]
) -> tuple[FromClause, sa.Select[Any]]:
    """Found by nothing but the key: an index of what is done, of which PostgreSQL believes that there is hardly
    anything, would be read from end to end for each."""
    ordered = sorted(set(of), key=lambda id: id.bytes)
    batch = dialect.batch(conn, {"tenant_": sa.Text, "id_": sa.Uuid}, [(tenant, id) for id in ordered])
    columns = (dialect.row_address(conn, notifications), fits.label("fits"))
    return batch, sa.select(*columns).where(_n.tenant == batch.c.tenant_, _n.id == batch.c.id_)


def _snoozed(until: datetime | None) -> _Change:
    otherwise = sa.or_(_n.snoozed_until.is_(None), _n.snoozed_until != until)
    return _Change(lambda _: {"snoozed_until": until, "done_at": None}, otherwise)


# ── All that was shown ───────────────────────────────────────────────────────────────────────────────────


def forgotten(conn: Connection, number: int) -> bool:
    """Whether it is no longer known what came after this number of the feed."""
    return bool(conn.execute(sa.select(feed.c.removed)).scalar_one() > number)


def mark_page(
    conn: Connection, query: Query, how: Mark, *, before: UUID, number: int, most: int
) -> tuple[list[Marked], UUID | None]:
    """Mark the next items below this place, but those that came after this number of the feed; and where to go on.

    Ids are no order of commits: what was committed later than a page was read may stand among what it showed.
    """
    page = inbox.find(conn, query, before=before, most=most)
    came = _came_since(conn, query, number) if page.rows else set()
    of = [row.id for row in page.rows if row.id not in came]
    return mark(conn, query.tenant, query.recipient, of, how), page.then


def _came_since(conn: Connection, query: Query, number: int) -> set[UUID]:
    def came(table: sa.Table, *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
        c = table.c
        whose = (c.tenant == query.tenant, c.recipient == query.recipient)
        kinds = c.kind.in_([CREATED, RETURNED])
        return sa.select(c.row_id).where(*whose, kinds, *where)

    since = came(numbered, numbered.c.n > number).union_all(came(unnumbered_changes))
    return set(conn.execute(since).scalars())


# ── Coming back ──────────────────────────────────────────────────────────────────────────────────────────


def to_return(conn: Connection) -> bool:
    """Whether the time of any snoozed item has come."""
    due = sa.select(_n.id).where(sa.text(RETURNING), _n.snoozed_until <= dialect.now(conn))
    return conn.execute(due.limit(1)).first() is not None


def give_back(conn: Connection, *, most: int) -> int:
    """Bring items back whose time has come, at most so many: on top, as if they had never been seen; how many.

    Any number of workers may do it: what another has in hand is passed over.
    """
    now = dialect.read_now(conn)
    due = sa.select(_n.tenant, _n.id).where(sa.text(RETURNING), _n.snoozed_until <= now)
    due = due.order_by(_n.snoozed_until, _n.id).limit(most)
    rows = conn.execute(due.with_for_update(skip_locked=True, key_share=True)).all()
    for row, place in zip(rows, ids.several(len(rows)), strict=True):
        back = (
            sa.update(notifications)
            .where(_n.tenant == row.tenant, _n.id == row.id)
            .values(snoozed_until=None, seen_at=None, read_at=None, place=place)
            .returning(_n.recipient, _n.withdrawn_at, _n.deleted_at)
        )
        one = conn.execute(back).one()
        if one.withdrawn_at is None and one.deleted_at is None:
            changes.tell(conn, RETURNED, [(row.tenant, one.recipient, row.id)], now)
    return len(rows)
