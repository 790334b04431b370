"""Reading what happened: an event, what was decided on a recipient, and what became of each delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion import question
from clarion.delivery import State, state_of
from clarion.event import Event
from clarion.explanation import Attempt, DeliveryRecord, Holder, NotificationRecord, Progress
from clarion.question import Question
from clarion.severity import Severity
from clarion.store import dialect
from clarion.store.schema import (
    addresses,
    deliveries,
    events,
    notifications,
    outcomes,
    questions,
    queue,
    slots,
)
from clarion.store.walks import event_from

_MARKS = ("seen", "read", "done", "saved", "deleted")


def event(conn: Connection, tenant: str, id: UUID) -> tuple[Event, Progress] | None:
    """The event and how far its fan-out is; `None` if this tenant has no such event."""
    row = conn.execute(sa.select(*events.c).where(events.c.tenant == tenant, events.c.id == id)).first()
    return None if row is None else (event_from(row), _progress(row))


def event_by_key(conn: Connection, tenant: str, key: str) -> tuple[Event, Progress] | None:
    row = conn.execute(sa.select(*events.c).where(events.c.tenant == tenant, events.c.key == key)).first()
    return None if row is None else (event_from(row), _progress(row))


def _progress(row: Row[Any]) -> Progress:
    return Progress(
        walked=row.due_at is None and row.failure is None,
        failure=row.failure,
        failures=row.failures,
        due_at=row.due_at,
        withdrawn_at=row.withdrawn_at,
        resolved_at=row.resolved_at,
        repeat_of=row.repeat_of,
    )


def notification(conn: Connection, tenant: str, event_id: UUID, recipient: str) -> NotificationRecord | None:
    """What was decided on this recipient, with the question that was asked, and what became of it."""
    row = conn.execute(
        _with_question().where(
            notifications.c.tenant == tenant,
            notifications.c.event_id == event_id,
            notifications.c.recipient == recipient,
        )
    ).first()
    if row is None:
        return None
    return replace(
        _record(row),
        deliveries=_deliveries(conn, tenant, [row.id]).get(row.id, ()),
        holders=_holders(conn, tenant, recipient, row.verdicts or {}),
    )


def of_event(
    conn: Connection, tenant: str, event_id: UUID, *, after: str = "", most: int
) -> list[NotificationRecord]:
    """Those decided on for this event, by recipient, behind this one; at most so many, with all that became of each."""
    rows = conn.execute(
        _with_question()
        .where(
            notifications.c.tenant == tenant,
            notifications.c.event_id == event_id,
            notifications.c.recipient > after,
        )
        .order_by(notifications.c.recipient)
        .limit(most)
    ).all()
    sends = _deliveries(conn, tenant, [row.id for row in rows])
    return [
        replace(
            _record(row),
            deliveries=sends.get(row.id, ()),
            holders=_holders(conn, tenant, row.recipient, row.verdicts or {}),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Decided:
    """A notification and its event; not what became of it."""

    event: Event
    record: NotificationRecord


def decided(
    conn: Connection,
    tenant: str,
    of: Sequence[UUID] | None,
    since: datetime | None,
    type: str | None,
    most: int,
) -> list[Decided]:
    """What was decided on these events, in order; at most so many. `None` leaves the choice open."""
    same = sa.and_(events.c.tenant == notifications.c.tenant, events.c.id == notifications.c.event_id)
    chosen = [notifications.c.tenant == tenant]
    chosen += [] if of is None else [events.c.id.in_(of)]
    chosen += [] if since is None else [events.c.emitted_at >= since]
    chosen += [] if type is None else [events.c.type == type]
    rows = conn.execute(
        _with_question()
        .join(events, same)
        .where(*chosen)
        .order_by(
            sa.func.coalesce(notifications.c.decided_at, notifications.c.created_at), notifications.c.id
        )
        .limit(most)
    ).all()
    known = {
        row.id: event_from(row)
        for row in conn.execute(
            sa.select(*events.c).where(
                events.c.tenant == tenant, events.c.id.in_({row.event_id for row in rows})
            )
        )
    }
    return [Decided(known[row.event_id], _record(row)) for row in rows]


def _with_question() -> sa.Select[Any]:
    same = sa.and_(
        questions.c.tenant == notifications.c.tenant,
        questions.c.event_id == notifications.c.event_id,
        questions.c.n == notifications.c.question,
    )
    return sa.select(*notifications.c, questions.c.question.label("question_")).join(questions, same)


def _record(row: Row[Any]) -> NotificationRecord:
    """Without its deliveries, and who holds the slots that it did not get."""
    return NotificationRecord(
        id=row.id,
        recipient=row.recipient,
        reason=row.reason,
        severity=Severity(row.severity),
        visible=row.visible,
        verdicts=row.verdicts or {},
        question=_question(row.question_),
        created_at=row.created_at,
        read_at=row.read_at,
        deliveries=(),
        decided_at=row.decided_at,
        withdrawn_at=row.withdrawn_at,
        resolved_at=row.resolved_at,
        marks={name: at for name in _MARKS if (at := getattr(row, f"{name}_at")) is not None},
    )


def _question(stored: Any) -> Question | None:
    """The question, if this version can read it: it may have been stored by a newer one."""
    try:
        return question.from_json(stored)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _holders(conn: Connection, tenant: str, of: str, verdicts: Mapping[str, Any]) -> dict[str, Holder]:
    """By key, the holders of the slots for which these verdicts found no room; as long as they stand there."""
    since = {values.get("key"): values.get("since") for _, values, *_ in verdicts.values()}
    taken = {key: datetime.fromisoformat(at) for key, at in since.items() if key and at}
    if not taken:
        return {}
    holds = sa.and_(notifications.c.tenant == slots.c.tenant, notifications.c.id == slots.c.holder)
    tells = sa.and_(events.c.tenant == notifications.c.tenant, events.c.id == notifications.c.event_id)
    rows = conn.execute(
        sa.select(slots.c.key, slots.c.taken_at, slots.c.holder, events.c.id, events.c.type)
        .select_from(slots.join(notifications, holds).join(events, tells))
        .where(slots.c.tenant == tenant, slots.c.recipient == of, slots.c.key.in_(sorted(taken)))
    )
    return {
        row.key: Holder(notification=row.holder, event=row.id, type=row.type)
        for row in rows
        if row.taken_at == taken[row.key]
    }


def _deliveries(conn: Connection, tenant: str, of: Sequence[UUID]) -> dict[UUID, tuple[DeliveryRecord, ...]]:
    """Those of these notifications, by notification, in the order in which they were made."""
    rows = conn.execute(
        sa.select(
            deliveries.c.id,
            deliveries.c.notification_id,
            deliveries.c.channel,
            deliveries.c.address_id,
            addresses.c.value.label("address"),
            addresses.c.gone_at,
            queue.c.delivery_id.label("queued"),
            queue.c.due_at,
            (queue.c.lease_until > dialect.now(conn)).label("leased"),
        )
        .outerjoin(
            addresses,
            sa.and_(addresses.c.tenant == deliveries.c.tenant, addresses.c.id == deliveries.c.address_id),
        )
        .outerjoin(
            queue, sa.and_(queue.c.tenant == deliveries.c.tenant, queue.c.delivery_id == deliveries.c.id)
        )
        .where(deliveries.c.tenant == tenant, deliveries.c.notification_id.in_(of))
        .order_by(deliveries.c.id)
    ).all()
    attempts = _attempts(conn, tenant, [row.id for row in rows])
    found: dict[UUID, tuple[DeliveryRecord, ...]] = {}
    for row in rows:
        record = DeliveryRecord(
            id=row.id,
            channel=row.channel,
            address=row.address,
            address_id=row.address_id,
            address_gone_at=row.gone_at,
            state=_state(row, attempts.get(row.id, [])),
            due_at=row.due_at,
            attempts=tuple(attempts.get(row.id, ())),
        )
        found[row.notification_id] = (*found.get(row.notification_id, ()), record)
    return found


def _state(row: Row[Any], attempts: list[Attempt]) -> State:
    final = next((attempt.result for attempt in reversed(attempts) if attempt.final), None)
    return state_of(queued=row.queued is not None, leased=bool(row.leased), final=final)


def _attempts(conn: Connection, tenant: str, of: list[UUID]) -> dict[UUID, list[Attempt]]:
    found: dict[UUID, list[Attempt]] = {}
    for row in conn.execute(
        sa.select(*outcomes.c)
        .where(outcomes.c.tenant == tenant, outcomes.c.delivery_id.in_(of))
        .order_by(outcomes.c.delivery_id, outcomes.c.claim)
    ):
        found.setdefault(row.delivery_id, []).append(
            Attempt(
                n=row.attempt,
                at=row.at,
                result=row.result,
                final=row.final,
                code=row.code,
                detail=row.detail,
                duration_ms=row.duration_ms,
                receipt=row.receipt,
            )
        )
    return found
