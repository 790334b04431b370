"""Slots as rows: taking, taking again, blocking; under the lock of the recipient; at the same cost for ever."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import clock, ids
from clarion.event_type import EventType, declare
from clarion.policy import Cooldown, Policy, Throttle
from clarion.store import inserting, slots
from clarion.store.database import Database
from clarion.store.schema import slots as table
from tests.store.make import CHANNEL, charged, person, queued, slot_rows, wait_for_a_lock

MINUTE = timedelta(minutes=1)
Travel = Callable[[timedelta], None]


def limited(*channels: str, **rules: Any) -> EventType:
    return declare("limited", {"channels": channels or (CHANNEL,), "policy": Policy(**rules)})


ONCE = limited(cooldown=Cooldown(minutes=15))


@pytest.fixture
def bob(db: Database) -> str:
    db.run(lambda conn: person(conn, "bob"))
    return "bob"


def decide(db: Database, type: EventType = ONCE, **fields: Any) -> bool:
    """Whether a new event of this type is sent to bob, or waits to be."""
    before = len(db.read(queued))
    db.run(lambda conn: charged(conn, type, "bob", **fields))
    return len(db.read(queued)) > before


def sent(db: Database, until: timedelta) -> None:
    """All that hold a slot were sent, and their windows end then."""
    db.run(
        lambda conn: conn.execute(
            sa.update(table).where(table.c.until.is_(None)).values(until=clock.now() + until)
        )
    )


def test_a_slot_is_taken_once(db: Database, bob: str) -> None:
    assert [decide(db) for _ in range(3)] == [True, False, False]
    (slot,) = db.read(slot_rows)
    assert (slot.recipient, slot.n, slot.until, slot.freed_at) == ("bob", 0, None, None)
    assert slot.window_ms == 15 * 60 * 1000
    assert slot.key == "cooldown 1/900s type=limited"


def test_what_is_over_is_used_again_and_nothing_grows(db: Database, bob: str, travel: Travel) -> None:
    for _ in range(5):
        assert decide(db)
        sent(db, 15 * MINUTE)
        assert not decide(db)
        travel(16 * MINUTE)
    assert len(db.read(slot_rows)) == 1


def test_who_was_stopped_in_an_earlier_window_does_not_wait_for_the_next_holder(
    db: Database, bob: str, travel: Travel
) -> None:
    decide(db)
    sent(db, 15 * MINUTE)
    decide(db)
    assert db.read(slot_rows)[0].blocked_since is not None
    travel(16 * MINUTE)
    assert decide(db)
    assert db.read(slot_rows)[0].blocked_since is None


def test_who_waits_for_a_free_slot_waits_for_whoever_takes_it(db: Database, bob: str, travel: Travel) -> None:
    decide(db)
    decide(db)
    since = db.read(slot_rows)[0].blocked_since
    db.run(lambda conn: conn.execute(sa.update(table).values(freed_at=clock.now())))
    travel(MINUTE)
    assert decide(db), "a free slot stops nobody"
    (slot,) = db.read(slot_rows)
    assert (slot.freed_at, slot.blocked_since) == (None, since)


def test_the_first_that_it_stopped_is_what_a_slot_remembers(db: Database, bob: str, travel: Travel) -> None:
    decide(db)
    decide(db)
    since = db.read(slot_rows)[0].blocked_since
    travel(MINUTE)
    decide(db)
    assert db.read(slot_rows)[0].blocked_since == since
    earlier = since - MINUTE
    key = ("default", "bob", db.read(slot_rows)[0].key)

    def block(conn: Connection) -> None:
        slots.read(conn, [key], clock.now())
        slots.block(conn, [key], earlier)

    db.run(block)
    assert db.read(slot_rows)[0].blocked_since == earlier


def test_a_throttle_has_so_many_of_each_severity_and_lower_ones_count_none(db: Database, bob: str) -> None:
    type = limited(throttle=Throttle(2, hours=1))
    told = [
        decide(db, type, severity=severity) for severity in ("info", "urgent", "info", "urgent", "urgent")
    ]
    assert told == [True, True, False, True, False]
    assert [(slot.severity, slot.n) for slot in db.read(slot_rows)] == [(0, 0), (3, 0), (3, 1)]


def test_what_reaches_the_inbox_begins_its_window_at_once(db: Database, bob: str) -> None:
    db.run(lambda conn: charged(conn, limited("inbox", CHANNEL, cooldown=Cooldown(minutes=15)), "bob"))
    (slot,) = db.read(slot_rows)
    assert slot.until - slot.taken_at == 15 * MINUTE


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_two_that_plan_for_one_recipient_take_turns(db: Database, bob: str) -> None:
    done: list[bool] = []
    with db.engine.begin() as first:
        charged(first, ONCE, "bob")
        second = threading.Thread(target=lambda: done.append(bool(db.run(lambda c: charged(c, ONCE, "bob")))))
        second.start()
        wait_for_a_lock(db)
    second.join(30)
    assert done
    assert len(db.read(queued)) == 1
    (slot,) = db.read(slot_rows)
    assert slot.blocked_since is not None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_decision_costs_the_same_after_ten_and_after_a_hundred_thousand(db: Database, bob: str) -> None:
    """In steps of SQLite's own machine, so that nothing but the statements is measured."""
    for _ in range(10):
        decide(db)
    few = steps(db)
    columns = ("tenant", "recipient", "key", "severity", "n", "holder", "window_ms", "taken_at", "until")
    now = clock.now()
    past = [("default", "bob", f"old {n}", 0, 0, ids.uuid7(), 1000, now, now) for n in range(100_000)]
    db.run(lambda conn: inserting.many(conn, table, columns, past))
    assert steps(db) <= few * 1.1


def steps(db: Database) -> int:
    """How many, to decide on one event."""
    counted = 0

    def one() -> int:
        nonlocal counted
        counted += 1
        return 0

    def work(conn: Connection) -> None:
        raw = conn.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.set_progress_handler(one, 1)
        charged(conn, ONCE, "bob")
        raw.set_progress_handler(None, 0)

    db.run(work)
    return counted
