"""What was over long ago, for tests of removing it; and what must not be left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import clock, event
from clarion.delivery import sent
from clarion.event import Event
from clarion.ids import uuid7
from clarion.store import (
    events,
    outcomes,
    pruning,
    queue,
)
from clarion.store import schema as s
from clarion.store.database import Database
from clarion.store.outcomes import Settlement
from clarion.store.pruning import Round, Tally
from tests.store.make import CHANNEL, person, told

DAY = timedelta(days=1)
RETENTION = 30 * DAY
LEASE = timedelta(minutes=1)
Travel = Callable[[timedelta], None]


Ago = Callable[[int], None]


def prune(db: Database, *, most: int = 1000, dry: bool = False) -> dict[str, int]:
    tally = Tally()
    pruning.run(db, Round(before=RETENTION, most=most, dry=dry).steps(tally), lambda: None)
    return dict(tally.rows)


def settle(db: Database) -> None:
    """All that is due is sent."""

    def work(conn: Connection) -> None:
        claims = queue.claim_due(conn, CHANNEL, most=1000, each=1000, lease=LEASE, after="")
        outcomes.settle(conn, [Settlement(claim, sent("ok", timedelta(seconds=1))) for claim in claims])

    db.run(work)


def tell(db: Database, *who: str, **fields: Any) -> Event:
    def work(conn: Connection) -> Event:
        for id in who:
            person(conn, id)
        if who:
            return told(conn, *who, **fields)
        made = event.make("cl.merged", fields)  # type: ignore[arg-type]  # any fields
        events.emit(conn, [made])
        conn.execute(sa.update(s.events).where(s.events.c.id == made.id).values(due_at=None))
        return made

    return db.run(work)


def told_and_sent(db: Database, *who: str, **fields: Any) -> Event:
    made = tell(db, *who, **fields)
    settle(db)
    return made


def there(db: Database) -> set[UUID]:
    """The events that are still there."""
    return set(db.read(lambda conn: conn.execute(sa.select(s.events.c.id)).scalars().all()))


def number(db: Database, table: sa.Table) -> int:
    return db.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def change(db: Database, table: sa.Table, **values: Any) -> None:
    db.run(lambda conn: conn.execute(sa.update(table).values(values)))


PARENTS: Mapping[tuple[sa.Table, str], sa.Table] = {
    (s.notifications, "event_id"): s.events,
    (s.questions, "event_id"): s.events,
    (s.conditions, "event_id"): s.events,
    (s.withdrawals, "event_id"): s.events,
    (s.deliveries, "notification_id"): s.notifications,
    (s.deliveries, "digest_id"): s.digests,
    (s.deliveries, "address_id"): s.addresses,
    (s.digest_members, "notification_id"): s.notifications,
    (s.digest_members, "digest_id"): s.digests,
    (s.slots, "holder"): s.notifications,
    (s.queue, "delivery_id"): s.deliveries,
    (s.outcomes, "delivery_id"): s.deliveries,
}


def dangling(db: Database) -> list[str]:
    """The rows that refer to what is not there."""

    def work(conn: Connection) -> list[str]:
        found = []
        for (table, column), parent in PARENTS.items():
            ids = sa.select(parent.c.id)
            lost = sa.select(table.c[column]).where(table.c[column].is_not(None), table.c[column].not_in(ids))
            found += [f"{table.name}.{column} {id}" for id in conn.execute(lost).scalars()]
        return found

    return db.read(work)


def open_condition(db: Database, opener: Event) -> None:
    row = {"id": uuid7(), "event_id": opener.id, "severity": 0, "opened_at": opener.at, "last_at": opener.at}
    values = {"tenant": "default", "condition": opener.condition, **row}
    db.run(lambda conn: conn.execute(sa.insert(s.conditions).values(values)))


def take_slot(db: Database, of: Event, **values: Any) -> None:
    its = sa.select(s.notifications.c.id).where(s.notifications.c.event_id == of.id)
    row = {"tenant": "default", "recipient": "bob", "key": "k", "severity": 0, "n": 0, "window_ms": 1}

    def work(conn: Connection) -> None:
        holder = conn.execute(its).scalar_one()
        conn.execute(sa.insert(s.slots).values({**row, "holder": holder, "taken_at": of.at, **values}))

    db.run(work)


def digest_of(db: Database, *of: Event) -> UUID:
    id = uuid7()
    row = {"tenant": "default", "id": id, "recipient": "bob", "channel": CHANNEL, "key": "daily"}
    its = sa.select(s.notifications.c.id).where(s.notifications.c.event_id.in_([one.id for one in of]))

    def work(conn: Connection) -> None:
        conn.execute(sa.insert(s.digests).values(**row, opened_at=clock.now(), due_at=clock.now()))
        for member in conn.execute(its).scalars().all():
            values = {"tenant": "default", "digest_id": id, "notification_id": member}
            conn.execute(sa.insert(s.digest_members).values(values))

    db.run(work)
    return id


def deliver(db: Database, digest: UUID) -> None:
    """Its delivery, which waits."""

    def work(conn: Connection) -> None:
        address = conn.execute(sa.select(s.addresses.c.id)).scalars().first()
        of = {"tenant": "default", "channel": CHANNEL}
        sent_as = {**of, "id": uuid7(), "digest_id": digest, "address_id": address}
        conn.execute(sa.insert(s.deliveries).values(**sent_as, created_at=clock.now()))
        waits = {**of, "delivery_id": sent_as["id"], "lane": "x", "priority": 0, "due_at": clock.now()}
        conn.execute(sa.insert(s.queue).values(waits))

    db.run(work)
