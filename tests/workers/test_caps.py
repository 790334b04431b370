"""Caps hold for all workers together: how fast, how many at once, of a channel and of each lane."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from clarion import Cap, Clarion, ConfigError, UnknownName, clock, ids
from clarion.message import Message
from clarion.pause import Pause
from clarion.recipient import Address
from clarion.store import pauses, rows
from clarion.store.schema import meters, permits, queue
from tests.support.working import Wire, count, crowd, done, emit, limits, results, until, working

pytestmark = pytest.mark.anyio

Make = Callable[..., Clarion]


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    made: list[Clarion] = []

    def application(wire: Wire, *caps: Cap, **limited: object) -> Clarion:
        clarion = Clarion(database_url, channels=[wire], caps=caps, limits=limits(**limited))
        made.append(clarion)
        clarion.type("note", channels=["wire"])
        return clarion

    yield application
    for clarion in made:
        clarion.close()


class Counting(Wire):
    """Takes a moment over each message; how many it had at once, of each tenant and in all."""

    def __init__(self) -> None:
        super().__init__(self._take)
        self.at_once: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def _take(self, message: Message, _address: Address) -> None:
        self.at_once[message.tenant] += 1
        self.most[message.tenant] = max(self.most[message.tenant], self.at_once[message.tenant])
        await asyncio.sleep(0.005)
        self.at_once[message.tenant] -= 1


def of_tenants(clarion: Clarion, *tenants: str, number: int) -> None:
    to = [Address("wire", f"p{n}@a.test") for n in range(number)]
    for tenant in tenants:
        emit(clarion, "note", tenant=tenant, to=to)


async def test_so_many_at_once_by_all_workers(make: Make) -> None:
    wire = Counting()
    workers = [make(wire, Cap("wire", at_once=3), batch=10) for _ in range(3)]
    of_tenants(workers[0], "a", "b", number=40)
    async with working(workers[0]), working(workers[1]), working(workers[2]):
        await until(lambda: done(workers[0]))
    assert results(workers[0]) == {"sent": 80}
    assert 2 <= wire.most_at_once <= 3
    assert count(workers[0], permits) == 0, "who stops has none in hand"


async def test_so_many_at_once_of_each_lane(make: Make) -> None:
    wire = Counting()
    caps = Cap("wire", at_once=2, each="lane"), Cap("wire", at_once=5)
    workers = [make(wire, *caps, batch=10) for _ in range(2)]
    of_tenants(workers[0], "a", "b", "c", number=30)
    async with working(workers[0]), working(workers[1]):
        await until(lambda: done(workers[0]))
    assert results(workers[0]) == {"sent": 90}
    assert wire.most_at_once <= 5
    assert set(wire.most) == {"a", "b", "c"}
    assert max(wire.most.values()) <= 2


async def test_so_many_a_second_by_all_workers(make: Make) -> None:
    wire = Wire()
    workers = [make(wire, Cap("wire", per_second=50), batch=10) for _ in range(2)]
    of_tenants(workers[0], "a", "b", number=50)
    begun = time.monotonic()
    async with working(workers[0]), working(workers[1]):
        await until(lambda: done(workers[0]))
    assert time.monotonic() - begun >= (100 - 5) / 50 - 0.1
    assert results(workers[0]) == {"sent": 100}


async def test_a_lane_that_is_full_keeps_no_other_waiting(make: Make) -> None:
    wire = Wire()
    clarion = make(wire, Cap("wire", per_second=0.01, each="lane"))
    of_tenants(clarion, "loud", number=30)
    async with working(clarion):
        await until(lambda: len(wire.taken) == 1)
        of_tenants(clarion, *(f"quiet{n}" for n in range(5)), number=1)
        await until(lambda: len(wire.taken) == 6)
    assert Counter(message.tenant for message in wire.taken)["loud"] == 1
    assert count(clarion, queue, queue.c.lane == "loud") == 29


async def test_a_lane_that_pauses_hides_none_behind_it(make: Make) -> None:
    """Of which one lane at a time is looked into, for the channel has room for one."""
    wire = Wire()
    clarion = make(wire, Cap("wire", at_once=1), Cap("wire", at_once=1, each="lane"))
    hour = timedelta(hours=1)
    asked = Pause(channel="wire", lane="a", by="olga", since=clock.now(), until=clock.now() + hour)
    clarion.database.run(lambda conn: pauses.ask_for(conn, asked))
    of_tenants(clarion, "a", "b", "c", number=3)
    async with working(clarion):
        await until(lambda: len(wire.taken) == 6)
        await until(lambda: count(clarion, queue) == 3)
    assert {message.tenant for message in wire.taken} == {"b", "c"}


async def test_what_was_not_begun_is_not_counted(make: Make, travel: Callable[[timedelta], None]) -> None:
    """100 of which nobody wants to hear any more, at one a second."""
    wire = Wire()
    clarion = make(wire, Cap("wire", per_second=1))
    hour = timedelta(hours=1)
    asked = Pause(channel="wire", by="olga", since=clock.now(), until=clock.now() + hour)
    clarion.database.run(lambda conn: pauses.ask_for(conn, asked))
    emit(clarion, "note", to=crowd(clarion, 100), expires_at=clock.now() + hour)
    async with working(clarion):
        await until(lambda: count(clarion, queue) == 100)
        travel(2 * hour)
        await until(lambda: done(clarion))
    assert results(clarion) == {"suppressed": 100}


async def test_what_a_dead_worker_had_in_hand_counts_until_its_lease_ends(
    make: Make, travel: Callable[[timedelta], None]
) -> None:
    wire = Wire()
    clarion = make(wire, Cap("wire", at_once=2))
    until_ = clock.now() + timedelta(minutes=10)
    dead = [("wire", "", ids.uuid7(), 2, until_)]
    columns = ("channel", "lane", "worker", "number", "until")
    clarion.start()
    clarion.database.run(
        lambda conn: rows.write(conn, permits, columns, dead, key=("channel", "lane", "worker"))
    )
    of_tenants(clarion, "a", number=5)
    async with working(clarion):
        await until(lambda: count(clarion, queue) == 5)
        await until(
            lambda: count(clarion, meters) == 1
        )  # it has looked, in the transaction in which it claims
        assert count(clarion, queue, queue.c.claims > 0) == 0
        travel(timedelta(minutes=11))
        await until(lambda: done(clarion))
    assert results(clarion) == {"sent": 5}


def test_a_cap_that_cannot_be_meant_is_refused(database_url: str) -> None:
    for wrong in ({}, {"per_second": 0}, {"at_once": 0}, {"at_once": 1, "each": "tenant"}):
        with pytest.raises(ConfigError):
            Cap("wire", **wrong)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="wire"):
        Clarion(database_url, channels=[Wire()], caps=[Cap("wier", at_once=1)])
    twice = [Cap("wire", at_once=1), Cap("wire", per_second=2)]
    with pytest.raises(ConfigError, match="two caps"):
        Clarion(database_url, channels=[Wire()], caps=twice)
