"""Counting what became of an event: whom it told, and how its deliveries stand."""

from __future__ import annotations

from dataclasses import dataclass, fields
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.store import dialect
from clarion.store.schema import deliveries, events, notifications, outcomes, queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How an event stands at one instant; true at any, also while it is still being told.

    Each of the `total` recipients is `told` or `suppressed`. Each of the `deliveries`, which are what leaves on
    other channels than the inbox, is waiting, sending, sent, failed, dropped or cancelled.
    """

    complete: bool  # everybody in the audience has been decided on
    total: int  # recipients decided on
    told: int  # by an item in the inbox, or by a delivery that was wanted to the end: it may be on its way, or have failed
    suppressed: int  # by nothing, on any channel; `why` gives each one's reason
    inbox: int  # items in an inbox
    deliveries: int
    waiting: int
    held: int  # of those that wait, those not due yet: quiet hours, a full window, or a pause before another try
    sending: int
    sent: int
    failed: int
    dropped: int  # no longer wanted when its turn came, as after being read or muted
    cancelled: int  # taken back

    def __str__(self) -> str:
        """`8 told (6 in the inbox), 2 suppressed; 5 deliveries: 2 waiting (1 held), 3 sent`."""
        waiting = f"{self.waiting} waiting" + (f" ({self.held} held)" if self.held else "")
        ends = {name: getattr(self, name) for name in ("sending", "sent", "failed", "dropped", "cancelled")}
        stand = [waiting] * bool(self.waiting) + [
            f"{number} {name}" for name, number in ends.items() if number
        ]
        people = f"{self.told} told ({self.inbox} in the inbox), {self.suppressed} suppressed"
        return f"{people}; {self.deliveries} deliveries" + (f": {', '.join(stand)}" if stand else "")


def read(conn: Connection, tenant: str, event: UUID) -> Counts | None:
    """The counts of an event, in one statement and so of one instant; `None` if this tenant has no such event."""
    recipients, sends = _recipients(tenant, event), _deliveries(conn, tenant, event)
    row = conn.execute(
        sa.select(
            sa.and_(events.c.due_at.is_(None), events.c.failure.is_(None)).label("complete"),
            *recipients.c,
            (recipients.c.total - recipients.c.told).label("suppressed"),
            *sends.c,
        )
        .select_from(events.join(recipients, sa.true()).join(sends, sa.true()))
        .where(events.c.tenant == tenant, events.c.id == event)
    ).first()
    if row is None:
        return None
    return Counts(**{field.name: getattr(row, field.name) for field in fields(Counts)})


def _recipients(tenant: str, event: UUID) -> sa.Subquery:
    unwanted = sa.exists().where(
        outcomes.c.tenant == deliveries.c.tenant,
        outcomes.c.delivery_id == deliveries.c.id,
        outcomes.c.final,
        outcomes.c.result.in_(["suppressed", "cancelled"]),
    )
    delivered = sa.exists().where(
        deliveries.c.tenant == notifications.c.tenant,
        deliveries.c.notification_id == notifications.c.id,
        ~unwanted,
    )
    shown = sa.and_(notifications.c.visible, notifications.c.withdrawn_at.is_(None))
    return (
        sa.select(
            sa.func.count().label("total"),
            sa.func.count().filter(sa.or_(notifications.c.visible, delivered)).label("told"),
            sa.func.count().filter(shown).label("inbox"),
        )
        .where(notifications.c.tenant == tenant, notifications.c.event_id == event)
        .subquery("by_recipient")
    )


def _deliveries(conn: Connection, tenant: str, event: UUID) -> sa.Subquery:
    """By state, which follows from the rows as in `delivery.state_of`."""
    of_event = sa.and_(
        notifications.c.tenant == deliveries.c.tenant, notifications.c.id == deliveries.c.notification_id
    )
    final = sa.and_(
        outcomes.c.tenant == deliveries.c.tenant, outcomes.c.delivery_id == deliveries.c.id, outcomes.c.final
    )
    queued = sa.and_(queue.c.tenant == deliveries.c.tenant, queue.c.delivery_id == deliveries.c.id)
    now = dialect.now(conn)
    leased = sa.func.coalesce(queue.c.lease_until > now, sa.false())
    waits = sa.and_(outcomes.c.result.is_(None), ~leased)
    states = {
        "waiting": waits,
        "held": sa.and_(waits, queue.c.due_at > now),
        "sending": leased,
        "sent": outcomes.c.result == "sent",
        "failed": outcomes.c.result == "failed",
        "dropped": outcomes.c.result == "suppressed",
        "cancelled": outcomes.c.result == "cancelled",
    }
    return (
        sa.select(
            sa.func.count().label("deliveries"),
            *(sa.func.count().filter(state).label(name) for name, state in states.items()),
        )
        .select_from(
            notifications.join(deliveries, of_event).outerjoin(outcomes, final).outerjoin(queue, queued)
        )
        .where(notifications.c.tenant == tenant, notifications.c.event_id == event)
        .subquery("by_state")
    )
