"""What became of deliveries: settling, fenced, and cancelling."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.delivery import Claim, Outcome, given_back, not_sent, sent
from clarion.errors import Gone, Reject, Retry
from clarion.policy import Retries
from clarion.store import cancelling, outcomes, queue
from clarion.store.database import Database
from clarion.store.outcomes import Settlement
from clarion.store.schema import addresses, notifications
from clarion.store.schema import queue as queue_table
from tests.store.make import (
    CHANNEL,
    delivery_ids,
    history,
    keys,
    person,
    queued,
    told,
    wait_for_a_lock,
)

SECOND = timedelta(seconds=1)
LEASE = 30 * SECOND
Travel = Callable[[timedelta], None]


def claim(conn: Connection, *, most: int = 100) -> list[Claim]:
    return queue.claim_due(conn, CHANNEL, most=most, each=most, lease=LEASE, after="")


@pytest.fixture
def one(db: Database) -> UUID:
    """A delivery that waits."""

    def write(conn: Connection) -> UUID:
        person(conn, "bob")
        (id,) = delivery_ids(conn, told(conn, "bob"))
        return id

    return db.run(write)


# ── Settling ─────────────────────────────────────────────────────────────────────────────────────────────


def test_sent_is_the_end(db: Database, one: UUID) -> None:
    (held,) = db.run(claim)
    assert (
        db.run(lambda conn: outcomes.settle(conn, [Settlement(held, sent("receipt", SECOND))])).lost == set()
    )
    assert db.read(queued) == {}
    assert db.read(lambda conn: history(conn, one)) == [("sent", True, None)]


def test_a_retry_waits_and_counts(db: Database, one: UUID, travel: Travel) -> None:
    (held,) = db.run(claim)
    outcome = not_sent(Retry("busy"), attempt=1, claim=1, retries=Retries((10 * SECOND,), jitter=0))
    db.run(lambda conn: outcomes.settle(conn, [Settlement(held, outcome)]))
    row = db.read(queued)[one]
    assert (row.attempts, row.losses, row.lease_until) == (1, 0, None)
    travel(11 * SECOND)
    (again,) = db.run(claim)
    assert (again.attempts, again.fence) == (1, 2)


def test_what_is_given_back_costs_nothing_and_is_due_at_once(db: Database, one: UUID) -> None:
    (held,) = db.run(claim)
    db.run(lambda conn: outcomes.settle(conn, [Settlement(held, given_back())]))
    (again,) = db.run(claim)
    assert (again.delivery_id, again.attempts, again.losses) == (one, 0, 0)


def test_a_dead_address_is_dead_for_all(db: Database, one: UUID) -> None:
    (held,) = db.run(claim)
    address = db.read(lambda conn: conn.execute(sa.select(addresses)).one())
    outcome = not_sent(Gone("550", "no such user"), attempt=1, claim=1, retries=Retries())
    db.run(lambda conn: outcomes.settle(conn, [Settlement(held, outcome, address.id)]))
    address = db.read(lambda conn: conn.execute(sa.select(addresses)).one())
    assert address.gone_at is not None
    assert address.gone_reason == "no such user"
    assert db.read(lambda conn: history(conn, one)) == [("failed", True, "550")]


def test_a_batch_of_all_outcomes_is_settled_together(db: Database) -> None:
    def write(conn: Connection) -> None:
        for n in range(30):
            person(conn, f"r{n}")
        told(conn, *(f"r{n}" for n in range(30)))

    db.run(write)
    claims = db.run(claim)
    retries = Retries((10 * SECOND,))
    ends = [
        sent(None, SECOND),
        not_sent(Reject("552"), attempt=1, claim=1, retries=retries),
        not_sent(Retry("busy"), attempt=1, claim=1, retries=retries),
    ]
    batch = [Settlement(claim, ends[n % 3]) for n, claim in enumerate(claims)]
    assert db.run(lambda conn: outcomes.settle(conn, batch)).lost == set()
    left = db.read(queued)
    assert set(left) == keys([s.claim for s in batch if not s.outcome.final])
    for s in batch:
        ((result, final, _),) = db.read(lambda conn, s=s: history(conn, s.claim.delivery_id))
        assert (result, final) == (s.outcome.result, s.outcome.final)


def test_a_late_settle_changes_nothing_and_is_reported(db: Database, one: UUID, travel: Travel) -> None:
    (frozen,) = db.run(claim)
    travel(LEASE + SECOND)
    assert db.run(claim) == []  # it is put to rest, its loss counted
    travel(5 * SECOND)
    alone = db.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=LEASE))
    assert alone is not None
    assert alone.fence > frozen.fence
    before = db.read(queued)
    for late in (
        sent("late", SECOND),
        given_back(),
        not_sent(Retry("x"), attempt=1, claim=1, retries=Retries()),
    ):
        lost = db.run(lambda conn, late=late: outcomes.settle(conn, [Settlement(frozen, late)]))
        assert lost.lost == {("default", one)}
        assert db.read(queued) == before
        assert db.read(lambda conn: history(conn, one)) == [("lost", False, "lease_lost")]
    assert db.run(lambda conn: outcomes.settle(conn, [Settlement(alone, sent("r", SECOND))])).lost == set()
    assert db.read(lambda conn: history(conn, one)) == [("lost", False, "lease_lost"), ("sent", True, None)]
    assert db.run(lambda conn: outcomes.settle(conn, [Settlement(alone, sent("again", SECOND))])).lost == {
        ("default", one)
    }


def test_a_late_settle_that_nobody_overtook_still_counts(db: Database, one: UUID, travel: Travel) -> None:
    (held,) = db.run(claim)
    travel(10 * LEASE)
    assert db.run(lambda conn: outcomes.settle(conn, [Settlement(held, sent("r", SECOND))])).lost == set()
    assert db.read(lambda conn: history(conn, one)) == [("sent", True, None)]


def test_one_stale_settlement_spoils_no_batch(db: Database, one: UUID, travel: Travel) -> None:
    (frozen,) = db.run(claim)
    travel(LEASE + SECOND)
    db.run(claim)

    def write(conn: Connection) -> UUID:
        person(conn, "carol")
        (id,) = delivery_ids(conn, told(conn, "carol"))
        return id

    fresh = db.run(write)
    (mine,) = db.run(claim)
    batch = [Settlement(frozen, sent(None, SECOND)), Settlement(mine, sent(None, SECOND))]
    assert db.run(lambda conn: outcomes.settle(conn, batch)).lost == {("default", one)}
    assert set(db.read(queued)) == {one}
    assert db.read(lambda conn: history(conn, fresh)) == [("sent", True, None)]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("outcome", [sent("r", SECOND), given_back()], ids=["sent", "given back"])
def test_a_row_that_is_marked_while_it_is_settled_is_no_lost_lease(
    db: Database, one: UUID, outcome: Outcome
) -> None:
    """The mark moves the row: settling must find it where it lies now."""
    (held,) = db.run(claim)
    settled: list[set[tuple[str, UUID]]] = []
    with db.engine.begin() as other:
        other.execute(sa.update(queue_table).values(cancelled=True, cancel_code="withdrawn"))
        settling = threading.Thread(
            target=lambda: settled.append(
                db.run(lambda conn: outcomes.settle(conn, [Settlement(held, outcome)])).lost
            )
        )
        settling.start()
        wait_for_a_lock(db)
    settling.join(30)
    assert settled == [set()]
    assert db.read(queued) == {}
    expected = ("sent", True, None) if outcome.final else ("cancelled", True, "withdrawn")
    assert db.read(lambda conn: history(conn, one)) == [expected]


# ── Cancelling ───────────────────────────────────────────────────────────────────────────────────────────


def cancel(db: Database, *, code: str = "withdrawn") -> int:
    """Cancel all there is."""

    def write(conn: Connection) -> int:
        told = conn.execute(sa.select(notifications.c.tenant, notifications.c.id)).all()
        return cancelling.cancel(conn, [(tenant, id) for tenant, id in told], code=code, detail="gone")

    return db.run(write)


def test_what_waits_is_cancelled(db: Database, one: UUID) -> None:
    assert cancel(db) == 1
    assert db.read(queued) == {}
    assert db.read(lambda conn: history(conn, one)) == [("cancelled", True, "withdrawn")]
    assert cancel(db) == 0
    assert db.run(lambda conn: cancelling.cancel(conn, [], code="withdrawn")) == 0


def test_a_cancelled_retry_has_an_outcome_of_its_own(db: Database, one: UUID) -> None:
    (held,) = db.run(claim)
    outcome = not_sent(Retry("busy"), attempt=1, claim=1, retries=Retries((10 * SECOND,)))
    db.run(lambda conn: outcomes.settle(conn, [Settlement(held, outcome)]))
    assert cancel(db) == 1
    ended = [("retry", False, "busy"), ("cancelled", True, "withdrawn")]
    assert db.read(lambda conn: history(conn, one)) == ended


@pytest.mark.parametrize(
    ("outcome", "ended"),
    [
        (sent("r", SECOND), ("sent", True, None)),
        (given_back(), ("cancelled", True, "withdrawn")),
        (not_sent(Retry("busy"), attempt=1, claim=1, retries=Retries()), ("cancelled", True, "withdrawn")),
        (not_sent(Reject("552"), attempt=1, claim=1, retries=Retries()), ("cancelled", True, "withdrawn")),
    ],
    ids=["sent", "given back", "retry", "failed"],
)
def test_what_is_being_sent_is_marked_and_ends_with_that_attempt(
    db: Database, one: UUID, outcome: Outcome, ended: tuple[str, bool, str | None]
) -> None:
    (held,) = db.run(claim)
    assert cancel(db) == 0
    assert db.read(queued)[one].cancelled
    assert db.run(lambda conn: outcomes.settle(conn, [Settlement(held, outcome)])).lost == set()
    assert db.read(queued) == {}
    assert db.read(lambda conn: history(conn, one)) == [ended]


def test_what_was_cancelled_in_the_hands_of_a_dead_worker_is_not_sent_again(
    db: Database, one: UUID, travel: Travel
) -> None:
    db.run(claim)
    cancel(db)
    travel(LEASE + SECOND)
    assert db.run(claim) == []
    assert db.read(queued) == {}
    assert db.read(lambda conn: history(conn, one)) == [("cancelled", True, "withdrawn")]


def test_what_lost_its_lease_is_cancelled_at_once(db: Database, one: UUID, travel: Travel) -> None:
    (frozen,) = db.run(claim)
    travel(LEASE + SECOND)
    assert cancel(db) == 1
    late = db.run(lambda conn: outcomes.settle(conn, [Settlement(frozen, sent(None, SECOND))]))
    assert late.lost == {("default", one)}
    assert db.read(lambda conn: history(conn, one)) == [("cancelled", True, "withdrawn")]


def test_many_are_given_back_together_and_each_under_its_own_claim(db: Database) -> None:
    def write(conn: Connection) -> None:
        who = [f"p{n}" for n in range(6)]
        for id in who:
            person(conn, id)
        told(conn, *who)

    db.run(write)
    claims = db.run(claim)
    lost = sa.update(queue_table).where(queue_table.c.delivery_id == claims[0].delivery_id)
    db.run(lambda conn: conn.execute(lost.values(claims=queue_table.c.claims + 1)))
    retry = not_sent(Retry("busy"), attempt=1, claim=1, retries=Retries((10 * SECOND,), jitter=0))
    came_to = [given_back()] * 4 + [retry] * 2
    ended = [Settlement(one, outcome) for one, outcome in zip(claims, came_to, strict=True)]
    settled = db.run(lambda conn: outcomes.settle(conn, ended))
    assert settled.lost == {claims[0].key}
    rows = db.read(queued)
    assert rows[claims[0].delivery_id].lease_until is not None
    assert [rows[one.delivery_id].lease_until for one in claims[1:]] == [None] * 5
    assert [rows[one.delivery_id].attempts for one in claims] == [0, 0, 0, 0, 1, 1]
    assert {one.delivery_id for one in db.run(claim)} == {one.delivery_id for one in claims[1:4]}
