"""Replanning: who is decided on again when a slot becomes free, in which order, and what stands in the way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import Address, Clarion, Cooldown, Event, Policy, Reject, Retries, Throttle
from clarion.delivery import LEASE, given_back, not_sent
from clarion.store import blocked, outcomes, queue, vacancies
from clarion.store.outcomes import Settlement
from clarion.store.schema import notifications, slots
from clarion.workers import filling
from clarion.workers.filling import Stopped
from tests.store.make import charged, slot_rows
from tests.support import lines
from tests.support.acme import Plan, application
from tests.support.children import Children, stop, wait_killed
from tests.support.working import (
    Wire,
    await_true,
    count,
    done,
    emit,
    people,
    results,
    settled,
    until,
    working,
)
from tests.workers.conftest import Make

pytestmark = pytest.mark.anyio

FAILED = not_sent(Reject("550"), attempt=1, claim=1, retries=Retries())
SILENCE = timedelta(minutes=15)


def declared(clarion: Clarion, code: str = "limited", **options: Any) -> None:
    policy = options.pop("policy", Policy(cooldown=Cooldown(minutes=15, key="category")))
    clarion.type(code, channels=options.pop("channels", ["wire"]), policy=policy, **options)
    clarion.start()
    people(clarion, "bob")


def decide(clarion: Clarion, *names: str, type: str = "limited", **fields: Any) -> list[UUID]:
    """Notifications of bob's, decided on one after the other."""
    of = clarion.types[type]
    return [
        clarion.database.run(
            lambda conn, name=name: charged(conn, of, "bob", data={"name": name}, **fields)  # type: ignore[misc]
        )
        for name in names
    ]


def fail_all(clarion: Clarion) -> None:
    """Whatever waits fails for good."""

    def write(conn: Connection) -> bool:
        claims = queue.claim_due(conn, "wire", most=99, each=99, lease=LEASE, after="")
        return outcomes.settle(conn, [Settlement(claim, FAILED) for claim in claims]).freed

    assert clarion.database.run(write)


def vacant(clarion: Clarion) -> int:
    return count(clarion, slots, slots.c.freed_at.is_not(None))


async def all_settled(clarion: Clarion) -> None:
    await until(lambda: settled(clarion))


def told(wire: Wire) -> list[str]:
    return [message.event.data["name"] for message in wire.taken]


async def test_the_newest_is_told_whoever_was_at_work_when_the_slot_became_free(
    make: Make, wire: Wire
) -> None:
    """The worker that failed is gone; the vacancy has outlived it."""
    clarion = make(wire)
    declared(clarion)
    decide(clarion, "holder", "old", "new")
    fail_all(clarion)
    assert vacant(clarion) == 1
    async with working(clarion):
        await all_settled(clarion)
    assert told(wire) == ["new"]
    (slot,) = clarion.database.read(slot_rows)
    assert slot.until is not None


async def test_where_nobody_is_left_to_tell_the_slot_is_simply_free(make: Make, wire: Wire) -> None:
    clarion = make(wire)
    declared(clarion)
    _, late = decide(clarion, "holder", "late")
    at = sa.update(notifications).where(notifications.c.id == late)
    clarion.database.run(lambda conn: conn.execute(at.values(withdrawn_at=notifications.c.created_at)))
    fail_all(clarion)
    async with working(clarion):
        await all_settled(clarion)
    assert told(wire) == []
    assert clarion.database.read(slot_rows) == []


async def test_those_whom_another_gate_refuses_by_now_are_passed_over(make: Make, wire: Wire) -> None:
    """More of them than fit into a page."""
    clarion = make(wire)
    declared(clarion)
    decide(clarion, "holder", "wanted")
    newer = decide(clarion, *(f"n{n}" for n in range(25)))
    at = sa.update(notifications).where(notifications.c.id.in_(newer))
    clarion.database.run(lambda conn: conn.execute(at.values(resolved_at=notifications.c.created_at)))
    fail_all(clarion)
    async with working(clarion):
        await all_settled(clarion)
    assert told(wire) == ["wanted"]


