"""A state of the world, as a monitor sees it: opened, said again, escalated, ended, and opened afresh."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from clarion import Clarion, Cooldown, Escalation, Policy
from clarion.clock import now
from clarion.severity import Severity
from clarion.store.schema import conditions, deliveries, events, notifications, withdrawals
from tests.emit.producers import TYPE, together
from tests.support.acme import Plan, application, sends
from tests.support.children import Children, children, wait_killed
from tests.support.working import (
    Wire,
    await_true,
    count,
    done,
    emit,
    gate,
    limits,
    no_duplicates,
    people,
    results,
    until,
    working,
)

MINUTES = timedelta(minutes=1)
Make = Callable[..., Clarion]


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    """Makes monitors on one database: `disk` escalates after 3 repeats, and again ten minutes after it opened."""
    made: list[Clarion] = []

    def application(*channels: Any) -> Clarion:
        clarion = Clarion(database_url, channels=channels, limits=limits())
        made.append(clarion)
        steps = (Escalation(repeats=3), Escalation(after=10 * MINUTES, severity=Severity.URGENT))
        policy = Policy(escalation=steps, cooldown=Cooldown(hours=1, key="subject"))
        clarion.type("disk", severity="warning", channels=["inbox", "wire"], policy=policy)
        clarion.type(TYPE, channels=["inbox", "wire"])
        return clarion

    yield application
    for clarion in made:
        clarion.close()


@pytest.fixture
def started() -> Iterator[Children]:
    with children() as all_:
        yield all_


def full(clarion: Clarion, name: str = "disk/1", **fields: Any) -> UUID:
    """The monitor sees a full disk."""
    said = {"to": ["ann", "bob"], "subject": name, "condition": name, **fields}
    return emit(clarion, "disk", **said)


def resolve(clarion: Clarion, name: str = "disk/1") -> None:
    clarion.database.run(lambda conn: clarion.resolve(conn, name))


def told(wire: Wire) -> list[tuple[str, str]]:
    return sorted((message.recipient.id, message.severity.label) for message in wire.taken)


@pytest.mark.anyio
async def test_from_its_opening_to_the_next_one(make: Make, travel: Callable[[timedelta], None]) -> None:
    wire = Wire()
    clarion = make(wire)
    people(clarion, "ann", "bob")
    async with working(clarion):
        first = full(clarion)
        await until(lambda: len(wire.taken) == 2)
        for _ in range(2):
            full(clarion)
        await until(lambda: [c.repeats for c in clarion.open_conditions()] == [2] and done(clarion))
        assert told(wire) == [("ann", "warning"), ("bob", "warning")]

        full(clarion)  # for the third time again: it rises, past the cooldown
        await until(lambda: len(wire.taken) == 4 and done(clarion))
        assert told(wire)[::2] == [("ann", "action"), ("bob", "action")]
        travel(11 * MINUTES)
        await until(lambda: len(wire.taken) == 6 and done(clarion))
        (open_,) = clarion.open_conditions("disk/")
        assert (open_.condition, open_.event_id, open_.repeats) == ("disk/1", first, 3)
        assert open_.severity == Severity.URGENT

        resolve(clarion)
        assert clarion.open_conditions() == []
        travel(120 * MINUTES)
        again = full(clarion)
        await until(lambda: len(wire.taken) == 8)
        assert [(c.event_id, c.repeats, c.severity.label) for c in clarion.open_conditions()] == [
            (again, 0, "warning")
        ]
        await until(lambda: done(clarion))
    assert len(wire.taken) == 8
    no_duplicates(clarion)


@pytest.mark.anyio
async def test_flapping_in_one_transaction_opens_each_time(make: Make) -> None:
    wire = Wire()
    clarion = make(wire)
    clarion.type("flap", channels=["wire"])
    people(clarion, "ann")
    clarion.start()

    def flap(conn: sa.Connection) -> list[UUID]:
        ids = []
        for _ in range(5):
            clarion.resolve(conn, "flap")
            ids.append(clarion.emit(conn, "flap", to=["ann"], condition="flap"))
        return ids

    ids = clarion.database.run(flap)
    async with working(clarion):
        await until(lambda: done(clarion))
    assert [gate(clarion, id, "ann") for id in ids] == ["resolved"] * 4 + ["told"]
    assert [c.event_id for c in clarion.open_conditions()] == [ids[-1]]
    assert len(wire.taken) == 1


@pytest.mark.anyio
async def test_a_monitor_that_was_away_reconciles(make: Make) -> None:
    """At its start it compares what stands open with the world, whether or not a worker has come by."""
    wire = Wire()
    clarion = make(wire)
    people(clarion, "ann", "bob")
    async with working(clarion):
        full(clarion, "disk/1")
        full(clarion, "disk/2")
        await until(lambda: len(wire.taken) == 4)
    full(clarion, "disk/3")  # while no worker runs
    emit(clarion, "disk", condition="other/1")

    world = {"disk/2", "disk/4"}
    known = {one.condition for one in clarion.open_conditions("disk/")}
    assert known == {"disk/1", "disk/2", "disk/3"}
    for name in sorted(known - world):
        resolve(clarion, name)
    for name in sorted(world - known):
        full(clarion, name)
    assert {one.condition for one in clarion.open_conditions("disk/")} == world
    async with working(clarion):
        await until(lambda: done(clarion))
    assert {one.condition for one in clarion.open_conditions("disk/")} == world
    assert {message.event.condition for message in wire.taken} == {"disk/1", "disk/2", "disk/4"}


# ── Many at once, and crashes ────────────────────────────────────────────────────────────────────────────


@pytest.mark.anyio
async def test_fifty_processes_see_it_at_once(make: Make, database_url: str) -> None:
    """One is told, forty-nine are counted, by two workers side by side."""
    wires = Wire(), Wire()
    first, second = make(wires[0]), make(wires[1])
    people(first, "ann")
    first.start()
    emitted = together(database_url, [[{"to": ["ann"], "condition": "down"}] for _ in range(50)])
    async with working(first), working(second):
        await until(lambda: done(first))
    (open_,) = first.open_conditions()
    assert open_.repeats == 49
    assert [open_.event_id] == [id for (id,) in emitted if first.status(id)]
    assert len(wires[0].taken) + len(wires[1].taken) == 1
    assert count(first, events, events.c.repeat_of == open_.event_id) == 49
    assert len(first.inbox.list("ann").items) == 1
    no_duplicates(first)


@pytest.mark.parametrize("point", ["admitting", "admitted", "writing a page", "finishing"])
def test_a_worker_killed_while_it_opens(
    database_url: str, tmp_path: Path, started: Children, point: str
) -> None:
    """Between admission and the page its opening is half done: the next worker tells of it, and counts right."""
    wire = tmp_path / "wire"
    plan: dict[str, Any] = {
        "database": database_url,
        "wire": str(wire),
        "limits": {"lease": timedelta(seconds=2)},
    }
    clarion = application(Plan(**plan))
    people(clarion, "ann")
    first = emit(clarion, "wired", to=["ann"], condition="down")
    wait_killed(started.start(Plan(**plan, fail_at=point)))
    assert sends(wire) == []
    repeats = [emit(clarion, "wired", to=["ann"], condition="down") for _ in range(5)]
    for _ in range(2):
        started.start_ready(Plan(**plan))
    await_true(lambda: done(clarion))
    assert len(sends(wire)) == 1
    (open_,) = clarion.open_conditions()
    # Nothing was committed while it was "admitting": then any of the six may be the one that opened it.
    if point != "admitting":
        assert open_.event_id == first
    assert open_.repeats == len(repeats)
    assert count(clarion, conditions) == 1 == count(clarion, notifications)
    assert results(clarion) == {"sent": 1}
    no_duplicates(clarion)
    clarion.close()


def test_said_and_ended_at_random_while_workers_die(
    database_url: str, tmp_path: Path, started: Children
) -> None:
    """Against a dictionary of what is open: nothing is counted twice, nothing told that is not an opening."""
    wire = tmp_path / "wire"
    plan: dict[str, Any] = {
        "database": database_url,
        "wire": str(wire),
        "limits": {"lease": timedelta(seconds=2)},
    }
    clarion = application(Plan(**plan))
    people(clarion, "ann")
    clarion.start()
    mortal = [started.start_ready(Plan(**plan, fail_at=point, nth=5)) for point in ("admitting", "admitted")]
    started.start_ready(Plan(**plan))
    chance = random.Random(7)
    last: dict[str, UUID] = {}
    emitted = 0
    for _ in range(300):
        name = chance.choice("abc")
        if chance.random() < 0.25:
            clarion.database.run(lambda conn, name=name: clarion.resolve(conn, name))
            last.pop(name, None)
        else:
            last[name] = emit(clarion, "wired", to=["ann"], condition=name)
            emitted += 1
    for process in mortal:
        wait_killed(process)
    await_true(
        lambda: done(clarion) and not count(clarion, withdrawals, withdrawals.c.applied_at.is_(None)),
        within=180,
    )

    rows = clarion.database.read(lambda conn: conn.execute(sa.select(conditions)).all())
    ended = count(clarion, events, events.c.resolved_at.is_not(None), events.c.repeat_of.is_(None))
    opened = {row.event_id for row in rows}
    before = ended - sum(row.resolved_at is not None for row in rows)  # they had ended before anybody looked
    assert len(rows) + sum(row.repeats for row in rows) + before == emitted
    assert {one.condition for one in clarion.open_conditions()} == set(last)
    assert {row.condition for row in rows if row.resolved_at is None} == set(last)
    told = clarion.database.read(
        lambda conn: conn.execute(
            sa.select(notifications.c.event_id)
            .join(deliveries, deliveries.c.notification_id == notifications.c.id)
        ).scalars().all()
    )  # fmt: skip
    assert set(told) <= opened
    assert {row.event_id for row in rows if row.resolved_at is None} <= set(told)
    assert len(told) == len(set(told))
    no_duplicates(clarion)
    clarion.close()


# ── Silences ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.anyio
async def test_an_operator_silences_for_a_while(make: Make) -> None:
    wire = Wire()
    clarion = make(wire)
    clarion.type("alarm", channels=["wire"], required=True)
    people(clarion, "ann", "bob")
    async with working(clarion):
        said = clarion.silence(
            {"type": "al*", "recipient": "ann"}, author="ops", comment="drill", until=now() + MINUTES
        )
        event = emit(clarion, "alarm", to=["ann", "bob"])
        await until(lambda: done(clarion))
        assert told(wire) == [("bob", "info")]
        assert gate(clarion, event, "ann") == "silenced"
        assert [(s.id, s.author, s.comment) for s in clarion.silences()] == [(said, "ops", "drill")]
        assert clarion.silences(tenant="acme") == []
        assert not clarion.end_silence(said, tenant="acme")
        assert clarion.end_silence(said)
        assert not clarion.end_silence(said)
        assert clarion.silences() == []
        emit(clarion, "alarm", to=["ann"])
        await until(lambda: done(clarion))
    assert told(wire) == [("ann", "info"), ("bob", "info")]
