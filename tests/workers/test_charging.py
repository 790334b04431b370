"""Charging what was held: it takes a slot before it is sent, once, or waits on and is woken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from clarion import Clarion, Cooldown, Policy, Reject, Retries, Throttle
from clarion.delivery import LEASE, Claim, Outcome, Result, not_sent, sent
from clarion.slot import FREE, HOLDS, OWES
from clarion.store import outcomes, queue
from clarion.store.outcomes import Settlement
from clarion.store.queue import Work
from clarion.store.schema import queue as queue_table
from clarion.workers import asking, charging
from clarion.workers.asking import Ready
from tests.store.make import charged, history, queued, slot_rows
from tests.support.working import Wire
from tests.workers.conftest import Make

HOUR = timedelta(hours=1)
SENT = sent(None, timedelta())
FAILED = not_sent(Reject("550"), attempt=1, claim=1, retries=Retries())
HELD = Policy(throttle=Throttle(1, hours=1, overflow="hold"))


@pytest.fixture
def clarion(make: Make) -> Clarion:
    made = make(Wire(), Wire(name="pager"))
    made.type("held", channels=["wire", "pager"], policy=HELD)
    made.type("each", channels=["wire", "pager"], policy=Policy(
        throttle=Throttle(1, hours=1, overflow="hold", charge="channel"))
    )  # fmt: skip
    made.type("both", channels=["wire"], policy=Policy(
        cooldown=Cooldown(hours=1, key="subject"), throttle=Throttle(1, hours=1, overflow="hold"))
    )  # fmt: skip
    made.start()
    made.recipients.upsert("bob", addresses={"wire": ["b@a.test", "c@a.test"], "pager": "1"})
    return made


def decide(clarion: Clarion, type: str = "held", **fields: Any) -> UUID:
    return clarion.database.run(lambda conn: charged(conn, clarion.types[type], "bob", **fields))


def claim(clarion: Clarion, channel: str = "wire") -> list[Claim]:
    return clarion.database.run(
        lambda conn: queue.claim_due(conn, channel, most=9, each=9, lease=LEASE, after="")
    )


def charge(
    clarion: Clarion, claims: Sequence[Claim], channel: str = "wire"
) -> tuple[list[Ready], list[tuple[Work, Outcome]]]:
    """Ask and charge them as a sender does."""
    read = clarion.database.read(lambda conn: asking.read(conn, claims, clarion.types, {}))
    (group,) = read.groups
    ready, refused = asking.ask(group, channel)
    assert not refused
    return clarion.database.run(lambda conn: charging.charge(conn, group, channel, ready))


def settle(clarion: Clarion, *ended: tuple[Claim, Outcome]) -> None:
    clarion.database.run(lambda conn: outcomes.settle(conn, [Settlement(*one) for one in ended]))


def kinds(clarion: Clarion) -> dict[str, set[int]]:
    """What the rows in the queue have to do with slots, by channel."""
    found: dict[str, set[int]] = {}
    for row in clarion.database.read(queued).values():
        found.setdefault(row.channel, set()).add(row.slots)
    return found


def send_the_first(clarion: Clarion, type: str = "held", **fields: Any) -> None:
    """A holder, sent everywhere."""
    decide(clarion, type, **fields)
    for channel in ("wire", "pager"):
        settle(clarion, *((one, SENT) for one in claim(clarion, channel)))


def test_what_found_no_room_owes_a_slot_and_is_due_when_there_may_be(clarion: Clarion) -> None:
    send_the_first(clarion)
    decide(clarion)
    assert kinds(clarion) == {"wire": {OWES}, "pager": {OWES}}
    assert claim(clarion) == []
    (slot,) = clarion.database.read(slot_rows)
    assert {row.due_at for row in clarion.database.read(queued).values()} == {slot.until}


def test_one_slot_for_all_deliveries_of_a_notification(clarion: Clarion, travel: Any) -> None:
    send_the_first(clarion)
    second = decide(clarion)
    travel(HOUR + timedelta(seconds=1))
    ready, refused = charge(clarion, claim(clarion))
    assert (len(ready), refused) == (2, [])
    assert {one.work.claim.slots for one in ready} == {HOLDS}
    assert kinds(clarion) == {"wire": {HOLDS}, "pager": {OWES}}
    ready, _ = charge(clarion, claim(clarion, "pager"), "pager")
    assert len(ready) == 1, "its notification holds the slot already"
    (slot,) = clarion.database.read(slot_rows)
    assert (slot.holder, slot.until) == (second, None)


def test_of_two_that_owe_one_pays_and_the_other_waits_for_it(clarion: Clarion, travel: Any) -> None:
    send_the_first(clarion)
    notifications = {decide(clarion), decide(clarion)}
    travel(HOUR + timedelta(seconds=1))
    claims = claim(clarion)
    works = clarion.database.read(lambda conn: queue.read_work(conn, claims))
    paid = []
    for id in notifications:
        mine = [work.claim for work in works if work.notification_id == id]
        ready, refused = charge(clarion, mine)
        assert not refused, "what waits was put back already"
        paid.append(len(ready))
    assert sorted(paid) == [0, 2]
    waiting = [row for row in clarion.database.read(queued).values() if row.channel == "wire"]
    assert sorted(row.slots for row in waiting) == [HOLDS, HOLDS, OWES, OWES]
    (slot,) = clarion.database.read(slot_rows)
    assert slot.blocked_since is not None
    held = next(row for row in waiting if row.slots == OWES)
    assert clarion.database.read(lambda conn: history(conn, held.delivery_id)) == [
        ("held", False, "throttle")
    ]
    assert (held.lease_until, held.attempts) == (None, 0)


def test_each_channel_pays_for_itself(clarion: Clarion, travel: Any) -> None:
    send_the_first(clarion, "each")
    decide(clarion, "each")
    travel(HOUR + timedelta(seconds=1))
    charge(clarion, claim(clarion))
    slots = clarion.database.read(slot_rows)
    assert {tuple(slot.channels): slot.until is None for slot in slots} == {
        ("wire",): True,
        ("pager",): False,
    }


def test_a_claim_that_was_lost_meanwhile_takes_nothing(clarion: Clarion, travel: Any) -> None:
    send_the_first(clarion)
    decide(clarion)
    travel(HOUR + timedelta(seconds=1))
    claims = claim(clarion)
    clarion.database.run(
        lambda conn: conn.execute(sa.update(queue_table).values(claims=queue_table.c.claims + 1))
    )
    ready, refused = charge(clarion, claims)
    assert ready == []
    assert {outcome.result for _, outcome in refused} == {Result.GIVEN_BACK}
    (slot,) = clarion.database.read(slot_rows)
    assert slot.until is not None, "still the first one's"
    assert kinds(clarion)["wire"] == {OWES}


def test_the_cooldown_on_the_way_out_refuses_for_good_only_once_somebody_was_told(
    clarion: Clarion, travel: Any
) -> None:
    clarion.recipients.upsert("bob", addresses={"wire": "b@a.test"})
    decide(clarion, "both", subject="x")
    settle(clarion, (claim(clarion)[0], SENT))
    for _ in range(3):
        decide(clarion, "both", subject="y")
    travel(HOUR + timedelta(seconds=1))
    first, second, third = sorted(claim(clarion), key=lambda one: one.delivery_id.bytes)
    (paid,), _ = charge(clarion, [first])
    assert charge(clarion, [second]) == ([], []), "waits for what becomes of the first"
    settle(clarion, (paid.work.claim, SENT))
    ready, ((_, outcome),) = charge(clarion, [third])
    assert (ready, outcome.result, outcome.code) == ([], Result.SUPPRESSED, "cooldown")


def test_what_is_not_charged_is_free(clarion: Clarion) -> None:
    clarion.type("exempt", channels=["wire"], policy=Policy(throttle=Throttle(1, hours=1, exempt="info")))
    clarion.start()
    decide(clarion, "exempt")
    assert kinds(clarion) == {"wire": {FREE}}
    assert clarion.database.read(slot_rows) == []
