"""Nobody waits for a lane that pauses: a dead destination, or a tenant that an operator has stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from clarion import Clarion
from clarion.clock import now
from clarion.edit import Edit
from clarion.errors import Down
from clarion.message import Message
from clarion.pause import Pause
from clarion.recipient import Address
from clarion.store import pauses, roster
from clarion.store.schema import queue
from tests.support.working import Wire, count, done, emit, results, until, working
from tests.workers.conftest import Make

pytestmark = pytest.mark.anyio

DEAD, WELL = "dead.test", "well.test"


class Places(Wire):
    """Each host is a provider of its own; those in `out` are out of reach."""

    def __init__(self, *out: str) -> None:
        super().__init__(self._try)
        self.out = set(out)
        self.tried: Counter[str] = Counter()

    def destination(self, address: str) -> str:
        return address.split("@")[1]

    async def _try(self, _message: Message, address: Address) -> None:
        host = self.destination(address.value)
        self.tried[host] += 1
        if host in self.out:
            raise Down("connect", "refused")


def living_at(clarion: Clarion, host: str, number: int, *, tenant: str = "default") -> list[str]:
    ids = [f"{host[0]}{n:03}" for n in range(number)]
    edits = [Edit(recipient=id, addresses=(Address("wire", f"{id}@{host}"),)) for id in ids]
    clarion.database.run(lambda conn: roster.write(conn, tenant, edits, create=True))
    return ids


def standing(clarion: Clarion) -> list[Pause]:
    return clarion.database.read(pauses.standing)[0]


async def test_only_the_destination_that_is_dead_pauses(make: Make) -> None:
    wire = Places(DEAD)
    clarion = make(wire, batch=20, concurrency=5)
    dead, well = living_at(clarion, DEAD, 150), living_at(clarion, WELL, 150)
    emit(clarion, "note", to=dead)
    async with working(clarion):
        await until(lambda: standing(clarion))
        emit(clarion, "note", to=well)
        await until(lambda: results(clarion)["sent"] == 150)
        await until(lambda: standing(clarion)[0].probes >= 1)
        (pause,) = standing(clarion)
        assert (pause.channel, pause.lane) == ("wire", f"default {DEAD}")
        assert wire.tried[DEAD] < 30, "of 150: those in hand, and then a probe at a time"
        assert count(clarion, queue, queue.c.attempts > 0) == 0
        wire.out.clear()
        await until(lambda: done(clarion))
    assert results(clarion) == {"sent": 300}
    assert standing(clarion) == []


async def test_several_are_dead_and_come_back_one_by_one(make: Make) -> None:
    hosts = ["a.test", "b.test", "c.test"]
    wire = Places(*hosts)
    first, second = make(wire, batch=20, concurrency=5), make(wire, batch=20, concurrency=5)
    for host in hosts:
        emit(first, "note", to=living_at(first, host, 20))
    async with working(first), working(second):
        await until(lambda: len(standing(first)) == 3)
        for n, host in enumerate(hosts, 1):
            wire.out.discard(host)
            await until(lambda n=n: results(first)["sent"] == 20 * n)  # type: ignore[misc]
            assert f"default {host}" not in {pause.lane for pause in standing(first)}
    assert results(first) == {"sent": 60}


async def test_a_pause_ends_when_nothing_is_left_to_try_it_with(make: Make) -> None:
    wire = Places(DEAD)
    clarion = make(wire)
    event = emit(clarion, "note", to=living_at(clarion, DEAD, 5), subject="cl/1")
    async with working(clarion):
        await until(lambda: standing(clarion))
        clarion.database.run(lambda conn: clarion.withdraw(conn, "cl/1"))
        await until(lambda: done(clarion))
        await until(lambda: standing(clarion) == [])
    assert {told.recipient for told in clarion.status(event)} == {f"d{n:03}" for n in range(5)}
    assert results(clarion) == {"cancelled": 5}


@pytest.mark.parametrize("ends_by", ["itself", "resuming"])
async def test_an_operator_stops_one_tenant(
    make: Make, travel: Callable[[timedelta], None], ends_by: str
) -> None:
    wire = Wire()
    clarion = make(wire)
    asked = Pause(
        channel="wire",
        lane="loud",
        by="olga",
        since=now(),
        until=now() + timedelta(hours=1),
        detail="too much",
    )
    clarion.database.run(lambda conn: pauses.ask_for(conn, asked))
    for tenant in ("loud", "quiet"):
        emit(clarion, "note", tenant=tenant, to=living_at(clarion, WELL, 10, tenant=tenant))
    async with working(clarion):
        await until(lambda: results(clarion)["sent"] == 10)
        await until(lambda: count(clarion, queue) == 10)
        assert {message.tenant for message in wire.begun} == {"quiet"}
        if ends_by == "itself":
            travel(timedelta(hours=1, seconds=1))
        else:
            clarion.database.run(lambda conn: pauses.resume(conn, "wire", "loud"))
        await until(lambda: done(clarion))
    assert results(clarion) == {"sent": 20}
    assert standing(clarion) == []


async def test_what_has_lost_a_lease_waits_with_its_lane(make: Make) -> None:
    clarion = make(Wire())
    emit(clarion, "note", to=living_at(clarion, WELL, 3))
    async with working(make()):  # which decides, and cannot send
        await until(lambda: count(clarion, queue) == 3)
    asked = Pause(channel="wire", lane="default", by="olga", since=now(), until=now() + timedelta(hours=1))
    clarion.database.run(lambda conn: pauses.ask_for(conn, asked))
    clarion.database.run(lambda conn: conn.execute(queue.update().values(losses=1)))
    other = living_at(clarion, DEAD, 5, tenant="other")
    emit(clarion, "note", tenant="other", to=other)
    async with working(clarion):
        await until(lambda: results(clarion)["sent"] == 5)
        assert count(clarion, queue, queue.c.losses == 1, queue.c.claims == 0) == 3
        clarion.database.run(lambda conn: pauses.resume(conn, "wire", "default"))
        await until(lambda: done(clarion))
    assert results(clarion) == {"sent": 8}


async def test_a_lane_of_which_only_the_lost_are_left_is_tried_with_those(make: Make) -> None:
    wire = Places(DEAD)
    clarion = make(wire)
    emit(clarion, "note", to=living_at(clarion, DEAD, 2))
    async with working(clarion):
        await until(lambda: standing(clarion))
    clarion.database.run(lambda conn: conn.execute(queue.update().values(losses=1)))
    wire.out.clear()
    async with working(clarion):
        await until(lambda: done(clarion))
        await until(lambda: standing(clarion) == [])
    assert results(clarion) == {"sent": 2}
