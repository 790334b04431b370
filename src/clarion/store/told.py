"""How everybody stands who was decided on for an event: by channel, whether and when it really went out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.delivery import State, state_of
from clarion.store import dialect
from clarion.store.schema import deliveries, notifications, outcomes, queue


@dataclass(frozen=True, slots=True)
class Told:
    """Who has a notification of an event, and by channel when a delivery went out, or how it stands.

    `due_at`: when what waits is tried, by channel. `decided_at`: when it was decided on again.
    """

    recipient: str
    reason: str
    visible: bool
    gates: int
    sent_at: dict[str, datetime]
    unsent: dict[str, State] = field(default_factory=dict)
    due_at: dict[str, datetime] = field(default_factory=dict)
    decided_at: datetime | None = None


def read(
    conn: Connection, tenant: str, event_id: UUID, *, after: str | None = None, most: int | None = None
) -> list[Told]:
    """Everybody decided on for this event, by id; or at most so many, behind this id."""
    sent: dict[UUID, dict[str, datetime]] = {}
    unsent: dict[UUID, dict[str, State]] = {}
    due: dict[UUID, dict[str, datetime]] = {}
    mine = [notifications.c.tenant == tenant, notifications.c.event_id == event_id]
    if after is not None:
        mine.append(notifications.c.recipient > after)
    rows = conn.execute(
        sa.select(*notifications.c).where(*mine).order_by(notifications.c.recipient).limit(most)
    ).all()
    if most is not None and rows:
        mine.append(notifications.c.recipient <= rows[-1].recipient)
    for row in conn.execute(_deliveries_of(conn).where(*mine)):
        state = state_of(queued=row.queued is not None, leased=bool(row.leased), final=row.result)
        if state is State.SENT:
            sent.setdefault(row.notification_id, {})[row.channel] = row.at
        else:
            unsent.setdefault(row.notification_id, {})[row.channel] = state
            if row.due_at is not None:
                due.setdefault(row.notification_id, {})[row.channel] = row.due_at
    return [
        Told(
            recipient=r.recipient,
            reason=r.reason,
            visible=r.visible,
            gates=r.gates,
            sent_at=sent.get(r.id, {}),
            unsent=unsent.get(r.id, {}),
            due_at=due.get(r.id, {}),
            decided_at=r.decided_at,
        )
        for r in rows
    ]


def _deliveries_of(conn: Connection) -> sa.Select[Any]:
    """The deliveries of notifications, with what their states follow from."""
    notification = sa.and_(
        notifications.c.tenant == deliveries.c.tenant, notifications.c.id == deliveries.c.notification_id
    )
    final = sa.and_(
        outcomes.c.tenant == deliveries.c.tenant, outcomes.c.delivery_id == deliveries.c.id, outcomes.c.final
    )
    queued = sa.and_(queue.c.tenant == deliveries.c.tenant, queue.c.delivery_id == deliveries.c.id)
    return sa.select(
        deliveries.c.notification_id,
        deliveries.c.channel,
        outcomes.c.at,
        outcomes.c.result,
        queue.c.delivery_id.label("queued"),
        queue.c.due_at,
        (queue.c.lease_until > dialect.now(conn)).label("leased"),
    ).select_from(
        deliveries.join(notifications, notification).outerjoin(outcomes, final).outerjoin(queue, queued)
    )
