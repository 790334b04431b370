"""Holders of slots: when a window begins, and when a slot is free, whatever its deliveries come to and whoever ends them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.delivery import Claim, Outcome, given_back, not_sent, sent
from clarion.edit import Edit
from clarion.errors import Reject, Retry
from clarion.event_type import EventType, declare
from clarion.policy import Cooldown, Policy, Retries
from clarion.recipient import Address
from clarion.slot import HOLDS
from clarion.store import cancelling, outcomes, queue, roster
from clarion.store.database import Database
from clarion.store.outcomes import Settlement
from tests.store.make import CHANNEL, charged, person, queued, slot_rows, told, wait_for_a_lock

SECOND = timedelta(seconds=1)
LEASE = 30 * SECOND
Travel = Callable[[timedelta], None]


def claim(conn: Connection) -> list[Claim]:
    return queue.claim_due(conn, CHANNEL, most=100, each=100, lease=LEASE, after="")


def limited(**options: Any) -> EventType:
    """A type on mail and a pager, told once an hour."""
    policy = Policy(cooldown=Cooldown(hours=1, **options))
    return declare("limited", {"channels": [CHANNEL, "pager"], "policy": policy})


@pytest.fixture
def both(db: Database) -> Database:
    """Bob has a mailbox and a pager."""

    where = (Address(CHANNEL, "b@y.test"), Address("pager", "1"))
    db.run(lambda c: roster.write(c, "default", [Edit(recipient="bob", addresses=where)], create=True))
    return db


def claim_both(db: Database) -> dict[str, Claim]:
    def both(conn: Connection) -> dict[str, Claim]:
        return {
            name: queue.claim_due(conn, name, most=1, each=1, lease=LEASE, after="")[0]
            for name in (CHANNEL, "pager")
        }

    return db.run(both)


FAILED = not_sent(Reject("550"), attempt=1, claim=1, retries=Retries())
SENT = sent(None, SECOND)


def settle(db: Database, *ended: tuple[Any, ...]) -> bool:
    """Whether that freed a slot for which somebody waits."""
    settled = db.run(lambda conn: outcomes.settle(conn, [Settlement(*one) for one in ended]))
    assert settled.lost == set()
    return settled.freed


def test_a_window_begins_when_it_was_sent(both: Database, travel: Travel) -> None:
    both.run(lambda conn: charged(conn, limited(), "bob"))
    (slot,) = both.read(slot_rows)
    assert (slot.until, slot.channels, slot.n) == (None, None, 0)
    claims = claim_both(both)
    assert {claim.slots for claim in claims.values()} == {HOLDS}
    settle(both, (claims[CHANNEL], SENT))
    first = both.read(slot_rows)[0].until
    travel(10 * SECOND)
    settle(both, (claims["pager"], SENT))
    later = both.read(slot_rows)[0].until
    assert later - first >= 10 * SECOND, "counted from what reached them last"


def test_a_slot_is_free_when_nothing_of_its_holder_was_sent(both: Database) -> None:
    both.run(lambda conn: charged(conn, limited(), "bob"))
    claims = claim_both(both)
    assert not settle(both, (claims[CHANNEL], FAILED))
    assert both.read(slot_rows), "the pager may still reach them"
    assert not settle(both, (claims["pager"], FAILED))
    assert both.read(slot_rows) == [], "it stopped nobody"


def test_a_slot_that_stopped_somebody_waits_to_be_filled(both: Database) -> None:
    both.run(lambda conn: charged(conn, limited(), "bob"))
    claims = claim_both(both)
    both.run(lambda conn: charged(conn, limited(), "bob"))
    assert settle(both, (claims[CHANNEL], FAILED), (claims["pager"], FAILED))
    (slot,) = both.read(slot_rows)
    assert slot.freed_at is not None
    assert slot.blocked_since is not None


@pytest.mark.parametrize("first", [SENT, FAILED], ids=["sent first", "failed first"])
def test_one_that_was_sent_is_enough(both: Database, first: Outcome) -> None:
    second = FAILED if first is SENT else SENT
    both.run(lambda conn: charged(conn, limited(), "bob"))
    claims = claim_both(both)
    both.run(lambda conn: charged(conn, limited(), "bob"))
    assert not settle(both, (claims[CHANNEL], first))
    assert not settle(both, (claims["pager"], second))
    (slot,) = both.read(slot_rows)
    assert slot.until is not None
    assert slot.freed_at is None


def test_sent_and_failed_in_one_batch(both: Database) -> None:
    both.run(lambda conn: charged(conn, limited(), "bob"))
    claims = claim_both(both)
    both.run(lambda conn: charged(conn, limited(), "bob"))
    assert not settle(both, (claims[CHANNEL], FAILED), (claims["pager"], SENT))
    assert both.read(slot_rows)[0].until is not None


def test_a_retry_keeps_it(both: Database) -> None:
    both.run(lambda conn: charged(conn, limited(), "bob"))
    claims = claim_both(both)
    retry = not_sent(Retry("busy"), attempt=1, claim=1, retries=Retries())
    settle(both, (claims[CHANNEL], retry), (claims["pager"], FAILED))
    (slot,) = both.read(slot_rows)
    assert (slot.until, slot.freed_at) == (None, None)


def test_each_channel_s_slot_is_its_own(both: Database) -> None:
    both.run(lambda conn: charged(conn, limited(charge="channel"), "bob"))
    claims = claim_both(both)
    both.run(lambda conn: charged(conn, limited(charge="channel"), "bob"))
    assert settle(both, (claims[CHANNEL], FAILED))
    settle(both, (claims["pager"], SENT))
    freed = {tuple(slot.channels): slot.freed_at is not None for slot in both.read(slot_rows)}
    assert freed == {(CHANNEL,): True, ("pager",): False}


def test_what_is_cancelled_frees_its_slot(both: Database) -> None:
    holder = both.run(lambda conn: charged(conn, limited(), "bob"))
    both.run(lambda conn: charged(conn, limited(), "bob"))
    (on_pager,) = both.run(lambda conn: queue.claim_due(conn, "pager", most=1, each=1, lease=LEASE, after=""))
    ended = both.run(lambda conn: cancelling.cancel(conn, [("default", holder)], code="withdrawn"))
    assert ended == 1
    assert both.read(slot_rows)[0].freed_at is None, "the pager is at it"
    assert settle(both, (on_pager, given_back()))
    assert both.read(slot_rows)[0].freed_at is not None


def test_what_was_given_up_after_losses_frees_its_slot(db: Database, travel: Travel) -> None:
    db.run(lambda conn: person(conn, "bob"))
    mailed = declare("limited", {"channels": [CHANNEL], "policy": limited().policy})
    db.run(lambda conn: charged(conn, mailed, "bob"))
    db.run(claim)
    db.run(lambda conn: charged(conn, mailed, "bob"))
    travel(LEASE + SECOND)
    db.run(claim)
    while db.read(queued):
        assert db.read(slot_rows)[0].freed_at is None
        travel(LEASE + 10 * SECOND)
        db.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=LEASE))
    assert db.read(slot_rows)[0].freed_at is not None


def test_a_late_settle_frees_nothing(both: Database, travel: Travel) -> None:
    both.run(lambda conn: charged(conn, limited(), "bob"))
    frozen = claim_both(both)
    travel(LEASE + SECOND)
    both.run(claim)
    settled = both.run(
        lambda conn: outcomes.settle(
            conn, [Settlement(frozen[CHANNEL], FAILED), Settlement(frozen["pager"], FAILED)]
        )
    )
    assert settled.lost == {frozen[CHANNEL].key}
    assert both.read(slot_rows), "of the mail nobody knows yet"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_of_two_siblings_that_fail_at_the_same_time_the_later_frees_it(both: Database) -> None:
    """In two processes, neither of which sees what the other has not committed."""
    both.run(lambda conn: charged(conn, limited(), "bob"))
    claims = claim_both(both)
    both.run(lambda conn: charged(conn, limited(), "bob"))
    freed: list[bool] = []
    with both.engine.begin() as first:
        assert not outcomes.settle(first, [Settlement(claims[CHANNEL], FAILED)]).freed
        second = threading.Thread(target=lambda: freed.append(settle(both, (claims["pager"], FAILED))))
        second.start()
        wait_for_a_lock(both)
    second.join(30)
    assert freed == [True]
    assert both.read(slot_rows)[0].freed_at is not None


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_is_stopped_while_the_holder_ends_is_not_forgotten(both: Database) -> None:
    """Planning holds the slot when settling comes: it must see that somebody waits."""
    both.run(lambda conn: charged(conn, limited(), "bob"))
    claims = claim_both(both)
    freed: list[bool] = []
    with both.engine.begin() as planning:
        charged(planning, limited(), "bob")
        settling = threading.Thread(
            target=lambda: freed.append(settle(both, (claims[CHANNEL], FAILED), (claims["pager"], FAILED)))
        )
        settling.start()
        wait_for_a_lock(both)
    settling.join(30)
    assert freed == [True]


def test_without_slots_settling_asks_nothing_of_them(db: Database) -> None:
    db.run(lambda conn: person(conn, "bob"))
    event = db.run(lambda conn: told(conn, "bob"))
    (held,) = db.run(claim)
    asked: list[str] = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    settle(db, (held, SENT, None, event))
    assert asked
    assert not any("clarion_slots" in statement or "clarion_deliveries" in statement for statement in asked)
