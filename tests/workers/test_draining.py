"""Draining: the parts of a worker, one poll after the other, on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from clarion import Cap, Clarion, Event, Retry
from clarion.message import Message
from clarion.recipient import Address
from clarion.store.schema import permits
from clarion.workers.draining import drain
from tests.support.working import Wire, count, crowd, emit, emit_many, people, results, settled
from tests.workers.conftest import Make


def drained(clarion: Clarion, rounds: int = 200) -> bool:
    clarion.start()
    return asyncio.run(drain(clarion._wiring(), rounds=rounds))


def test_everything_that_is_due_is_done(make: Make, wire: Wire) -> None:
    clarion = make(wire, batch=100)
    emit(clarion, "note", to=crowd(clarion, 250))
    assert drained(clarion)
    assert len(wire.times()) == len(wire.taken) == 250
    assert settled(clarion)
    assert results(clarion) == {"sent": 250}


def test_it_does_not_wait_for_what_is_due_later(make: Make) -> None:
    async def later(message: Message, _address: Address) -> None:
        raise Retry("busy", after=timedelta(days=1))

    clarion = make(wire := Wire(later))
    clarion.type("slow", channels=["wire"])  # with the retries that a type has by itself
    emit(clarion, "slow", to=people(clarion, "bob"))
    assert drained(clarion)
    assert len(wire.begun) == 1
    assert results(clarion, final=False) == {"retry": 1}


def test_nothing_is_put_off_for_want_of_room(make: Make, wire: Wire) -> None:
    """A worker leaves events whose application is busy for a moment later, which is not due now."""
    clarion = make(wire)

    @clarion.type("asked", channels=["wire"])
    def audience(event: Event, _app: object) -> Any:
        yield "direct", ["bob"]

    people(clarion, "bob")
    emit_many(clarion, [("asked", {"key": f"n{n}"}) for n in range(35)])
    assert drained(clarion)
    assert len(wire.taken) == 35
    assert settled(clarion)


def test_many_tenants(make: Make, wire: Wire) -> None:
    clarion = make(wire)
    tenants = [f"t{n:03}" for n in range(120)]
    for tenant in tenants:
        clarion.recipients.upsert("bob", addresses={"wire": "b@a.test"}, tenant=tenant)
    emit_many(clarion, [("note", {"tenant": tenant, "to": ["bob"]}) for tenant in tenants])
    assert drained(clarion)
    assert sorted(message.tenant for message in wire.taken) == tenants
    assert settled(clarion)


def test_a_cap_of_how_many_at_once_is_free_again(database_url: str, wire: Wire) -> None:
    """Each drain is another worker, which leaves nothing in its hands."""
    clarion = Clarion(database_url, channels=[wire], caps=[Cap("wire", at_once=2)])
    clarion.type("note", channels=["wire"])
    people(clarion, "bob")
    for n in (1, 2):
        emit_many(clarion, [("note", {"to": ["bob"]}) for _ in range(7)])
        assert drained(clarion)
        assert len(wire.taken) == 7 * n
    assert wire.most_at_once <= 2
    assert not count(clarion, permits)
    clarion.close()


def test_it_says_that_it_came_to_no_end(make: Make, wire: Wire) -> None:
    clarion = make(wire)

    @clarion.type("echo", channels=["inbox"])
    def audience(event: Event, _app: object) -> Any:
        clarion.database.run(lambda conn: clarion.emit(conn, "echo"))
        yield "direct", ["bob"]

    emit(clarion, "echo")
    assert not drained(clarion, rounds=5)