async def test_what_an_earlier_window_stopped_is_left_alone(
    make: Make, wire: Wire, travel: Callable[[timedelta], None]
) -> None:
    clarion = make(wire)
    declared(clarion)
    decide(clarion, "first")
    async with working(clarion):
        await all_settled(clarion)
        decide(clarion, "stopped by the first")
    travel(SILENCE + timedelta(seconds=1))
    decide(clarion, "second", "stopped by the second")
    fail_all(clarion)
    async with working(clarion):
        await all_settled(clarion)
    assert told(wire) == ["first", "stopped by the second"]


async def test_who_waits_for_a_free_slot_waits_for_whoever_takes_it_first(make: Make, wire: Wire) -> None:
    """Between the failure and replanning another event comes, takes the slot, and fails as well."""
    clarion = make(wire)
    declared(clarion)
    decide(clarion, "holder", "stopped")
    fail_all(clarion)
    decide(clarion, "next")
    assert not vacant(clarion)
    fail_all(clarion)
    async with working(clarion):
        await all_settled(clarion)
    assert told(wire) == ["stopped"]


async def test_a_more_severe_one_further_back_finds_its_own_room(make: Make, wire: Wire) -> None:
    """The newest are less severe, more than a page of them; one of each is told."""
    clarion = make(wire)
    declared(clarion)
    decide(clarion, "holder", severity="urgent")
    decide(clarion, "action", severity="action")
    decide(clarion, *(f"info {n}" for n in range(25)), severity="info")
    fail_all(clarion)
    async with working(clarion):
        await all_settled(clarion)
    assert sorted(told(wire)) == ["action", "info 24"]


async def test_stopped_by_another_rule_by_now_it_waits_for_that(make: Make, wire: Wire) -> None:
    clarion = make(wire)
    both = Policy(cooldown=Cooldown(minutes=15, key="thread"), throttle=Throttle(2, hours=1, key="type"))
    declared(clarion, policy=both)
    (first,) = decide(clarion, "a1", thread="a")
    (stopped,) = decide(clarion, "a2", thread="a")
    decide(clarion, "b1", thread="b")

    def fail(of: UUID) -> None:
        """The first of these fails for good, whose deliveries wait like the others'."""

        def write(conn: Connection) -> None:
            claims = queue.claim_due(conn, "wire", most=9, each=9, lease=LEASE, after="")
            works = {work.notification_id: work.claim for work in queue.read_work(conn, claims)}
            outcomes.settle(conn, [Settlement(works.pop(of), FAILED)])
            outcomes.settle(conn, [Settlement(claim, given_back()) for claim in works.values()])

        clarion.database.run(write)

    fail(first)
    decide(clarion, "c1", thread="c")  # takes the place in the throttle that "a1" left
    found = clarion.database.read(lambda conn: vacancies.standing(conn, most=9))
    for vacancy in found:
        fill(clarion, vacancy)
    assert not vacant(clarion)
    row = clarion.database.read(
        lambda conn: conn.execute(sa.select(notifications).where(notifications.c.id == stopped)).one()
    )
    assert row.verdicts["wire"][0] == "throttle"
    fail_all(clarion)
    async with working(clarion):
        await all_settled(clarion)
    assert told(wire) == ["a2"]


def fill(clarion: Clarion, vacancy: vacancies.Vacancy) -> filling.Filled:
    """As the worker does, for the newest of them."""

    def write(conn: Connection) -> filling.Filled:
        found = blocked.find(conn, vacancy, above=None, before=None, most=10)
        events = queue.read_events(conn, {("default", one.event_id) for one in found})
        page = [
            Stopped(blocked=one, event=events[one.event_id], type=clarion.types[events[one.event_id].type])
            for one in found
        ]
        return filling.fill(conn, vacancy, page, lanes=clarion.lanes, floor=None, last=True)

    return clarion.database.run(write)


