"""Rows for tests, made by the same functions that workers use."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import clock, event
from clarion.circumstances import Candidate, slot_keys
from clarion.edit import Edit
from clarion.event import Event
from clarion.event_type import EventType, declare
from clarion.lane import Lanes
from clarion.plan import plan
from clarion.recipient import Address
from clarion.store import dialect, events, notifications, people, roster, slots
from clarion.store.database import Database
from clarion.store.schema import deliveries, outcomes, queue
from clarion.store.schema import events as events_table
from clarion.store.schema import notifications as notifications_table
from clarion.store.schema import slots as slots_table
from tests.support.working import await_true

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CHANNEL = "email"
merged = declare("cl.merged", {"category": "reviews", "channels": ["inbox", CHANNEL]})


def person(
    conn: Connection, id: str, tenant: str = "default", addresses: Iterable[str] = ("x@y.test",)
) -> None:
    where = tuple(Address(CHANNEL, value) for value in addresses)
    roster.write(conn, tenant, [Edit(recipient=id, addresses=where)], create=True)


def told(conn: Connection, *who: str, tenant: str = "default", **fields: Any) -> Event:
    """An event that was emitted, and decided on for these recipients, who now have deliveries waiting."""
    made = event.make(merged.code, {"tenant": tenant, **fields})  # type: ignore[typeddict-item]  # any fields
    events.emit(conn, [made])
    known = people.read(conn, [(tenant, id) for id in who], ())
    facts = known[tenant].facts(dict.fromkeys(("inbox", CHANNEL), LONG_AGO))
    now = clock.now()
    answers = plan(made, merged, [Candidate(id, "direct") for id in who], facts, now)
    notifications.write(conn, [(made, merged.max_age, answers)], now, lanes=Lanes({}), fresh=True)
    conn.execute(sa.update(events_table).where(events_table.c.id == made.id).values(due_at=None))
    return made


def charged(conn: Connection, type: EventType, who: str, **fields: Any) -> UUID:
    """An event decided on for one recipient, and charged, as fan-out does; the id of the notification."""
    made = event.make(type.code, fields)  # type: ignore[arg-type]  # any fields
    events.emit(conn, [made])
    now = dialect.read_now(conn)
    slots.lock_people(conn, [(made.tenant, who)])
    known = people.read(conn, [(made.tenant, who)], ())
    keys = {(made.tenant, who, key) for key in slot_keys(made, type, type.channels)}
    taken = slots.read(conn, keys, now)
    since = dict.fromkeys(("inbox", *type.channels), LONG_AGO)
    facts = known[made.tenant].facts(since, slots=taken.of(made.tenant))
    answers = plan(made, type, [Candidate(who, "direct")], facts, now)
    takes = notifications.write(conn, [(made, type.max_age, answers)], now, lanes=Lanes({}), fresh=True)
    slots.take(conn, takes, taken, now)
    slots.block(conn, {(made.tenant, who, key) for who, key in answers.blocked}, now)
    conn.execute(sa.update(events_table).where(events_table.c.id == made.id).values(due_at=None))
    its = sa.select(notifications_table.c.id).where(notifications_table.c.event_id == made.id)
    return conn.execute(its).scalar_one()


def slot_rows(conn: Connection) -> list[Any]:
    """All slots, by key."""
    return list(conn.execute(sa.select(slots_table).order_by(*slots_table.primary_key.columns)))


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


def wait_for_a_lock(db: Database) -> None:
    """Until somebody waits for one; on PostgreSQL."""
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    await_true(lambda: db.read(lambda conn: conn.execute(waiting).scalar_one()))
