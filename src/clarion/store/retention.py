"""Removing events that are over, with all that follows from them, from the leaves up.

It goes in pieces: one transaction finds what may go, without a lock; another, short one locks it, asks again, and
removes it. What is locked by somebody else is passed over, so that any number of workers may do it, and nobody waits
for them. An event goes whole: in one transaction, or, where it has a large audience, its notifications page by page
once all of them were looked at, and then the event.

Whoever gives an old notification another delivery must lock its event, or the notification, first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.store import dialect, kept, leaves
from clarion.store.kept import Cut
from clarion.store.leaves import Rows
from clarion.store.schema import events, notifications

FIRST = UUID(int=0)
_SHARE = 4  # of the rows of a piece, notifications: with each go a delivery, its outcome, and one of something else
_LOOKED_AT = 8  # times as many notifications are looked at in one go as are removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Large:
    """An event with more notifications than one piece: they are looked at first, behind `recipient`, then removed."""

    event: UUID
    recipient: str = ""
    looked_at: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far it is with a tenant."""

    after: UUID = FIRST
    large: Large | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What may go at once; `then` is where it goes on, if there is more. `seen`: how many events were looked at."""

    ids: Sequence[UUID]
    then: Place | None
    seen: int = 0
    large: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """`more`: the piece was too much for one transaction, and is to be removed again."""

    rows: Rows
    more: bool = False


def find(conn: Connection, tenant: str, place: Place, cut: Cut, *, most: int) -> Piece:
    """The next events of this tenant that may go, some `most` rows at once."""
    if place.large is not None:
        return _find_large(conn, tenant, place, place.large, cut, most)
    page = _events(conn, tenant, place.after, cut, most // _SHARE)
    if not page:
        return Piece(ids=(), then=None)
    told = _notifications(conn, tenant, place.after, page[-1].id, most // _SHARE)
    whole = page
    if len(told) > most // _SHARE:  # of the last event there are more
        whole = [row for row in page if row.id < told[-1].event_id]
        if not whole:
            return Piece(ids=(), then=_large(place, page[0], told[-1].event_id))
    over = {row.id for row in whole if not row.kept}
    over -= _held(conn, tenant, [row.id for row in told if row.event_id in over], cut)
    more = len(page) == most // _SHARE or len(whole) < len(page)
    return Piece(
        ids=sorted(over, key=lambda id: id.bytes),
        then=Place(after=whole[-1].id) if more else None,
        seen=len(whole),
    )


def _events(conn: Connection, tenant: str, after: UUID, cut: Cut, most: int) -> Sequence[Any]:
    """(id, kept): the next events in the order of ids, and whether one of them is kept for its own sake."""
    return conn.execute(
        sa.select(events.c.id, kept.event(cut).label("kept"))
        .where(events.c.tenant == tenant, events.c.id > after, events.c.id < cut.id)
        .order_by(events.c.id)
        .limit(most)
    ).all()


def _notifications(conn: Connection, tenant: str, after: UUID, last: UUID, most: int) -> Sequence[Any]:
    """(event_id, id): all of these events, or one more than `most`."""
    n = notifications.c
    return conn.execute(
        sa.select(n.event_id, n.id)
        .where(n.tenant == tenant, n.event_id > after, n.event_id <= last)
        .order_by(n.event_id, n.recipient)
        .limit(most + 1)
    ).all()


def _large(place: Place, first: Row[Any], told: UUID) -> Place:
    if first.id != told:  # notifications of nothing that is there
        return Place(after=told)
    return Place(after=first.id) if first.kept else replace(place, large=Large(event=first.id))


def _held(conn: Connection, tenant: str, of: Collection[UUID], cut: Cut) -> set[UUID]:
    """The events of those of these notifications that are kept."""
    held = kept.notification(cut)
    found = leaves.found(conn, notifications.c.id, tenant, of, notifications.c.event_id, where=held)
    return {row.event_id for row in conn.execute(found)} if of else set()


def _find_large(conn: Connection, tenant: str, place: Place, large: Large, cut: Cut, most: int) -> Piece:
    passed_over = Place(after=large.event)
    if large.looked_at:
        return Piece(ids=[large.event], then=passed_over, seen=1, large=True)
    page = _told(conn, tenant, large.event, large.recipient, _LOOKED_AT * (most // _SHARE))
    if _held(conn, tenant, [row.id for row in page], cut):
        return Piece(ids=(), then=passed_over, seen=1)
    if len(page) < _LOOKED_AT * (most // _SHARE):
        return Piece(ids=(), then=replace(place, large=replace(large, looked_at=True)))
    return Piece(ids=(), then=replace(place, large=replace(large, recipient=page[-1].recipient)))


# ── Removing ─────────────────────────────────────────────────────────────────────────────────────────────


def remove(conn: Connection, tenant: str, piece: Piece, cut: Cut, *, most: int) -> Removed:
    """Remove those of these events that nobody else has in hand, and that may still go."""
    over = _lock(conn, tenant, piece.ids, cut)
    if piece.large:
        return _remove_page(conn, tenant, over, cut, most)
    told = _lock_told(conn, tenant, over)
    if dialect.is_postgresql(conn):  # SQLite has one writer at a time
        over -= _partly_locked(conn, tenant, over, told)
    over -= {told[id] for id in leaves.busy(conn, tenant, told)}
    over -= _held(conn, tenant, told, cut)
    going = [id for id, event in told.items() if event in over]
    sent = leaves.deliveries_of(conn, tenant, going)
    if tried := leaves.attempts(conn, tenant, sent, most):
        return Removed(tried, more=True)
    rows = leaves.of_notifications(conn, leaves.delete, tenant, going, sent)
    return Removed(rows + leaves.of_events(conn, leaves.delete, tenant, over))


def _remove_page(conn: Connection, tenant: str, over: Collection[UUID], cut: Cut, most: int) -> Removed:
    """A page of the notifications of this event; or, with the last of them, the event."""
    told = [
        row.id
        for event in over
        for row in conn.execute(
            sa.select(notifications.c.id)
            .where(notifications.c.tenant == tenant, notifications.c.event_id == event)
            .order_by(notifications.c.recipient)
            .limit(most // _SHARE)
            .with_for_update(skip_locked=True, key_share=True)
        )
    ]
    if not over or leaves.busy(conn, tenant, told) or _held(conn, tenant, told, cut):
        return Removed(Rows())
    sent = leaves.deliveries_of(conn, tenant, told)
    if tried := leaves.attempts(conn, tenant, sent, most):
        return Removed(tried, more=True)
    rows = leaves.of_notifications(conn, leaves.delete, tenant, told, sent)
    if len(told) == most // _SHARE:
        return Removed(rows, more=True)
    if _partly_locked(conn, tenant, over, {}):
        return Removed(rows)
    if asked := leaves.questions_of(conn, tenant, over, most):
        return Removed(rows + asked, more=True)
    return Removed(rows + leaves.of_events(conn, leaves.delete, tenant, over))


def _lock(conn: Connection, tenant: str, ids: Collection[UUID], cut: Cut) -> set[UUID]:
    """Lock these events, those that may still go. They are asked once they are locked: a lock returns stale rows."""
    ours = _events_of(conn, leaves.found(conn, events.c.id, tenant, ids, _ONE, lock=True, skip_locked=True))
    over = ~kept.event(cut)
    return _events_of(conn, leaves.found(conn, events.c.id, tenant, ours, _ONE, where=over)) if ours else ours


_ONE = sa.literal(1).label("one")


def _events_of(conn: Connection, found: sa.Select[Any]) -> set[UUID]:
    return {row.id_ for row in conn.execute(found)}


def _lock_told(conn: Connection, tenant: str, over: Collection[UUID]) -> dict[UUID, UUID]:
    """Lock the notifications of these events; the event of each."""
    n = notifications.c
    locked = leaves.found(conn, n.event_id, tenant, over, n.id, lock=True, skip_locked=True)
    return {row.id: row.id_ for row in conn.execute(locked)} if over else {}


def _partly_locked(
    conn: Connection, tenant: str, over: Collection[UUID], told: Collection[UUID]
) -> set[UUID]:
    """Those of these events that have other notifications than these, which are locked."""
    all_of_them = leaves.found(conn, notifications.c.event_id, tenant, over, notifications.c.id)
    return {row.id_ for row in conn.execute(all_of_them) if row.id not in told} if over else set()


# ── Counting what would go ───────────────────────────────────────────────────────────────────────────────


def count(conn: Connection, tenant: str, piece: Piece, *, most: int) -> Rows:
    """How many rows would go with these events."""
    rows = leaves.of_events(conn, leaves.count, tenant, piece.ids)
    for event in piece.ids:
        after: str | None = ""
        while after is not None:
            page = _told(conn, tenant, event, after, most)
            ids = [row.id for row in page]
            sent = leaves.deliveries_of(conn, tenant, ids)
            rows += leaves.of_notifications(conn, leaves.count, tenant, ids, sent)
            after = page[-1].recipient if len(page) == most else None
    return rows


def _told(conn: Connection, tenant: str, event: UUID, after: str, most: int) -> Sequence[Any]:
    """(id, recipient): the next of those who were told of this event."""
    n = notifications.c
    found = sa.select(n.id, n.recipient).where(n.tenant == tenant, n.event_id == event, n.recipient > after)
    return conn.execute(found.order_by(n.recipient).limit(most)).all()