async def test_any_number_may_fill_the_same_vacancy(make: Make) -> None:
    clarion = make(Wire())
    declared(clarion)
    decide(clarion, "holder", "a", "b", "c")
    fail_all(clarion)
    (vacancy,) = clarion.database.read(lambda conn: vacancies.standing(conn, most=9))
    filled: list[filling.Filled] = []
    threads = [threading.Thread(target=lambda: filled.append(fill(clarion, vacancy))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.told for one in filled) == [False, False, True]
    assert all(one.done for one in filled)
    assert count(clarion, queue.queue) == 1


async def test_the_application_is_asked_who_still_has_access(make: Make, wire: Wire) -> None:
    forbidden: set[str] = set()

    def access(event: Event, ids: Any, _app: object) -> list[str]:
        return [] if event.data["name"] in forbidden else list(ids)

    clarion = make(wire)
    declared(clarion, access=access)
    decide(clarion, "holder", "old", "new")
    forbidden.add("new")
    fail_all(clarion)
    async with working(clarion):
        await all_settled(clarion)
    assert told(wire) == ["old"]


async def test_an_access_check_that_fails_leaves_the_slot_for_later(
    make: Make, wire: Wire, travel: Callable[[timedelta], None]
) -> None:
    broken = True

    def access(_event: Event, ids: Any, _app: object) -> Any:
        if broken:
            raise OSError("the directory is down")
        return ids

    asked = []
    clarion = make(wire)
    declared(clarion, access=lambda e, ids, app: (asked.append(e.id), access(e, ids, app))[1])
    decide(clarion, "holder", "stopped")
    fail_all(clarion)
    with lines.kept() as log:
        async with working(clarion):
            await until(lambda: asked and log)
    (line,) = [line for line in log if "is left for later" in line["message"]]
    assert line["event"] == str(asked[0]) == line["correlation_id"]
    async with working(clarion):
        assert vacant(clarion) == 1
        broken = False
        travel(timedelta(seconds=11))
        await all_settled(clarion)
    assert told(wire) == ["stopped"]


async def test_a_type_that_is_not_declared_here_is_left_to_others_for_a_while(
    make: Make, wire: Wire, travel: Callable[[timedelta], None]
) -> None:
    """Then it is passed over: those behind it would never be told."""
    clarion = make(wire)
    declared(clarion)
    declared(clarion, "foreign")
    decide(clarion, "holder", "known")
    decide(clarion, "foreign", type="foreign")
    fail_all(clarion)
    here = make(wire)
    declared(here)
    async with working(here):
        await asyncio.sleep(0.5)  # several polls
        assert vacant(clarion) == 1
        travel(timedelta(seconds=75))
        await all_settled(clarion)
    assert told(wire) == ["known"]


async def test_a_person_without_an_account_is_told_as_well(make: Make) -> None:
    zoe = Address("wire", "zoe@b.test")

    async def does(message: Any, _address: Address) -> None:
        if message.event.data["name"] == "a":
            await until(lambda: count(clarion, notifications) == 2)
            raise Reject("550")

    clarion = make(Wire(does))
    declared(clarion)
    async with working(clarion):
        for name in "ab":
            emit(clarion, "limited", to=[zoe], data={"name": name})
        await until(lambda: results(clarion) == {"failed": 1, "sent": 1})
        await all_settled(clarion)


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    return tmp_path / "taken"


@pytest.fixture
def chancy(database_url: str, taken: Path) -> Iterator[Clarion]:
    made = application(Plan(database=database_url, chancy=str(taken)))
    made.start()
    people(made, "bob", channel="chancy")
    yield made
    made.close()


@pytest.mark.parametrize("point", ["filling", "filled"])
def test_a_worker_killed_while_it_fills_a_vacancy(
    chancy: Clarion, database_url: str, taken: Path, started: Children, point: str
) -> None:
    def write(conn: Connection) -> None:
        for _ in range(3):
            charged(conn, chancy.types["cooled"], "bob")
        claims = queue.claim_due(conn, "chancy", most=9, each=9, lease=LEASE, after="")
        assert outcomes.settle(conn, [Settlement(claim, FAILED) for claim in claims]).freed

    chancy.database.run(write)
    plan = Plan(database=database_url, chancy=str(taken), limits={"lease": timedelta(seconds=2)})
    wait_killed(started.start(replace(plan, fail_at=point)))
    if point == "filling":
        assert vacant(chancy) == 1
        assert done(chancy), "nothing of it was committed"
    healthy = started.start_ready(plan)
    await_true(lambda: settled(chancy))
    stop(healthy)
    ended = results(chancy)
    assert ended["sent"] == 1 or ended["failed"] == 3, "told, or all have failed"
    assert not count(chancy, slots, slots.c.until.is_(None))
