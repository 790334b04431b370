"""Applying withdrawals to what was decided before them: marking it, and cancelling what was not sent yet.

From the commit of a withdrawal on, senders and fan-out see it by themselves; this is what makes it final. It goes
in pages, each in a transaction of its own, by any number of workers: what is marked is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.change import RESOLVED, WITHDRAWN, Kind
from clarion.store import cancelling, changes, dialect
from clarion.store.schema import conditions, events, notifications, withdrawals

_EVENTS = 50  # at once
_PENDING = "applied_at IS NULL"  # in the words of the index

Cursor = tuple[UUID, str]  # an event, and the last recipient of it that was seen to


@dataclass(frozen=True, slots=True)
class Applied:
    """One page. `after` is where the next begins, if this process goes on; else it begins where marks end."""

    done: bool
    after: Cursor | None = None


def pending(conn: Connection, *, most: int) -> list[tuple[str, UUID]]:
    """Withdrawals that are not applied yet, each (tenant, id), the oldest first."""
    found = sa.select(withdrawals.c.tenant, withdrawals.c.id).where(sa.text(_PENDING))
    return [(row.tenant, row.id) for row in conn.execute(found.order_by(withdrawals.c.id).limit(most))]


def apply(
    conn: Connection, key: tuple[str, UUID], *, after: Cursor | None = None, most: int = 1000
) -> Applied | None:
    """One page of this withdrawal, at most so many notifications; `None` if another process has it in hand."""
    found = sa.select(*withdrawals.c).where(
        withdrawals.c.tenant == key[0], withdrawals.c.id == key[1], sa.text(_PENDING)
    )
    row = conn.execute(found.with_for_update(skip_locked=True, key_share=True)).first()
    if row is None:
        return None
    page = _wholly(conn, row, after, most) if row.recipient is None else _for_one(conn, row, most)
    if page.done:
        now = dialect.read_now(conn)
        if row.condition is not None:
            _close(conn, row, now)
        its = (withdrawals.c.tenant == row.tenant, withdrawals.c.id == row.id)
        conn.execute(sa.update(withdrawals).where(*its).values(applied_at=now))
    return page


# ── For everybody ────────────────────────────────────────────────────────────────────────────────────────


def _wholly(conn: Connection, row: Row[Any], after: Cursor | None, most: int) -> Applied:
    """The oldest events that are not marked; each is marked when all its notifications are.

    Their locks make pages of fan-out wait, or have waited: what those write later, they write in the knowledge
    of this withdrawal.
    """
    name = "withdrawn_at" if row.condition is None else "resolved_at"
    batch = conn.execute(
        sa.select(events.c.id, events.c.condition)
        .where(*_bears_on(conn, row), events.c[name].is_(None))
        .order_by(events.c.id)
        .limit(_EVENTS)
        .with_for_update(key_share=True)
    ).all()
    now = dialect.read_now(conn)
    told: list[UUID] = []
    for event in batch:
        if after is not None and event.id < after[0]:
            continue
        behind = after[1] if after is not None and event.id == after[0] else ""
        page = _unmarked(conn, row.tenant, event.id, name, behind, most - len(told))
        told += [id for id, _ in page]
        if len(told) == most:
            _mark(conn, row, told, name, now)
            return Applied(done=False, after=(event.id, page[-1][1]))
    _mark(conn, row, told, name, now)
    _mark_events(conn, row, {event.id: event.condition for event in batch}, name, now)
    return Applied(done=len(batch) < _EVENTS)


def _bears_on(conn: Connection, row: Row[Any]) -> list[sa.ColumnElement[bool]]:
    """The events that a withdrawal bears on."""
    if row.event_id is not None:
        return [events.c.tenant == row.tenant, events.c.id == row.event_id]
    earlier = [events.c.tenant == row.tenant, events.c.id < row.id]
    if row.subject is not None:
        return [*earlier, events.c.subject == row.subject]
    # A resolution need not look behind the one before it: what was emitted before and walked later knew of that.
    same = (withdrawals.c.tenant == row.tenant, withdrawals.c.condition == row.condition)
    before = conn.execute(
        sa.select(withdrawals.c.id)
        .where(*same, withdrawals.c.id < row.id, withdrawals.c.applied_at.is_not(None))
        .order_by(withdrawals.c.id.desc())
        .limit(1)
    ).scalar()
    since = [] if before is None else [events.c.id > before]
    return [*earlier, *since, events.c.condition == row.condition, events.c.repeat_of.is_(None)]


def _unmarked(
    conn: Connection, tenant: str, event: UUID, name: str, after: str, most: int
) -> list[tuple[UUID, str]]:
    rows = conn.execute(
        sa.select(notifications.c.id, notifications.c.recipient)
        .where(
            notifications.c.tenant == tenant,
            notifications.c.event_id == event,
            notifications.c.recipient > after,
            notifications.c[name].is_(None),
        )
        .order_by(notifications.c.recipient)
        .limit(most)
    )
    return [(row.id, row.recipient) for row in rows]


def _mark_events(
    conn: Connection, row: Row[Any], batch: Mapping[UUID, str | None], name: str, now: datetime
) -> None:
    """These events, each with its condition, are through; what one of them opened is closed with it."""
    if not batch:
        return
    its = (events.c.tenant == row.tenant, events.c.id.in_(list(batch)))
    conn.execute(sa.update(events).where(*its).values({name: now}))
    if named := {condition for condition in batch.values() if condition is not None}:
        opened = (
            conditions.c.tenant == row.tenant,
            conditions.c.condition.in_(sorted(named)),
            conditions.c.event_id.in_(list(batch)),
            conditions.c.resolved_at.is_(None),
        )
        conn.execute(sa.update(conditions).where(*opened).values(resolved_at=now))


def _close(conn: Connection, row: Row[Any], now: datetime) -> None:
    """The condition that has ended, also where the event that opened it is no longer kept."""
    opened = (
        conditions.c.tenant == row.tenant,
        conditions.c.condition == row.condition,
        conditions.c.event_id < row.id,
        conditions.c.resolved_at.is_(None),
    )
    conn.execute(sa.update(conditions).where(*opened).values(resolved_at=now))


# ── For one recipient ────────────────────────────────────────────────────────────────────────────────────


def _for_one(conn: Connection, row: Row[Any], most: int) -> Applied:
    bears_on = _bears_on(conn, row)
    walked_now = sa.select(events.c.id).where(*bears_on, events.c.due_at.is_not(None)).order_by(events.c.id)
    conn.execute(
        walked_now.with_for_update(key_share=True)
    ).all()  # as above: pages being written are waited for
    told = conn.execute(
        sa.select(notifications.c.id)
        .join(
            events,
            sa.and_(events.c.tenant == notifications.c.tenant, events.c.id == notifications.c.event_id),
        )
        .where(*bears_on, notifications.c.recipient == row.recipient, notifications.c.withdrawn_at.is_(None))
        .order_by(notifications.c.id)
        .limit(most)
    )
    ids = list(told.scalars())
    _mark(conn, row, ids, "withdrawn_at", dialect.read_now(conn))
    return Applied(done=len(ids) < most)


# ── What was decided ─────────────────────────────────────────────────────────────────────────────────────


def _mark(conn: Connection, row: Row[Any], told: Sequence[UUID], name: str, now: datetime) -> None:
    """Mark these notifications, and cancel what is left to send of them."""
    if not told:
        return
    its = (notifications.c.tenant == row.tenant, notifications.c.id.in_(sorted(told)))
    marked = sa.update(notifications).where(*its).values({name: now})
    shown = conn.execute(marked.returning(notifications.c.id, notifications.c.recipient, *_SHOWN)).all()
    kind: Kind = WITHDRAWN if name == "withdrawn_at" else RESOLVED
    changes.tell(conn, kind, [(row.tenant, one.recipient, one.id) for one in shown if _shown(one, name)], now)
    cancelling.cancel(conn, [(row.tenant, id) for id in told], code=_code(row))


_SHOWN = (notifications.c.visible, notifications.c.withdrawn_at, notifications.c.deleted_at)


def _shown(one: Row[Any], name: str) -> bool:
    """Whether it was to be seen in the inbox until this mark was set."""
    gone = one.deleted_at is not None or (name != "withdrawn_at" and one.withdrawn_at is not None)
    return bool(one.visible) and not gone


def _code(row: Row[Any]) -> str:
    if row.event_id is not None:
        return "cancelled"
    return "resolved" if row.condition is not None else "withdrawn"
