"""Promise 5: what is enabled but broken keeps its deliveries until they are too old, and says so then; what is not
enabled says so at once, and never sends history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clarion import Clarion, clock
from clarion.errors import Down
from clarion.message import Message
from clarion.recipient import Address
from clarion.store import pauses
from clarion.store.schema import queue
from tests.support.working import (
    Wire,
    count,
    crowd,
    done,
    emit,
    ends,
    gate,
    limits,
    people,
    results,
    until,
    working,
)

pytestmark = pytest.mark.anyio

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
NUMBER = 40
Travel = Callable[[timedelta], None]
Make = Callable[..., Clarion]


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    made: list[Clarion] = []

    def application(*channels: Any) -> Clarion:
        clarion = Clarion(database_url, channels=channels, limits=limits())
        made.append(clarion)
        clarion.type("note", channels=["inbox", "wire"])
        clarion.type("brief", channels=["wire"], max_age=DAY)
        clarion.type("invoice", channels=["wire"], required=True)
        return clarion

    yield application
    for clarion in made:
        clarion.close()


class Broken(Wire):
    """Enabled, and out of reach until it is repaired."""

    def __init__(self) -> None:
        super().__init__(self._refuse)
        self.repaired = False

    async def _refuse(self, _message: Message, _address: Address) -> None:
        if not self.repaired:
            raise Down("auth", "wrong password")


def paused(clarion: Clarion) -> bool:
    return bool(clarion.database.read(pauses.standing)[0])


async def wait(clarion: Clarion, travel: Travel, by: timedelta) -> None:
    """Let time pass, while nothing is in hand: who is away for so long loses its leases."""
    await until(lambda: not count(clarion, queue, queue.c.lease_until.is_not(None)))
    travel(by)


async def test_what_is_broken_for_days_keeps_all_and_then_sends_it(make: Make, travel: Travel) -> None:
    wire = Broken()
    clarion = make(wire)
    event = emit(clarion, "note", to=crowd(clarion, NUMBER))
    async with working(clarion):
        await until(lambda: paused(clarion))
        await wait(clarion, travel, 3 * DAY - HOUR)
        await until(lambda: wire.begun)
        assert count(clarion, queue) == NUMBER
        assert count(clarion, queue, queue.c.attempts > 0) == 0
        wire.repaired = True
        await wait(clarion, travel, 2 * 60 * SECOND)
        await until(lambda: done(clarion))
    assert results(clarion) == {"sent": NUMBER}
    assert clarion.counts(event).sent == NUMBER


async def test_what_is_too_old_ends_visibly_though_it_is_still_broken(make: Make, travel: Travel) -> None:
    wire = Broken()
    clarion = make(wire)
    note = emit(clarion, "note", to=crowd(clarion, NUMBER))
    invoice = emit(clarion, "invoice", to=["p00000"])
    async with working(clarion):
        await until(lambda: paused(clarion) and count(clarion, queue) == NUMBER + 1)
        await wait(clarion, travel, 3 * DAY + SECOND)
        brief = emit(clarion, "brief", to=["p00001"])
        await until(lambda: results(clarion)["suppressed"] == NUMBER)
        assert ends(clarion, note, "p00000") == ("suppressed", "expired")
        (delivery,) = clarion.why(note, "p00000").deliveries
        assert [a.result for a in delivery.attempts if a.final] == ["suppressed"]
        assert "max_age" in (delivery.attempts[-1].detail or "")
        assert clarion.inbox.count_unread("p00000") == 1, "the inbox was never broken"

        await until(lambda: ends(clarion, brief, "p00001")[0] in {"waiting", "sending"})
        await wait(clarion, travel, DAY + SECOND)
        await until(lambda: ends(clarion, brief, "p00001")[0] == "suppressed")
        await wait(clarion, travel, 40 * DAY)
        assert ends(clarion, invoice, "p00000")[0] in {"waiting", "sending"}, (
            "a required type never grows too old"
        )
        wire.repaired = True
        travel(20 * SECOND)  # towards the next probe, and not past the lease of one that is under way
        await until(lambda: done(clarion))
    assert ends(clarion, invoice, "p00000")[0] == "sent"
    assert {message.event.id for message in wire.taken} == {invoice}


async def test_what_is_not_enabled_says_so_and_is_not_made_up_for(make: Make) -> None:
    """Also of a required type, and of a type that comes to a channel which others had long before."""
    without = make()
    without.start()
    people(without, "bob")
    before = {code: emit(without, code, to=["bob"]) for code in ("note", "invoice")}
    async with working(without):
        await until(lambda: done(without))
    for event in before.values():
        assert gate(without, event, "bob") == "enabled"
        assert not without.why(event, "bob").deliveries
    (place,) = [c for c in without.why(before["invoice"], "bob").channels if c.channel == "wire"]
    assert "not enabled" in place.sentence
    wire = Wire()
    clarion = make(wire)
    async with working(clarion):
        after = emit(clarion, "invoice", to=["bob"])
        await until(lambda: done(clarion))
    assert [message.event.id for message in wire.taken] == [after]
    assert results(clarion) == {"sent": 1}
    assert gate(clarion, before["invoice"], "bob") == "enabled", "what was decided stays decided"


async def test_what_nobody_sends_any_more_ends_too(make: Make, travel: Travel) -> None:
    """Its channel was taken out of the application: no sender comes to it."""
    clarion = make(Broken())
    note = emit(clarion, "note", to=crowd(clarion, NUMBER))
    invoice = emit(clarion, "invoice", to=["p00000"])
    async with working(clarion):
        await until(lambda: paused(clarion) and count(clarion, queue) == NUMBER + 1)
    without = make()
    travel(3 * DAY - HOUR)
    async with working(without):
        await wait(without, travel, 2 * HOUR)
        await until(lambda: results(without)["suppressed"] == NUMBER)
    assert ends(clarion, note, "p00000") == ("suppressed", "expired")
    assert ends(clarion, invoice, "p00000")[0] == "waiting"


async def test_what_an_operator_pauses_for_too_long_ends_too(make: Make, travel: Travel) -> None:
    wire = Wire()
    clarion = make(wire)
    clarion.start()
    clarion.pause("wire", until=clock.now() + 10 * DAY, by="olga")
    event = emit(clarion, "note", to=crowd(clarion, NUMBER))
    async with working(clarion):
        await until(lambda: count(clarion, queue) == NUMBER)
        await wait(clarion, travel, 3 * DAY + HOUR)
        await until(lambda: done(clarion))
    assert results(clarion) == {"suppressed": NUMBER}
    assert clarion.counts(event).dropped == NUMBER
    assert not wire.begun


async def test_a_max_age_that_is_raised_meanwhile_holds(make: Make, travel: Travel) -> None:
    """As an operator does who sees that the repair takes longer."""
    wire = Broken()
    clarion = make(wire)
    note = emit(clarion, "note", to=crowd(clarion, 3))
    async with working(clarion):
        await until(lambda: paused(clarion) and count(clarion, queue) == 3)
        clarion.types["note"] = replace(clarion.types["note"], max_age=7 * DAY)
        await wait(clarion, travel, 4 * DAY)
        seen = len(wire.begun)
        await until(lambda: len(wire.begun) > seen)
        assert count(clarion, queue) == 3
        await wait(clarion, travel, 4 * DAY)
        await until(lambda: done(clarion))
    assert ends(clarion, note, "p00000") == ("suppressed", "expired")
