"""Claiming deliveries: fair, never two at once, and nothing lost with its lease."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.delivery import LOSSES_ALLOWED, Claim, Outcome, Result, sent
from clarion.store import outcomes, queue
from clarion.store.database import Database
from clarion.store.outcomes import Settlement
from tests.store.claimants import side_by_side
from tests.store.make import CHANNEL, delivery_ids, history, keys, person, queued, told

SECOND = timedelta(seconds=1)
LEASE = 30 * SECOND
Travel = Callable[[timedelta], None]


def claim(conn: Connection, *, most: int = 100, each: int = 100, after: str = "") -> list[Claim]:
    return queue.claim_due(conn, CHANNEL, most=most, each=each, lease=LEASE, after=after)


@pytest.fixture
def one(db: Database) -> UUID:
    """A delivery that waits."""

    def write(conn: Connection) -> UUID:
        person(conn, "bob")
        (id,) = delivery_ids(conn, told(conn, "bob"))
        return id

    return db.run(write)


# ── Claiming ─────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_claimed_is_nobody_else_s(db: Database, one: UUID) -> None:
    (first,) = db.run(claim)
    assert first.delivery_id == one
    assert (first.fence, first.attempts, first.losses, first.lane) == (1, 0, 0, "default")
    assert db.run(claim) == []


def test_another_channel_s_are_left_alone(db: Database, one: UUID) -> None:
    assert db.run(lambda conn: queue.claim_due(conn, "sms", most=9, each=9, lease=LEASE, after="")) == []
    assert keys(db.run(claim)) == {one}


def test_what_is_not_due_waits(db: Database, one: UUID, travel: Travel) -> None:
    (held,) = db.run(claim)
    db.run(
        lambda conn: outcomes.settle(conn, [Settlement(held, Outcome(result=Result.RETRY, wait=60 * SECOND))])
    )
    travel(59 * SECOND)
    assert db.run(claim) == []
    travel(2 * SECOND)
    assert keys(db.run(claim)) == {one}


def test_every_lane_gets_its_share(db: Database) -> None:
    def write(conn: Connection) -> None:
        for tenant, number in (("a", 40), ("b", 3), ("c", 1)):
            person(conn, "bob", tenant)
            for _ in range(number):
                told(conn, "bob", tenant=tenant)

    db.run(write)
    claims = db.run(lambda conn: claim(conn, most=20, each=5))
    assert Counter(claim.lane for claim in claims) == {"a": 5, "b": 3, "c": 1}
    rest = db.run(lambda conn: claim(conn, most=20, each=20, after="a"))
    assert rest == []
    assert len(db.run(lambda conn: claim(conn, most=10, each=10, after=""))) == 10


def test_a_share_is_a_share_whatever_the_priorities(db: Database) -> None:
    """A tenant whose deliveries have every severity gets no more than one whose are all alike."""

    def write(conn: Connection) -> None:
        for tenant in ("a", "b"):
            person(conn, "bob", tenant)
            for severity in ("info", "warning", "action", "urgent"):
                for _ in range(6):
                    told(conn, "bob", tenant=tenant, severity=severity)

    db.run(write)
    claims = db.run(lambda conn: claim(conn, most=20, each=5))
    assert Counter(claim.lane for claim in claims) == {"a": 5, "b": 5}


def test_in_a_lane_the_most_severe_first_and_of_those_the_oldest(db: Database, travel: Travel) -> None:
    severities = ["info", "urgent", "info", "action", "urgent", "warning", "action"]

    def write(conn: Connection) -> list[tuple[str, UUID]]:
        person(conn, "bob")
        rows = []
        for severity in severities:
            travel(SECOND)
            rows += [(severity, id) for id in delivery_ids(conn, told(conn, "bob", severity=severity))]
        return rows

    waiting = db.run(write)
    travel(SECOND)
    expected = [
        id for wanted in ("urgent", "action", "warning", "info") for name, id in waiting if name == wanted
    ]
    claimed: list[UUID] = []
    while claims := db.run(lambda conn: claim(conn, most=1, each=1)):
        claimed += [one.delivery_id for one in claims]
    assert claimed == expected


def test_processes_side_by_side_never_claim_the_same(db: Database, database_url: str) -> None:
    def write(conn: Connection) -> None:
        for tenant in ("a", "b", "c"):
            people = [f"r{n}" for n in range(50)]
            for id in people:
                person(conn, id, tenant)
            for severity in ("info", "urgent"):
                told(conn, *people, tenant=tenant, severity=severity)

    db.run(write)
    claimed = side_by_side(database_url, 5)
    assert sorted(id for mine in claimed for id in mine) == sorted(db.read(queued))
    assert sum(bool(mine) for mine in claimed) > 1, "one process claimed everything: nothing was side by side"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_claim_does_not_wait_for_another(db: Database) -> None:
    def write(conn: Connection) -> None:
        people = [f"r{n}" for n in range(20)]
        for id in people:
            person(conn, id)
        told(conn, *people)

    db.run(write)
    with db.engine.begin() as first, db.engine.begin() as second:
        mine = claim(first, most=8, each=8)
        second.execute(sa.text("SET LOCAL lock_timeout = '1s'"))
        others = claim(second, most=20, each=20)
        assert (len(mine), len(others)) == (8, 12)
        assert not keys(mine) & keys(others)


# ── Lost leases ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_delivery_rests_and_is_claimed_alone(db: Database, one: UUID, travel: Travel) -> None:
    def write(conn: Connection) -> None:
        person(conn, "carol")
        told(conn, "carol")

    db.run(claim)
    travel(LEASE + SECOND / 10)
    db.run(write)
    assert one not in keys(db.run(claim)), "with its neighbours it may kill them again"
    row = db.read(queued)[one]
    assert (row.losses, row.lease_until, row.attempts) == (1, None, 0)
    assert not db.read(lambda conn: queue.any_lost(conn, CHANNEL)), "it rests"
    assert db.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=LEASE)) is None
    travel(SECOND)
    assert db.read(lambda conn: queue.any_lost(conn, CHANNEL))
    assert db.run(claim) == []
    alone = db.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=LEASE))
    assert alone is not None
    assert (alone.delivery_id, alone.losses) == (one, 1)
    assert db.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=LEASE)) is None
    assert not db.read(lambda conn: queue.any_lost(conn, CHANNEL))


def test_what_kills_every_process_ends_failed_with_its_reason(
    db: Database, one: UUID, travel: Travel
) -> None:
    db.run(claim)
    travel(LEASE + SECOND)
    db.run(claim)
    alone = 0
    while db.read(queued):
        travel(LEASE + 10 * SECOND)
        if db.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=LEASE)) is not None:
            alone += 1
        assert alone <= LOSSES_ALLOWED
    assert alone == LOSSES_ALLOWED
    results = db.read(lambda conn: history(conn, one))
    assert results == [*[("lost", False, "lease_lost")] * 3, ("failed", True, "lease_lost")]
    assert not db.read(lambda conn: queue.any_lost(conn, CHANNEL))


def test_a_lost_delivery_that_is_sent_in_the_end_is_sent(db: Database, one: UUID, travel: Travel) -> None:
    db.run(claim)
    travel(LEASE + SECOND)
    db.run(claim)
    travel(2 * SECOND)
    alone = db.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=LEASE))
    assert alone is not None
    db.run(lambda conn: outcomes.settle(conn, [Settlement(alone, sent(None, SECOND))]))
    assert db.read(queued) == {}
    assert [result for result, *_ in db.read(lambda conn: history(conn, one))] == ["lost", "sent"]


def test_of_many_lost_each_is_claimed_by_one(db: Database, travel: Travel) -> None:
    def write(conn: Connection) -> None:
        for n in range(12):
            person(conn, f"r{n}")
        told(conn, *(f"r{n}" for n in range(12)))

    db.run(write)
    db.run(claim)
    travel(LEASE + SECOND)
    db.run(claim)
    travel(2 * SECOND)
    claimed: list[UUID] = []

    def take() -> None:
        while one := db.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=LEASE)):
            claimed.append(one.delivery_id)

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 12
