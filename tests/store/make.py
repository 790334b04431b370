"""Rows for tests, made by the same functions that workers use."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import clock, event
from clarion.event import Event
from clarion.event_type import declare
from clarion.plan import Candidate, plan
from clarion.recipient import Address, Recipient
from clarion.store import events, notifications, people
from clarion.store.schema import deliveries, outcomes, queue
from clarion.store.schema import events as events_table
from clarion.store.schema import notifications as notifications_table

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CHANNEL = "email"
merged = declare("cl.merged", {"category": "reviews", "channels": ["inbox", CHANNEL]})


def person(
    conn: Connection, id: str, tenant: str = "default", addresses: Iterable[str] = ("x@y.test",)
) -> None:
    people.upsert(conn, tenant, [Recipient(id=id)])
    people.set_addresses(conn, tenant, id, [Address(CHANNEL, value) for value in addresses])


def told(conn: Connection, *who: str, tenant: str = "default", **fields: Any) -> Event:
    """An event that was emitted, and decided on for these recipients, who now have deliveries waiting."""
    made = event.make(merged.code, {"tenant": tenant, **fields})  # type: ignore[typeddict-item]  # any fields
    events.emit(conn, [made])
    known = people.read(conn, [(tenant, id) for id in who], ())
    facts = known[tenant].facts(dict.fromkeys(("inbox", CHANNEL), LONG_AGO))
    now = clock.now()
    answers = plan(made, merged, [Candidate(id, "direct") for id in who], facts, now)
    notifications.write(conn, [(made, merged.max_age, answers)], now, fresh=True)
    conn.execute(sa.update(events_table).where(events_table.c.id == made.id).values(due_at=None))
    return made


def delivery_ids(conn: Connection, of: Event) -> list[UUID]:
    """The deliveries of an event."""
    its = sa.select(notifications_table.c.id).where(notifications_table.c.event_id == of.id)
    found = sa.select(deliveries.c.id).where(
        deliveries.c.tenant == of.tenant, deliveries.c.notification_id.in_(its)
    )
    return list(conn.execute(found).scalars())


def queued(conn: Connection) -> dict[UUID, Any]:
    """What waits or is being sent, by delivery."""
    return {row.delivery_id: row for row in conn.execute(sa.select(queue))}


def history(conn: Connection, delivery_id: UUID) -> list[tuple[str, bool, str | None]]:
    """The outcomes of a delivery: (result, final, code)."""
    found = sa.select(outcomes).where(outcomes.c.delivery_id == delivery_id).order_by(outcomes.c.claim)
    return [(row.result, row.final, row.code) for row in conn.execute(found)]


def keys(claims: Collection[Any]) -> set[UUID]:
    return {claim.delivery_id for claim in claims}
