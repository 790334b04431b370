"""Removing events that are over, with all that follows from them, whole."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import clock, event
from clarion.delivery import Retry, not_sent
from clarion.policy import Retries
from clarion.store import (
    events,
    outcomes,
    queue,
    walks,
)
from clarion.store import schema as s
from clarion.store.database import Database
from clarion.store.outcomes import Settlement
from tests.store.make import CHANNEL
from tests.store.past import (
    DAY,
    LEASE,
    Ago,
    dangling,
    number,
    open_condition,
    prune,
    settle,
    take_slot,
    tell,
    there,
    told_and_sent,
)
from tests.store.test_withdrawals import apply_all, take_back


@pytest.mark.parametrize("most", [1000, 8])
def test_what_is_over_goes_with_all_that_follows_from_it(db: Database, ago: Ago, most: int) -> None:
    ago(40)
    for n in range(7):
        told_and_sent(db, "bob", "carol", subject=f"cl/{n}", key=f"k{n}")
    nobody = tell(db, key="nobody")
    ago(10)
    young = told_and_sent(db, "bob")
    ago(0)
    would = prune(db, most=most, dry=True)
    assert nobody.id in there(db)
    gone = prune(db, most=most)
    assert gone == would
    assert gone == {"events": 8, "questions": 7, "notifications": 14, "deliveries": 14, "outcomes": 14}
    assert there(db) == {young.id}
    assert (number(db, s.recipients), number(db, s.addresses)) == (2, 2)
    assert dangling(db) == []
    assert prune(db) == {}


def test_of_every_tenant(db: Database, ago: Ago) -> None:
    ago(40)
    for n in range(6):
        tell(db, "bob", tenant=f"t{n}")
        settle(db)
    ago(0)
    assert prune(db)["events"] == 6


def test_a_key_is_remembered_until_then_and_new_afterwards(db: Database, ago: Ago) -> None:
    def emit() -> UUID:
        return db.run(lambda conn: events.emit(conn, [event.make("cl.merged", {"key": "once"})])[0])

    ago(40)
    first = told_and_sent(db, "bob", key="once").id
    ago(11)
    prune(db)
    assert emit() == first
    ago(0)
    prune(db)
    assert emit() != first


def test_completion_counts_not_emission(db: Database, ago: Ago) -> None:
    """Sent a month after it was emitted; or walked as late, with nobody to tell."""
    ago(60)
    slow = tell(db, "bob")
    db.run(lambda conn: events.emit(conn, [event.make("cl.merged", {})]))
    ago(20)
    settle(db)
    (walk,) = db.run(lambda conn: walks.claim_due(conn, most=9, lease=LEASE))
    db.run(lambda conn: walks.finish(conn, [walk]))
    ago(0)
    assert prune(db) == {}
    assert there(db) == {slow.id, walk.event.id}
    ago(-11)
    prune(db)
    assert there(db) == set()


@pytest.mark.parametrize("most", [40, 1000])
def test_a_large_audience_goes_page_by_page(db: Database, ago: Ago, most: int) -> None:
    ago(40)
    before, large, after = (
        told_and_sent(db, "bob"),
        told_and_sent(db, *(f"p{n:03}" for n in range(123))),
        told_and_sent(db, "bob"),
    )
    ago(0)
    assert prune(db, most=most, dry=True)["notifications"] == 125
    gone = prune(db, most=most)
    assert (gone["events"], gone["notifications"], gone["outcomes"]) == (3, 125, 125)
    assert not there(db) & {before.id, large.id, after.id}
    assert dangling(db) == []


def test_thousands_of_attempts_go_some_at_a_time(db: Database, ago: Ago) -> None:
    ago(40)
    made = tell(db, "bob", "carol")
    retries = Retries((timedelta(0, 1),) * 99, jitter=0)

    def again(conn: Connection) -> None:
        for claim in queue.claim_due(conn, CHANNEL, most=9, each=9, lease=LEASE, after=""):
            down = not_sent(Retry("busy"), attempt=1, claim=1, retries=retries)
            outcomes.settle(conn, [Settlement(claim, down)])

    for _ in range(25):
        db.run(again)
        db.run(lambda conn: conn.execute(sa.update(s.queue).values(due_at=clock.now())))
    settle(db)
    ago(0)
    assert prune(db, most=20)["outcomes"] == 52
    assert made.id not in there(db)
    assert dangling(db) == []


def test_a_slot_that_is_over_goes_with_its_holder(db: Database, ago: Ago) -> None:
    ago(40)
    take_slot(db, told_and_sent(db, "bob"), until=clock.now() + DAY)
    ago(0)
    assert prune(db)["slots"] == 1


def test_a_condition_goes_with_what_opened_it(db: Database, ago: Ago) -> None:
    ago(40)
    open_condition(db, told_and_sent(db, "bob", condition="disk/1"))
    take_back(db, "condition", "disk/1")
    apply_all(db)
    ago(0)
    gone = prune(db)
    assert (gone["events"], gone["conditions"], gone["withdrawals"]) == (1, 1, 1)


def test_a_cancelled_event_goes_with_its_cancellation(db: Database, ago: Ago) -> None:
    ago(40)
    made = told_and_sent(db, "bob")
    ago(1)
    take_back(db, "event_id", made.id)
    apply_all(db)
    ago(0)
    gone = prune(db)
    assert (gone["events"], gone["withdrawals"]) == (1, 1)
