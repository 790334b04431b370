"""Replaying: which deliveries, what it leaves alone, and that each is put back once however many do it at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import clock
from clarion.delivery import Outcome, Result, State, not_sent, sent, suppressed
from clarion.errors import Gone, Reject
from clarion.lane import Lanes
from clarion.policy import Retries
from clarion.slot import OWES
from clarion.store import address_health, ended, outcomes, queue, replaying
from clarion.store.database import Database
from clarion.store.ended import Chosen, Replay
from clarion.store.outcomes import Settlement
from clarion.store.schema import addresses, notifications
from clarion.store.schema import events as events_table
from clarion.store.schema import outcomes as outcomes_table
from tests.store.make import CHANNEL, delivery_ids, history, person, queued, told
from tests.support.replayers import replay_together

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
Travel = Callable[[timedelta], None]
NO = not_sent(Reject("too_large", "10 MB"), attempt=1, claim=1, retries=Retries(()))
ANY = Chosen(tenant="default")


def fail(
    db: Database, *who: str, outcome: Outcome = NO, tenant: str = "default", **fields: Any
) -> list[UUID]:
    """Deliveries of one event to these, in this order, that have come to this end."""

    def write(conn: Connection) -> list[UUID]:
        for id in who:
            person(conn, id, tenant, [f"{id}@x.test"])
        return delivery_ids(conn, told(conn, *who, tenant=tenant, **fields))

    ids = db.run(write)
    settle(db, outcome)
    return ids


def settle(db: Database, outcome: Outcome) -> list[queue.Claim]:
    """Claim all that is due, and let it come to this."""
    lease = timedelta(seconds=30)

    def work(conn: Connection) -> list[queue.Claim]:
        claims = queue.claim_due(conn, CHANNEL, most=1000, each=1000, lease=lease, after="")
        at = {work.claim.delivery_id: work.address_id for work in queue.read_work(conn, claims)}
        outcomes.settle(conn, [Settlement(claim, outcome, at[claim.delivery_id]) for claim in claims])
        return claims

    return db.run(work)


def look(db: Database, chosen: Chosen = ANY) -> Replay:
    return db.read(lambda conn: ended.preview(conn, chosen))


def put_back(db: Database, chosen: Chosen = ANY, *, most: int = 100, by: str | None = None) -> int:
    """All of these, so many at a time."""
    upto, after, done = look(db, chosen).at, ended.START, 0
    while keys := db.read(
        lambda conn, after=after: ended.keys(conn, chosen, upto=upto, after=after, most=most)
    ):
        done += db.run(lambda conn, keys=keys: replaying.put_back(conn, chosen, keys, lanes=Lanes({}), by=by))
        after = (keys[-1].at, keys[-1].delivery)
    return done


def ready(db: Database, **said: Any) -> int:
    return look(db, Chosen(**{"tenant": "default", **said})).ready


# ── What it does ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_has_failed_waits_again_with_all_its_attempts(db: Database) -> None:
    (id,) = fail(db, "bob")
    assert db.read(queued) == {}
    assert put_back(db, by="alice") == 1
    row = db.read(queued)[id]
    assert (row.attempts, row.losses, row.lease_until, row.cancelled) == (0, 0, None, False)
    assert (row.channel, row.lane, row.slots, row.aged_from) == (CHANNEL, "default", OWES, None)
    assert db.read(lambda conn: history(conn, id)) == [
        ("failed", False, "too_large"),
        ("replayed", False, None),
    ]
    (claim,) = settle(db, sent("taken", SECOND))
    assert (claim.delivery_id, claim.attempts) == (id, 0)
    assert db.read(lambda conn: history(conn, id))[-1] == ("sent", True, None)
    assert put_back(db) == 0, "what was sent is not tried again"
    said = db.read(
        lambda conn: conn.execute(sa.select(outcomes_table.c.detail, outcomes_table.c.attempt)).all()
    )
    assert ("by alice", 0) in [(row.detail, row.attempt) for row in said]


def test_again_and_again_its_outcomes_never_collide(db: Database) -> None:
    (id,) = fail(db, "bob")
    for _ in range(5):
        assert put_back(db) == 1
        settle(db, NO)
    every = db.read(lambda conn: history(conn, id))
    assert [result for result, *_ in every] == ["failed", "replayed"] * 5 + ["failed"]
    assert [final for _, final, _ in every] == [False] * 10 + [True]


def test_who_settles_the_claim_of_before_once_more_changes_nothing(db: Database) -> None:
    """As a worker does whose commit was not confirmed to it."""
    (id,) = fail(db, "bob")
    put_back(db)
    (claim,) = settle(db, NO)
    put_back(db)
    stale = Settlement(claim, sent("late", SECOND))
    assert db.run(lambda conn: outcomes.settle(conn, [stale])).lost == {("default", id)}
    assert set(db.read(queued)) == {id}


def test_what_may_have_killed_a_worker_is_claimed_alone(db: Database) -> None:
    (id,) = fail(db, "bob", outcome=Outcome(result=Result.FAILED, code="lease_lost"))
    put_back(db)
    lease = timedelta(seconds=30)
    assert settle(db, NO) == []
    alone = db.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=lease))
    assert alone is not None
    assert alone.delivery_id == id


def test_many_go_in_pages_each_once(db: Database) -> None:
    ids = fail(db, *(f"r{n:02}" for n in range(25)))
    assert put_back(db, most=4) == 25
    assert set(db.read(queued)) == set(ids)


# ── Which ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_filters(db: Database, travel: Travel) -> None:
    (one,) = fail(db, "bob", subject="a")
    travel(timedelta(hours=1))
    later = clock.now()
    (two,) = fail(db, "carol", outcome=not_sent(Reject("550"), attempt=1, claim=1, retries=Retries(())))
    (gone,) = fail(db, "dave", outcome=suppressed("consent"))
    fail(db, "bob", tenant="other")
    assert ready(db) == 2
    assert ready(db, tenant="other") == 1
    assert ready(db, channel=CHANNEL) == 2
    assert ready(db, channel="sms") == 0
    assert ready(db, type="cl.merged") == 2
    assert ready(db, type="cl.other") == 0
    assert ready(db, recipient="bob") == 1
    assert ready(db, code="550") == 1
    assert ready(db, since=later) == 1
    assert ready(db, until=later) == 1
    assert ready(db, since=later, code="too_large") == 0
    assert ready(db, states=(State.SUPPRESSED,)) == 1
    assert ready(db, states=(State.FAILED, State.SUPPRESSED)) == 3
    assert ready(db, deliveries=(one, two)) == 2
    found = look(db, Chosen(tenant="default", deliveries=(two, gone, UUID(int=1))))
    assert (found.ready, found.missing) == (1, (gone, UUID(int=1)))
    ((sample,),) = (group.sample for group in look(db, Chosen(tenant="default", recipient="bob")).groups)
    event = sample.event
    assert ready(db, event=event) == 1
    assert put_back(db, Chosen(tenant="default", event=event)) == 1
    assert set(db.read(queued)) == {one}
    assert put_back(db, Chosen(tenant="default", states=(State.SUPPRESSED,))) == 1
    assert set(db.read(queued)) == {one, gone}


def test_what_failed_after_one_looked_is_left_alone(db: Database, travel: Travel) -> None:
    fail(db, "bob")
    seen = look(db).at
    travel(SECOND)
    fail(db, "carol")
    keys = db.read(lambda conn: ended.keys(conn, ANY, upto=seen, after=ended.START, most=10))
    assert len(keys) == 1


def test_the_preview_counts_those_that_ended_alike_and_names_the_newest(db: Database, travel: Travel) -> None:
    last = []
    for n in range(5):
        travel(SECOND)
        last += fail(db, f"r{n}")
    fail(db, "carol", "dave", outcome=not_sent(Reject("550"), attempt=1, claim=1, retries=Retries(())))
    large, small = look(db).groups
    assert (large.channel, large.state, large.code, large.refused) == (
        CHANNEL,
        State.FAILED,
        "too_large",
        None,
    )
    assert (large.deliveries, small.deliveries) == (5, 2)
    assert [one.id for one in large.sample] == last[:1:-1]
    assert [(one.recipient, one.type) for one in large.sample] == [(f"r{n}", "cl.merged") for n in (4, 3, 2)]
    assert db.read(queued) == {}


# ── What is left alone ───────────────────────────────────────────────────────────────────────────────────


def test_a_dead_address_is_left_alone_until_it_is_revived(db: Database) -> None:
    dead = not_sent(Gone("550", "no such user"), attempt=1, claim=1, retries=Retries(()))
    fail(db, "bob", outcome=dead)
    found = look(db)
    assert (found.ready, found.refused) == (0, {"address_gone": 1})
    assert put_back(db) == 0
    (id,) = db.read(lambda conn: conn.execute(sa.select(addresses.c.id)).scalars().all())
    assert db.run(lambda conn: address_health.revive(conn, "default", id)) is True
    assert db.run(lambda conn: address_health.revive(conn, "default", id)) is False
    assert db.run(lambda conn: address_health.revive(conn, "other", id)) is None
    assert put_back(db) == 1
    settle(db, dead)
    assert look(db).refused == {"address_gone": 1}, "marked again"


def test_an_address_that_was_removed(db: Database) -> None:
    fail(db, "bob")
    db.run(lambda conn: person(conn, "bob", addresses=["new@x.test"]))
    assert look(db).refused == {"address_removed": 1}
    assert put_back(db) == 0


@pytest.mark.parametrize("table", [notifications, events_table], ids=["notification", "event"])
@pytest.mark.parametrize(("column", "why"), [("withdrawn_at", "withdrawn"), ("resolved_at", "resolved")])
def test_what_was_taken_back(db: Database, table: sa.Table, column: str, why: str) -> None:
    fail(db, "bob")
    db.run(lambda conn: conn.execute(sa.update(table).values({column: clock.now()})))
    assert look(db).refused == {why: 1}
    assert put_back(db) == 0


def test_what_is_too_old_and_how_it_is_young_again(db: Database, travel: Travel) -> None:
    (id,) = fail(db, "bob")
    fail(db, "carol", expires_at=clock.now() + DAY)
    travel(4 * DAY)
    found = look(db)
    assert (found.ready, found.refused) == (0, {"past_max_age": 1, "expired": 1})
    assert put_back(db) == 0
    anyhow = Chosen(tenant="default", past_max_age=True)
    assert look(db, anyhow).refused == {"expired": 1}, "its event itself says so"
    assert put_back(db, anyhow) == 1
    row = db.read(queued)[id]
    assert row.aged_from is not None
    assert abs(row.aged_from - clock.now()) < timedelta(seconds=10)


def test_nothing_that_waits_or_was_sent(db: Database) -> None:
    fail(db, "bob", outcome=sent(None, SECOND))

    def waits(conn: Connection) -> None:
        person(conn, "carol")
        told(conn, "carol")

    db.run(waits)
    assert look(db).groups == ()
    assert put_back(db) == 0


# ── Side by side ─────────────────────────────────────────────────────────────────────────────────────────


def test_two_replays_at_once_put_each_back_once(db: Database, database_url: str) -> None:
    ids = fail(db, *(f"r{n:03}" for n in range(200)))
    done = replay_together(database_url, 3, CHANNEL)
    assert sum(done) == 200
    assert set(db.read(queued)) == set(ids)
    rows = db.read(lambda conn: conn.execute(sa.select(outcomes_table.c.result)).scalars().all())
    assert (rows.count("failed"), rows.count("replayed")) == (200, 200)
