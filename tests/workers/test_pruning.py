"""A worker removes what is over, beside its work and beside others who do the same."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from clarion import Clarion
from clarion.store import pruning
from clarion.store.pruning import Round, Tally
from clarion.store.schema import events
from tests.store.past import dangling
from tests.support.working import Wire, count, crowd, done, emit, emit_many, people, results, until, working
from tests.workers.conftest import Make

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
OFTEN = timedelta(milliseconds=50)


async def test_a_worker_removes_what_is_over(
    make: Make, wire: Wire, travel: Callable[[timedelta], None], caplog: pytest.LogCaptureFixture
) -> None:
    clarion = make(wire, prune_every=OFTEN)
    people(clarion, "bob")
    emit(clarion, "note", to=["bob"], key="old")
    async with working(clarion):
        await until(lambda: done(clarion))
        await asyncio.sleep(0.3)
        assert count(clarion, events) == 1
        with caplog.at_level(logging.INFO, "clarion.workers.pruning"):
            travel(31 * DAY)
            await until(lambda: "removed what was over for 30 days: 1 deliveries, 1 events" in caplog.text)
    assert count(clarion, events) == 0


async def test_it_rests_before_the_first_round(
    make: Make, wire: Wire, travel: Callable[[timedelta], None]
) -> None:
    clarion = make(wire)
    people(clarion, "bob")
    emit(clarion, "note", to=["bob"])
    async with working(clarion):
        await until(lambda: done(clarion))
        travel(31 * DAY)
        await asyncio.sleep(0.5)
    assert count(clarion, events) == 1


async def test_nothing_is_lost_while_all_of_them_remove(
    make: Make, wire: Wire, travel: Callable[[timedelta], None]
) -> None:
    """Two workers that send and remove, and prunes without a pause beside them, all on one past."""
    first, second = make(wire, prune_every=OFTEN), make(wire, prune_every=OFTEN)
    who = crowd(first, 60)
    travel(-40 * DAY)
    emit_many(first, [("note", {"to": who, "key": f"old {n}"}) for n in range(20)])
    async with working(first):
        await until(lambda: done(first))
    assert results(first) == Counter(sent=1200)
    travel(40 * DAY)
    wire.taken.clear()

    def prune(clarion: Clarion) -> None:
        pruning.run(clarion.database, Round(before=30 * DAY, most=100).steps(Tally()), lambda: None)

    async with working(first), working(second):
        for n in range(30):
            emit_many(first, [("note", {"to": who[n::3], "key": f"new {n} {k}"}) for k in range(2)])
            await asyncio.to_thread(prune, (first, second)[n % 2])
        await until(lambda: done(first) and count(first, events) == 60)
    assert set(wire.times().values()) == {1}
    assert len(wire.taken) == 2 * sum(len(who[n::3]) for n in range(30))
    assert results(first) == Counter(sent=len(wire.taken))
    assert dangling(first.database) == []
