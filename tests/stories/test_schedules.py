"""An event that is due later: told within a second of its time, moved, or called off before or in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from clarion import Clarion, InvalidInput, Retry
from clarion.clock import now
from clarion.message import Message
from clarion.recipient import Address
from clarion.store.schema import deliveries, events, withdrawals
from tests.support.working import (
    Wire,
    count,
    done,
    emit,
    ends,
    gate,
    no_duplicates,
    people,
    until,
    working,
)

pytestmark = pytest.mark.anyio

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
Make = Callable[..., Clarion]


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    """Makes an application with the limits that everybody has."""
    made: list[Clarion] = []

    def application(wire: Wire) -> Clarion:
        clarion = Clarion(database_url, channels=[wire])
        made.append(clarion)
        clarion.type("reminder", channels=["inbox", "wire"])
        people(clarion, "ann")
        return clarion

    yield application
    for clarion in made:
        clarion.close()


class Timed(Wire):
    """Keeps when each message came."""

    def __init__(self) -> None:
        super().__init__(self._note)
        self.at: list[datetime] = []

    async def _note(self, _message: Message, _address: Address) -> None:
        self.at.append(now())


async def test_it_comes_within_a_second_of_its_time(make: Make) -> None:
    wire = Timed()
    clarion = make(wire)
    async with working(clarion):
        due = now() + 1.5 * SECOND
        event = emit(clarion, "reminder", to=["ann"], at=due)
        await asyncio.sleep(1)
        assert clarion.status(event) == []
        assert wire.at == []
        await until(lambda: wire.at)
    assert due <= wire.at[0] < due + SECOND


async def test_the_audience_is_that_of_the_moment(make: Make, travel: Callable[[timedelta], None]) -> None:
    wire = Timed()
    clarion = make(wire)
    event = emit(clarion, "reminder", topic="yoga", at=now() + 24 * HOUR)
    clarion.recipients.subscribe("ann", "yoga")
    async with working(clarion):
        await asyncio.sleep(0.3)
        assert clarion.status(event) == []
        travel(24 * HOUR)
        await until(lambda: wire.at)
    assert [told.recipient for told in clarion.status(event)] == ["ann"]


@pytest.mark.parametrize("how", ["cancel", "withdraw"])
async def test_called_off_before_its_time_it_is_never_sent(
    make: Make, travel: Callable[[timedelta], None], how: str
) -> None:
    wire = Timed()
    clarion = make(wire)
    async with working(clarion):
        event = emit(clarion, "reminder", to=["ann"], subject="yoga/1", at=now() + HOUR)
        clarion.database.run(
            lambda conn: clarion.cancel(conn, event) if how == "cancel" else clarion.withdraw(conn, "yoga/1")
        )
        await until(lambda: not count(clarion, withdrawals, withdrawals.c.applied_at.is_(None)))
        assert count(clarion, events, events.c.withdrawn_at.is_not(None)) == 1
        travel(HOUR)
        await until(lambda: done(clarion))
    assert wire.begun == []
    assert count(clarion, deliveries) == 0
    assert gate(clarion, event, "ann") == gate(clarion, event, "ann", "inbox") == "withdrawn"
    assert clarion.inbox.list("ann").items == []


async def test_called_off_in_the_moment_it_is_due(make: Make) -> None:
    """Whoever comes first: it was sent, or it never is; and the inbox is empty."""
    wire = Timed()
    clarion = make(wire)
    async with working(clarion):
        all_ = [emit(clarion, "reminder", to=["ann"], at=now() + 0.3 * SECOND) for _ in range(20)]
        await asyncio.sleep(0.25)
        for event in all_:
            clarion.database.run(lambda conn, event=event: clarion.cancel(conn, event))
            await asyncio.sleep(0.01)
        await until(lambda: done(clarion))
        await until(lambda: not count(clarion, withdrawals, withdrawals.c.applied_at.is_(None)))
    sent = [event for event in all_ if ends(clarion, event, "ann")[0] == "sent"]
    assert len(sent) == len(wire.taken)
    assert {ends(clarion, event, "ann")[0] for event in all_} <= {"sent", "cancelled", "suppressed", "absent"}
    assert clarion.inbox.list("ann").items == []
    no_duplicates(clarion)


@pytest.mark.parametrize("arrives", [True, False])
async def test_called_off_in_flight(make: Make, arrives: bool) -> None:
    """What has left may arrive; what does not is not tried again."""
    go = asyncio.Event()

    async def hang(_message: Message, _address: Address) -> None:
        await go.wait()
        if not arrives:
            raise Retry("busy")

    wire = Wire(hang)
    clarion = make(wire)
    async with working(clarion):
        event = emit(clarion, "reminder", to=["ann"])
        await until(lambda: wire.begun)
        clarion.database.run(lambda conn: clarion.cancel(conn, event))
        await until(lambda: not count(clarion, withdrawals, withdrawals.c.applied_at.is_(None)))
        go.set()
        await until(lambda: done(clarion))
    assert len(wire.begun) == 1
    assert ends(clarion, event, "ann")[0] == ("sent" if arrives else "cancelled")


async def test_moved_earlier_and_later(make: Make, travel: Callable[[timedelta], None]) -> None:
    wire = Timed()
    clarion = make(wire)
    move: Any = lambda event, at: clarion.database.run(lambda conn: clarion.move(conn, event, at))  # noqa: E731
    async with working(clarion):
        earlier = emit(clarion, "reminder", to=["ann"], at=now() + 10 * HOUR)
        later = emit(clarion, "reminder", to=["ann"], at=now() + 0.5 * SECOND)
        move(later, now() + 20 * HOUR)
        due = now() + 0.3 * SECOND
        move(earlier, due)
        await until(lambda: wire.at)
        assert due <= wire.at[0] < due + SECOND
        await asyncio.sleep(0.5)
        assert [message.event.id for message in wire.taken] == [earlier]
        with pytest.raises(InvalidInput, match="its time has come already"):
            move(earlier, now() + HOUR)
        travel(20 * HOUR)
        await until(lambda: len(wire.taken) == 2)
    assert [message.event.id for message in wire.taken] == [earlier, later]


async def test_beyond_what_is_kept_it_is_refused_when_it_is_made_or_moved(make: Make) -> None:
    clarion = make(Timed())
    far = now() + timedelta(days=26)
    with pytest.raises(InvalidInput, match="more than 25 days ahead; emit it nearer to its time"):
        emit(clarion, "reminder", to=["ann"], at=far)
    event = emit(clarion, "reminder", to=["ann"], at=now() + HOUR)
    with pytest.raises(InvalidInput, match="more than 25 days ahead"):
        clarion.database.run(lambda conn: clarion.move(conn, event, far))
