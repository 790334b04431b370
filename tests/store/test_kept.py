"""Each reason why something is kept, however old."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import clock, event, ids
from clarion.delivery import sent
from clarion.store import (
    events,
    kept,
    outcomes,
    queue,
)
from clarion.store import schema as s
from clarion.store.database import Database
from clarion.store.outcomes import Settlement
from tests.store.make import CHANNEL, delivery_ids
from tests.store.past import (
    DAY,
    LEASE,
    Ago,
    change,
    dangling,
    deliver,
    digest_of,
    number,
    open_condition,
    prune,
    settle,
    take_slot,
    tell,
    there,
    told_and_sent,
)
from tests.store.test_withdrawals import take_back


def _waits(db: Database) -> None:
    tell(db, "carol")


def _one_of_two_waits(db: Database) -> None:
    def work(conn: Connection) -> None:
        claims = queue.claim_due(conn, CHANNEL, most=1, each=1, lease=LEASE, after="")
        outcomes.settle(conn, [Settlement(claim, sent("ok", DAY)) for claim in claims])

    tell(db, "bob", "carol")
    db.run(work)


def _is_being_sent(db: Database) -> None:
    tell(db, "bob")
    db.run(lambda c: queue.claim_due(c, CHANNEL, most=1, each=1, lease=LEASE, after=""))


def _was_replayed(db: Database) -> None:
    made = told_and_sent(db, "bob")
    (id,) = db.read(lambda conn: delivery_ids(conn, made))
    row = {"tenant": "default", "delivery_id": id, "channel": CHANNEL, "lane": "x", "priority": 0}
    db.run(lambda conn: conn.execute(sa.insert(s.queue).values(**row, due_at=clock.now())))


def _is_not_walked(db: Database) -> None:
    db.run(lambda conn: events.emit(conn, [event.make("cl.merged", {"to": ["bob"]})]))


def _is_scheduled(db: Database) -> None:
    db.run(lambda conn: events.emit(conn, [event.make("cl.merged", {"at": clock.now() + 25 * DAY})]))


def _is_saved(db: Database) -> None:
    told_and_sent(db, "bob", "carol")
    its = s.notifications.c.recipient == "carol"
    db.run(lambda conn: conn.execute(sa.update(s.notifications).where(its).values(saved_at=clock.now())))


def _is_snoozed(db: Database) -> None:
    told_and_sent(db, "bob")
    values = {"snoozed_until": clock.now() + 41 * DAY}
    its = s.notifications.c.recipient == "bob"
    db.run(lambda conn: conn.execute(sa.update(s.notifications).where(its).values(values)))


def _condition_is_open(db: Database) -> None:
    open_condition(db, told_and_sent(db, "bob", condition="disk/1"))


def _condition_has_ended_lately(db: Database) -> None:
    open_condition(db, told_and_sent(db, "bob", condition="disk/1"))
    change(db, s.conditions, resolved_at=clock.now() + 20 * DAY)


def _made_a_condition_worse(db: Database) -> None:
    first = told_and_sent(db, "bob", condition="disk/1")
    worse = told_and_sent(db, "bob", condition="disk/1")
    open_condition(db, first)
    change(db, s.conditions, escalated_by=worse.id)


def _is_to_be_taken_back(db: Database) -> None:
    take_back(db, "event_id", told_and_sent(db, "bob").id)


def _holds_a_slot(db: Database) -> None:
    take_slot(db, told_and_sent(db, "bob"), until=clock.now() + 41 * DAY)


def _waits_with_a_slot(db: Database) -> None:
    take_slot(db, told_and_sent(db, "bob"), until=None)


def _waits_for_a_slot(db: Database) -> None:
    """Blocked by somebody who is still to be sent: told instead, if that fails."""
    holder = tell(db, "bob")
    take_slot(db, holder, until=None, blocked_since=clock.now())
    blocked = told_and_sent(db, "bob")
    db.run(
        lambda conn: conn.execute(
            sa.update(s.notifications).where(s.notifications.c.event_id == blocked.id).values(gates=1 << 18)
        )
    )


def _is_in_an_open_digest(db: Database) -> None:
    digest_of(db, told_and_sent(db, "bob"))


def _is_in_a_digest_to_be_sent(db: Database) -> None:
    id = digest_of(db, told_and_sent(db, "bob"))
    change(db, s.digests, closed_at=clock.now())
    deliver(db, id)


def _is_snoozed_until_now(db: Database) -> None:
    """Its time has come, and nobody has brought it back yet."""
    its = s.notifications.c.event_id == told_and_sent(db, "bob").id
    values = {"snoozed_until": clock.now() + DAY}
    db.run(lambda conn: conn.execute(sa.update(s.notifications).where(its).values(values)))


def _came_back_lately(db: Database) -> None:
    its = s.notifications.c.event_id == told_and_sent(db, "bob").id
    back = ids.from_parts(int((clock.now() + 30 * DAY).timestamp() * 1000), 0)
    db.run(lambda conn: conn.execute(sa.update(s.notifications).where(its).values(place=back)))


STAYS: Mapping[str, Callable[[Database], None]] = {
    name.removeprefix("_"): made
    for name, made in {
        f.__name__: f
        for f in (
            _waits, _one_of_two_waits, _is_being_sent, _was_replayed, _is_not_walked, _is_scheduled, _is_saved,
            _is_snoozed, _is_snoozed_until_now, _came_back_lately, _condition_is_open, _condition_has_ended_lately, _is_to_be_taken_back, _holds_a_slot,
            _waits_with_a_slot, _waits_for_a_slot, _is_in_an_open_digest, _is_in_a_digest_to_be_sent,
            _made_a_condition_worse,
        )
    }.items()
}  # fmt: skip


@pytest.mark.parametrize("most", [1000, 4])
@pytest.mark.parametrize("why", STAYS)
def test_it_stays_because_it(db: Database, ago: Ago, why: str, most: int) -> None:
    """Whole: with everything that follows from it. What lies around it goes."""
    ago(40)
    before = told_and_sent(db, "zoe")
    STAYS[why](db)
    stay = there(db) - {before.id}
    rows = {table: number(db, table) for table in (s.notifications, s.deliveries, s.outcomes)}
    after = tell(db, key="told to nobody")
    ago(0)
    gone = prune(db, most=most)
    assert (gone["events"], gone["notifications"], gone["deliveries"]) == (2, 1, 1)
    assert there(db) == stay
    assert after.id not in stay
    assert {table: number(db, table) + 1 for table in rows} == rows
    assert dangling(db) == []


@pytest.mark.parametrize("why", ["waits", "is_saved", "holds_a_slot"])
def test_a_large_audience_stays_whole(db: Database, ago: Ago, why: str) -> None:
    ago(40)
    large = tell(db, *(f"p{n:03}" for n in range(60)))
    settle(db)
    its = s.notifications.c.recipient == "p059"
    if why == "waits":
        person_59 = sa.select(s.notifications.c.id).where(its).scalar_subquery()
        last = sa.select(s.deliveries.c.id).where(s.deliveries.c.notification_id == person_59)
        db.run(
            lambda conn: conn.execute(
                sa.delete(s.outcomes).where(s.outcomes.c.delivery_id == last.scalar_subquery())
            )
        )
    elif why == "is_saved":
        db.run(lambda c: c.execute(sa.update(s.notifications).where(its).values(saved_at=clock.now())))
    else:
        holder = db.read(lambda c: c.execute(sa.select(s.notifications.c.id).where(its)).scalar_one())
        row = {"tenant": "default", "recipient": "p059", "key": "k", "severity": 0, "n": 0, "window_ms": 1}
        db.run(lambda c: c.execute(sa.insert(s.slots).values(**row, holder=holder, taken_at=clock.now())))
    ago(0)
    assert prune(db, most=20) == {}
    assert there(db) == {large.id}
    assert number(db, s.notifications) == 60


def test_what_is_saved_and_deleted_goes(db: Database, ago: Ago) -> None:
    ago(40)
    _is_saved(db)
    db.run(lambda conn: conn.execute(sa.update(s.notifications).values(deleted_at=clock.now())))
    ago(0)
    assert prune(db)["notifications"] == 2


def test_every_reason_has_its_test() -> None:
    assert len(kept.EVENT) + len(kept.NOTIFICATION) <= len(STAYS)
