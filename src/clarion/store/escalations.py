"""Escalations: the steps of a condition that stays open, each taken once by whoever comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion import clock, condition, ids
from clarion.event_type import EventType
from clarion.severity import Severity
from clarion.store import conditions, dialect
from clarion.store import events as emission
from clarion.store.schema import conditions as table
from clarion.store.schema import deliveries, events, notifications, queue
from clarion.store.walks import event_from

_AGAIN = timedelta(seconds=1)  # until its opening was told in full
_UNDECLARED = timedelta(seconds=10)  # until a process that knows the type has come by
_DUE = "resolved_at IS NULL AND escalate_at IS NOT NULL"  # in the words of the index


def due(conn: Connection, *, most: int) -> Sequence[tuple[str, UUID]]:
    """Conditions of which a step may be due, each (tenant, id)."""
    found = (
        sa.select(table.c.tenant, table.c.id)
        .where(sa.text(_DUE), table.c.escalate_at <= dialect.now(conn))
        .order_by(table.c.escalate_at)
        .limit(most)
    )
    return [(row.tenant, row.id) for row in conn.execute(found)]


def take(
    conn: Connection, key: tuple[str, UUID], types: Mapping[str, EventType], *, most: int = 1000
) -> bool:
    """Take the steps of this condition that are due; whether there was anything to do.

    Locks the event that opened it, then the condition. What cannot be done in one go (more than `most` people
    were told) stays due.
    """
    seen = conn.execute(_condition(key)).first()
    opener = None if seen is None else _lock_opener(conn, seen)
    row = conn.execute(_condition(key).with_for_update(key_share=True)).first()
    if row is None or row.escalate_at is None or row.escalate_at > (now := dialect.read_now(conn)):
        return False
    if opener is None:  # no longer kept: nothing is left to tell again
        conditions.change(conn, row, escalate_at=None)
    elif conditions.is_over(conn, row, opener):
        return False  # it is closed as soon as that is applied
    elif opener.type not in types:
        conditions.change(conn, row, escalate_at=now + _UNDECLARED)
    elif opener.due_at is not None:
        conditions.change(conn, row, escalate_at=now + _AGAIN)
    else:
        _take(conn, row, opener, types[opener.type], now, most)
    return True


def _take(
    conn: Connection, row: Row[Any], opener: Row[Any], type: EventType, now: datetime, most: int
) -> None:
    steps = type.policy.escalation
    taken = condition.steps_taken(
        steps, row.escalations, repeats=row.repeats, opened_at=row.opened_at, now=now
    )
    due = steps[row.escalations : taken]
    severity = condition.raised(due, Severity(row.severity))
    told_by = row.escalated_by
    if any(step.renotify for step in due):
        told_by = _tell_again(conn, row, opener, severity, taken)
    elif due and not _raise_in_place(conn, opener, severity, most):
        return  # there are more of them: it stays due
    conditions.change(
        conn,
        row,
        severity=int(severity),
        escalations=taken,
        escalated_by=told_by,
        escalate_at=condition.next_at(steps, taken, row.opened_at),
    )


def _tell_again(conn: Connection, row: Row[Any], opener: Row[Any], severity: Severity, step: int) -> UUID:
    """Emit the event again, more severe: its audience and the gates are asked afresh."""
    now = clock.now()
    again = replace(
        event_from(opener),
        id=ids.uuid7(),
        emitted_at=now,
        at=now,
        severity=severity,
        key=condition.escalation_key(row.id, step),
    )
    return emission.emit(conn, [again])[0]


def _raise_in_place(conn: Connection, opener: Row[Any], severity: Severity, most: int) -> bool:
    """Raise what was told, at most so many notifications at once; whether that was the last of them."""
    its = (events.c.tenant == opener.tenant, events.c.id == opener.id)
    conn.execute(sa.update(events).where(*its).values(severity=int(severity)))
    lower = (
        sa.select(notifications.c.id)
        .where(
            notifications.c.tenant == opener.tenant,
            notifications.c.event_id == opener.id,
            notifications.c.severity < int(severity),
        )
        .order_by(notifications.c.id)
        .limit(most)
    )
    told = conn.execute(lower).scalars().all()
    if not told:
        return True
    raised = (notifications.c.tenant == opener.tenant, notifications.c.id.in_(told))
    conn.execute(sa.update(notifications).where(*raised).values(severity=int(severity)))
    _hurry(conn, opener.tenant, told, severity)
    return len(told) < most


def _hurry(conn: Connection, tenant: str, told: Sequence[UUID], severity: Severity) -> None:
    """What of these notifications still waits goes before less severe ones."""
    waiting = (
        sa.select(queue.c.delivery_id)
        .join(
            deliveries,
            sa.and_(deliveries.c.tenant == queue.c.tenant, deliveries.c.id == queue.c.delivery_id),
        )
        .where(deliveries.c.tenant == tenant, deliveries.c.notification_id.in_(told))
        .order_by(queue.c.delivery_id)
        .with_for_update(of=queue, key_share=True)
    )
    found = conn.execute(waiting).scalars().all()
    if found:
        its = (queue.c.tenant == tenant, queue.c.delivery_id.in_(found))
        conn.execute(sa.update(queue).where(*its).values(priority=int(severity)))


def _condition(key: tuple[str, UUID]) -> sa.Select[Any]:
    """The open condition of this key."""
    return sa.select(*table.c).where(
        table.c.tenant == key[0], table.c.id == key[1], table.c.resolved_at.is_(None)
    )


def _lock_opener(conn: Connection, row: Row[Any]) -> Row[Any] | None:
    its = (events.c.tenant == row.tenant, events.c.id == row.event_id)
    return conn.execute(sa.select(*events.c).where(*its).with_for_update(key_share=True)).first()
