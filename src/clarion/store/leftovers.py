"""Removing what is left when the events are gone: digests, withdrawals, silences, one-off addresses, what operators did.

In pieces, as `retention` does it with events.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.store import kept, leaves
from clarion.store.kept import Cut
from clarion.store.leaves import Act, Rows
from clarion.store.retention import Piece, Place, Removed
from clarion.store.schema import ONE_OFF, addresses, digests, notifications

_LOOKED_AT = 5  # times as many notifications are looked at in one go as addresses are removed


def find(conn: Connection, table: sa.Table, tenant: str, place: Place, cut: Cut, *, most: int) -> Piece:
    """The next rows of this tenant that may go."""
    page = conn.execute(
        sa.select(table.c.id, kept.LEFTOVER[table](cut).label("kept"))
        .where(table.c.tenant == tenant, table.c.id > place.after, table.c.id < cut.id, *within(table))
        .order_by(table.c.id)
        .limit(most)
    ).all()
    then = Place(after=page[-1].id) if len(page) == most else None
    return Piece(ids=[row.id for row in page if not row.kept], then=then)


def within(table: sa.Table) -> Sequence[sa.TextClause]:
    """The part of a table in question, in the words of its index."""
    return [sa.text(ONE_OFF)] if table is addresses else []


def remove(conn: Connection, table: sa.Table, tenant: str, piece: Piece, cut: Cut) -> Removed:
    """Remove those of these that nobody else has in hand, and that may still go."""
    locked = leaves.found(conn, table.c.id, tenant, piece.ids, _ONE, lock=True, skip_locked=True)
    ours = [row.id_ for row in conn.execute(locked)]
    if not ours:
        return Removed(Rows())
    over = leaves.found(conn, table.c.id, tenant, ours, _ONE, where=~kept.LEFTOVER[table](cut))
    ids = [row.id_ for row in conn.execute(over)]
    return Removed(_do(conn, leaves.delete, table, tenant, ids))


_ONE = sa.literal(1).label("one")


def count(conn: Connection, table: sa.Table, tenant: str, piece: Piece) -> Rows:
    """How many rows would go."""
    return _do(conn, leaves.count, table, tenant, piece.ids)


def _do(conn: Connection, act: Act, table: sa.Table, tenant: str, ids: Collection[UUID]) -> Rows:
    if table is digests:
        return leaves.of_digests(conn, act, tenant, ids)
    return Rows({leaves.name(table): act(conn, table.c.id, tenant, ids)}) if ids else Rows()


# ── One-off addresses ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Told:
    """Those of some recipients who are in the notifications up to `after`; `None`: in all that are old."""

    recipients: frozenset[str]
    after: UUID | None


def recipients_of(conn: Connection, tenant: str, ids: Collection[UUID]) -> dict[UUID, str]:
    """Whose these addresses are."""
    found = leaves.found(conn, addresses.c.id, tenant, ids, addresses.c.recipient)
    return {row.id_: row.recipient for row in conn.execute(found)}


def told(conn: Connection, tenant: str, of: Collection[str], after: UUID, cut: Cut, *, most: int) -> Told:
    """Who of these has a notification that is old and kept, in the next page of such notifications.

    No index leads from a recipient to all of theirs, and none is worth its cost: what is old is nearly all gone
    when this is asked. Of newer ones there are none, for with each its address is `used_at`.
    """
    n = notifications.c
    page = (
        sa.select(n.id, n.recipient)
        .where(n.tenant == tenant, n.id > after, n.id < cut.id)
        .order_by(n.id)
        .limit(most * _LOOKED_AT)
    )
    rows = conn.execute(page).all()
    theirs = frozenset(row.recipient for row in rows if row.recipient in of)
    return Told(theirs, rows[-1].id if len(rows) == most * _LOOKED_AT else None)
