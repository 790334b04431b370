"""What one event's page is made of: its numbers as far as they are quickly counted, and what bore on it since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import gates
from clarion.delivery import State, state_of
from clarion.event import Event
from clarion.store import dialect
from clarion.store.schema import conditions, deliveries, events, notifications, outcomes, queue, withdrawals
from clarion.timeline import Said, TakenBack

COUNTED = 5000  # recipients whose fate is counted: a page must not wait for a hundred thousand
_WITHDRAWALS = 20

_UNWANTED = ("suppressed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Deliveries of one channel that stand alike. `first` and `last`: when they ended, or are due."""

    channel: str
    state: State
    code: str | None
    number: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The numbers of an event: of all its recipients or, where there are `more`, of the first `COUNTED` by id.

    `told`, `suppressed` and `inbox` as in `Counts`; `gates`: how many each gate had something to say about.
    """

    recipients: int
    told: int
    suppressed: int
    inbox: int
    seen: int
    read: int
    gates: Mapping[str, int]
    deliveries: tuple[Alike, ...]
    more: bool


def standing(conn: Connection, tenant: str, event: UUID, *, most: int = COUNTED) -> Standing:
    """The numbers of this event."""
    of_event = (notifications.c.tenant == tenant, notifications.c.event_id == event)
    in_order = sa.select(*notifications.c).where(*of_event).order_by(notifications.c.recipient)
    first = in_order.limit(most).subquery("counted")
    recipients = told = inbox = seen = read = 0
    by_gate: dict[str, int] = {}
    for row in conn.execute(_recipients(first)):
        recipients += row.number
        told += row.number if row.visible or row.delivered else 0
        inbox += row.shown
        seen += row.seen
        read += row.read
        for gate in gates.names_in(row.gates):
            by_gate[gate] = by_gate.get(gate, 0) + row.number
    beyond = conn.execute(in_order.with_only_columns(notifications.c.id).limit(1).offset(most)).first()
    return Standing(
        recipients=recipients,
        told=told,
        suppressed=recipients - told,
        inbox=inbox,
        seen=seen,
        read=read,
        gates=dict(sorted(by_gate.items(), key=lambda one: (-one[1], one[0]))),
        deliveries=_alike(conn, first),
        more=beyond is not None,
    )


def _recipients(first: sa.Subquery) -> sa.Select[Any]:
    unwanted = sa.exists().where(
        outcomes.c.tenant == deliveries.c.tenant,
        outcomes.c.delivery_id == deliveries.c.id,
        outcomes.c.final,
        outcomes.c.result.in_(_UNWANTED),
    )
    delivered = sa.exists().where(
        deliveries.c.tenant == first.c.tenant, deliveries.c.notification_id == first.c.id, ~unwanted
    )
    each = sa.select(
        first.c.gates,
        first.c.visible,
        first.c.withdrawn_at,
        first.c.seen_at,
        first.c.read_at,
        delivered.label("delivered"),
    ).subquery("each_")
    here = sa.and_(each.c.visible, each.c.withdrawn_at.is_(None))
    alike = (each.c.gates, each.c.visible, each.c.delivered)
    return sa.select(
        *alike,
        sa.func.count().label("number"),
        sa.func.count().filter(here).label("shown"),
        sa.func.count().filter(each.c.seen_at.is_not(None)).label("seen"),
        sa.func.count().filter(each.c.read_at.is_not(None)).label("read"),
    ).group_by(*alike)


def _alike(conn: Connection, first: sa.Subquery) -> tuple[Alike, ...]:
    its = sa.and_(deliveries.c.tenant == first.c.tenant, deliveries.c.notification_id == first.c.id)
    final = sa.and_(
        outcomes.c.tenant == deliveries.c.tenant, outcomes.c.delivery_id == deliveries.c.id, outcomes.c.final
    )
    queued = sa.and_(queue.c.tenant == deliveries.c.tenant, queue.c.delivery_id == deliveries.c.id)
    leased = sa.func.coalesce(queue.c.lease_until > dialect.now(conn), sa.false()).label("leased")
    waits = queue.c.delivery_id.is_not(None).label("queued")
    each = (
        sa.select(
            deliveries.c.channel,
            outcomes.c.result,
            outcomes.c.code,
            waits,
            leased,
            sa.func.coalesce(outcomes.c.at, queue.c.due_at).label("at"),
        )
        .select_from(first.join(deliveries, its).outerjoin(outcomes, final).outerjoin(queue, queued))
        .subquery("each_delivery")
    )
    alike = [each.c[name] for name in ("channel", "result", "code", "queued", "leased")]
    rows = conn.execute(
        sa.select(
            *alike,
            sa.func.count().label("number"),
            sa.func.min(each.c.at).label("first"),
            sa.func.max(each.c.at).label("last"),
        ).group_by(*alike)
    )
    found = [
        Alike(
            channel=row.channel,
            state=state_of(queued=bool(row.queued), leased=bool(row.leased), final=row.result),
            code=row.code,
            number=row.number,
            first=row.first,
            last=row.last,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda one: (one.channel, -one.number, one.state, one.code or "")))


# ── What bore on it since ────────────────────────────────────────────────────────────────────────────────


def walked_at(conn: Connection, tenant: str, event: UUID) -> datetime | None:
    """When the walk of its audience came to its end."""
    its = (events.c.tenant == tenant, events.c.id == event)
    found: datetime | None = conn.execute(sa.select(events.c.walked_at).where(*its)).scalar_one_or_none()
    return found


def taken_back(conn: Connection, tenant: str, event: Event) -> list[TakenBack]:
    """The withdrawals that bear on it, the first few, in order."""
    own = [withdrawals.c.tenant == tenant]
    bears = [("event", withdrawals.c.event_id == event.id)]
    if event.subject is not None:
        bears.append(
            ("subject", sa.and_(withdrawals.c.subject == event.subject, withdrawals.c.id > event.id))
        )
    if event.condition is not None:
        said = sa.and_(withdrawals.c.condition == event.condition, withdrawals.c.id > event.id)
        bears.append(("condition", said))
    found: list[TakenBack] = []
    for what, bearing in bears:
        chosen = sa.select(withdrawals.c.at, withdrawals.c.recipient).where(*own, bearing)
        rows = conn.execute(chosen.order_by(withdrawals.c.id).limit(_WITHDRAWALS))
        found += [TakenBack(at=row.at, what=what, recipient=row.recipient) for row in rows]  # type: ignore[arg-type]  # one of the three above
    return sorted(found, key=lambda one: one.at)[:_WITHDRAWALS]


def condition(conn: Connection, tenant: str, event: UUID) -> Said | None:
    """What became of the condition that this event opened; `None` if it opened none."""
    row = conn.execute(
        sa.select(*conditions.c).where(conditions.c.tenant == tenant, conditions.c.event_id == event)
    ).first()
    if row is None:
        return None
    return Said(
        repeats=row.repeats,
        last_at=row.last_at,
        escalations=row.escalations,
        escalated_by=row.escalated_by,
        escalate_at=row.escalate_at,
        resolved_at=row.resolved_at,
    )
