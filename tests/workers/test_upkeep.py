"""Upkeep in running workers: what is taken back is cancelled promptly, whoever does it and whatever else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion, Escalation, Event, Policy, Retries, Retry, clock
from clarion.message import Message
from clarion.recipient import Address
from clarion.severity import Severity
from clarion.store.schema import conditions, events, notifications, outcomes, queue, withdrawals
from tests.support.working import (
    Wire,
    count,
    crowd,
    done,
    emit,
    ends,
    gate,
    no_duplicates,
    people,
    results,
    subscribed,
    until,
    working,
)
from tests.workers.conftest import Make

pytestmark = pytest.mark.anyio

PATIENT = Retries(waits=(timedelta(hours=1),))
TO_ALL: dict[str, Any] = {"to": ["ann", "bob"], "subject": "cl/1"}


async def _later(_message: Message, _address: Address) -> None:
    raise Retry("busy")


@pytest.fixture
def make_later(make: Make) -> Make:
    """As `make`, with a type `note` whose deliveries wait long when they did not arrive."""

    def application(*channels: Any, **limited: Any) -> Clarion:
        clarion = make(*channels, **limited)
        del clarion.types["note"]
        clarion.type("note", channels=["inbox", "wire"], policy=Policy(retries=PATIENT))
        return clarion

    return application


def run(clarion: Clarion, work: Callable[[sa.Connection], object]) -> None:
    clarion.database.run(work)


def applied(clarion: Clarion) -> bool:
    return not count(clarion, withdrawals, withdrawals.c.applied_at.is_(None))


async def test_what_waits_is_cancelled_and_leaves_the_inbox(make_later: Make) -> None:
    clarion = make_later(Wire(_later))
    people(clarion, "ann", "bob")
    async with working(clarion):
        gone, kept = emit(clarion, "note", **TO_ALL), emit(clarion, "note", to=["ann"], subject="cl/2")
        await until(lambda: results(clarion, final=False)["retry"] == 3)
        run(clarion, lambda conn: clarion.withdraw(conn, "cl/1", "ann"))
        await until(lambda: ends(clarion, gone, "ann") == ("cancelled", "withdrawn"))
        assert ends(clarion, gone, "bob")[0] == "waiting"
        assert [item.event.id for item in clarion.inbox.list("ann").items] == [kept]
        run(clarion, lambda conn: clarion.withdraw(conn, "cl/1"))
        await until(lambda: ends(clarion, gone, "bob") == ("cancelled", "withdrawn"))
        assert clarion.inbox.list("bob").items == []
        assert ends(clarion, kept, "ann")[0] == "waiting"
        await until(lambda: applied(clarion))
    no_duplicates(clarion)


async def test_what_has_ended_is_cancelled_and_stays_in_the_inbox(make_later: Make) -> None:
    clarion = make_later(Wire(_later))
    people(clarion, "ann", "bob")
    async with working(clarion):
        event = emit(clarion, "note", **TO_ALL, condition="disk/1")
        await until(lambda: results(clarion, final=False)["retry"] == 2)
        run(clarion, lambda conn: clarion.resolve(conn, "disk/1"))
        await until(lambda: ends(clarion, event, "ann") == ("cancelled", "resolved"))
        await until(lambda: ends(clarion, event, "bob") == ("cancelled", "resolved"))
        assert [item.event.id for item in clarion.inbox.list("ann").items] == [event]
        await until(lambda: count(clarion, conditions, conditions.c.resolved_at.is_not(None)) == 1)
    no_duplicates(clarion)


async def test_of_what_is_gone_the_application_is_asked_nothing(make_later: Make) -> None:
    """Its document is deleted: a resolver or an access check would fail. Who is named is shown why not."""
    clarion = make_later(Wire())
    asked: list[str] = []

    def access(*_: object) -> list[str]:
        asked.append("access")
        raise LookupError("no such document")

    @clarion.type("doc", channels=["inbox", "wire"], access=access)
    def audience(event: Event, _app: object) -> list[tuple[str, list[str]]]:
        asked.append("audience")
        raise LookupError("no such document")

    people(clarion, "ann", "bob")
    clarion.recipients.subscribe("bob", "docs")
    for condition in (None, "disk/1"):
        event = emit(clarion, "doc", to=["ann"], topic="docs", subject="doc/1", condition=condition)
        run(clarion, lambda conn: clarion.withdraw(conn, "doc/1"))
        async with working(clarion):
            await until(lambda: done(clarion))
        assert asked == []
        assert {told.recipient for told in clarion.status(event)} == {"ann", "bob"}
        assert gate(clarion, event, "ann") == gate(clarion, event, "bob") == "withdrawn"
        assert clarion.inbox.list("ann").items == []


@pytest.mark.parametrize("how", ["withdraw", "cancel", "resolve"])
async def test_in_the_middle_of_a_fan_out_nothing_is_told_any_more(make_later: Make, how: str) -> None:
    """300 followers, pages of 20: whoever was decided on is cancelled, whoever comes after is refused."""
    wire = Wire(_later)
    clarion = make_later(wire, page=20)
    ids = crowd(clarion, 300)

    def follow(conn: sa.Connection) -> None:
        subscribed(conn, "repo", ids)

    run(clarion, follow)
    async with working(clarion):
        event = emit(clarion, "note", topic="repo", subject="cl/1", condition="disk/1")
        await until(lambda: count(clarion, notifications) >= 60)
        match how:
            case "withdraw":
                run(clarion, lambda conn: clarion.withdraw(conn, "cl/1"))
            case "cancel":
                run(clarion, lambda conn: clarion.cancel(conn, event))
            case "resolve":
                run(clarion, lambda conn: clarion.resolve(conn, "disk/1"))
        told = count(clarion, outcomes)
        await until(lambda: done(clarion) and applied(clarion))
        assert len(wire.begun) <= told + clarion.worker()._wiring.limits.batch * 2, "but what was in hand"
    assert count(clarion, notifications) == 300
    assert set(results(clarion)) <= {"cancelled", "suppressed"}
    if how != "resolve":
        visible = (notifications.c.visible, notifications.c.withdrawn_at.is_(None))
        assert count(clarion, notifications, *visible) == 0
    no_duplicates(clarion)


async def test_any_number_of_workers_apply_side_by_side(make_later: Make) -> None:
    first, second = make_later(Wire(_later), page=3), make_later(Wire(_later), page=3)
    ids = people(first, *(f"p{n}" for n in range(7)))
    first.start()
    all_ = [emit(first, "note", to=ids, subject=f"cl/{n}") for n in range(10)]
    async with working(first), working(second):
        await until(lambda: results(first, final=False)["retry"] == 70)

        def withdraw(conn: sa.Connection) -> None:
            for n in range(10):
                first.withdraw(conn, f"cl/{n}", "p1")
                first.withdraw(conn, f"cl/{n}")

        run(first, withdraw)
        await until(lambda: applied(first) and done(first))
    assert results(first) == {"cancelled": 70}
    marked = count(first, notifications, notifications.c.withdrawn_at.is_not(None))
    assert marked == 70
    assert count(first, events, events.c.withdrawn_at.is_not(None)) == len(all_)
    no_duplicates(first)


async def test_one_with_a_huge_audience_keeps_no_other_waiting(make_later: Make) -> None:
    clarion = make_later(Wire(_later), page=10)
    ids = crowd(clarion, 400)
    async with working(clarion):
        emit(clarion, "note", to=ids, subject="huge")
        small = emit(clarion, "note", to=ids[:1], subject="small")
        await until(lambda: results(clarion, final=False)["retry"] == 401)

        def both(conn: sa.Connection) -> None:
            clarion.withdraw(conn, "huge")
            clarion.withdraw(conn, "small")

        run(clarion, both)
        await until(lambda: ends(clarion, small, ids[0])[0] == "cancelled")
        assert not applied(clarion), "the huge one is still at it"
        await until(lambda: applied(clarion))
    assert results(clarion) == {"cancelled": 401}


async def test_raised_in_place_without_telling_again(make_later: Make) -> None:
    """Two people a page: the event, its notifications, and what waits go up; nobody is told twice."""
    wire = Wire(_later)
    clarion = make_later(wire, page=2)
    steps = (Escalation(repeats=1, severity=Severity.URGENT, renotify=False),)
    clarion.type("disk", channels=["inbox", "wire"], policy=Policy(escalation=steps, retries=PATIENT))
    ids = people(clarion, *(f"p{n}" for n in range(5)))
    async with working(clarion):
        event = emit(clarion, "disk", to=ids, condition="disk/1")
        await until(lambda: results(clarion, final=False)["retry"] == 5)
        emit(clarion, "disk", to=ids, condition="disk/1")
        await until(lambda: count(clarion, conditions, conditions.c.escalations == 1))
    urgent = int(Severity.URGENT)
    assert (
        count(clarion, notifications, notifications.c.severity == urgent)
        == 5
        == count(clarion, notifications)
    )
    assert count(clarion, queue, queue.c.priority == urgent) == 5
    assert count(clarion, events, events.c.severity == urgent, events.c.id == event) == 1
    assert len(wire.taken) == 0
    assert results(clarion, final=False) == {"retry": 5}
    assert [item.severity for item in clarion.inbox.list("p0").items] == [Severity.URGENT]


async def test_what_is_in_flight_is_cancelled_if_it_does_not_arrive(make_later: Make) -> None:
    going: asyncio.Event = asyncio.Event()

    async def hang(_message: Message, address: Address) -> None:
        await going.wait()
        if address.value.startswith("bob"):
            raise Retry("busy")

    wire = Wire(hang)
    clarion = make_later(wire)
    people(clarion, "ann", "bob")
    async with working(clarion):
        event = emit(clarion, "note", **TO_ALL)
        await until(lambda: len(wire.begun) == 2)
        run(clarion, lambda conn: clarion.withdraw(conn, "cl/1"))
        await until(lambda: applied(clarion))
        going.set()
        await until(lambda: done(clarion))
    assert ends(clarion, event, "ann")[0] == "sent", "it had left"
    assert ends(clarion, event, "bob") == ("cancelled", "withdrawn")
    no_duplicates(clarion)


async def test_what_was_snoozed_comes_back_once_its_time_has_come(
    database_url: str, travel: Callable[[timedelta], None]
) -> None:
    clarion = Clarion(database_url)
    clarion.type("cl.merged", channels=("inbox",))
    clarion.recipients.upsert("ann")
    async with working(clarion):
        with clarion.database.engine.begin() as conn:
            clarion.emit(conn, "cl.merged", to=["ann"])
            clarion.emit(conn, "cl.merged", to=["ann"])
        newer, older = await until(lambda: len(found := clarion.inbox.list("ann").items) == 2 and found)
        clarion.inbox.mark_read("ann", [newer.id, older.id])
        clarion.inbox.snooze("ann", [older.id], clock.now() + timedelta(hours=1))
        assert [item.id for item in clarion.inbox.list("ann").items] == [newer.id]
        travel(timedelta(hours=1))
        await until(lambda: [item.id for item in clarion.inbox.list("ann").items] == [older.id, newer.id])
    assert clarion.inbox.counts("ann").unread == 1
    clarion.close()
