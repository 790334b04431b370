"""Asked again before sending: whatever changed since it was planned, and then ends as suppressed, with its gate."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Address, Clarion, Event
from clarion.store.schema import events, notifications, queue
from tests.support.working import (
    Wire,
    count,
    done,
    emit,
    ends,
    gate,
    people,
    results,
    until,
    working,
)
from tests.workers.conftest import Make

pytestmark = pytest.mark.anyio


class Doors:
    """What the application's access check answers."""

    def __init__(self) -> None:
        self.closed: set[str] = set()
        self.asked: list[list[str]] = []
        self.broken: Exception | None = None

    def allowed(self, _event: Event, ids: Collection[str], _app: object) -> Collection[str]:
        self.asked.append(list(ids))
        if self.broken:
            raise self.broken
        return [id for id in ids if id not in self.closed]


def declare(clarion: Clarion, doors: Doors) -> Clarion:
    clarion.type("doc.shared", channels=["inbox", "wire"], access=doors.allowed)
    clarion.type("doc.seen", channels=["inbox", "wire"], unless_read=True)
    return clarion


async def planned(make: Make, doors: Doors, type: str, **fields: Any) -> tuple[Clarion, Any]:
    """An event that is decided, its deliveries waiting; and an application to send them."""
    clarion, deciding = declare(make(Wire()), doors), declare(make(), doors)
    clarion.start()
    if not count(clarion, queue):
        people(clarion, "bob", "eve")
    event = emit(clarion, type, to=["bob", "eve"], **fields)
    async with working(deciding):
        await until(lambda: not count(clarion, events, events.c.due_at.is_not(None)))
    return clarion, event


def forget(clarion: Clarion) -> None:
    clarion.recipients.upsert("bob", addresses={})


def move(clarion: Clarion) -> None:
    clarion.recipients.upsert("bob", addresses={"wire": "new@a.test"})


def deactivate(clarion: Clarion) -> None:
    clarion.recipients.upsert("bob", active=False)


def silence(clarion: Clarion) -> None:
    clarion.recipients.prefer("bob", "category:general", channels=["inbox"])


def refuse(clarion: Clarion) -> None:
    clarion.recipients.upsert("bob", enabled=False)


def raise_threshold(clarion: Clarion) -> None:
    clarion.recipients.prefer("bob", "*", channel="wire", min_severity="urgent")


def withdraw(clarion: Clarion) -> None:
    statement = sa.update(notifications).where(notifications.c.recipient == "bob")
    clarion.database.run(lambda conn: conn.execute(statement.values(withdrawn_at=datetime.now(UTC))))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (deactivate, "active"),
        (forget, "reachable"),
        (move, "reachable"),
        (silence, "consent"),
        (refuse, "consent"),
        (raise_threshold, "severity"),
        (withdraw, "withdrawn"),
    ],
)
async def test_what_changed_since_it_was_planned(
    make: Make, change: Callable[[Clarion], None], why: str
) -> None:
    clarion, event = await planned(make, Doors(), "doc.shared")
    change(clarion)
    async with working(clarion):
        await until(lambda: done(clarion))
    assert ends(clarion, event, "bob") == ("suppressed", why)
    assert ends(clarion, event, "eve") == ("sent", None)
    assert gate(clarion, event, "bob") == "told", "the record of the plan stays what it was"


async def test_read_in_the_inbox_meanwhile(make: Make) -> None:
    clarion, event = await planned(make, Doors(), "doc.seen")
    (item,) = clarion.inbox.list("bob").items
    clarion.inbox.mark_read("bob", [item.id])
    async with working(clarion):
        await until(lambda: done(clarion))
    assert ends(clarion, event, "bob") == ("suppressed", "read")
    assert ends(clarion, event, "eve") == ("sent", None)


async def test_expired_between_plan_and_send(make: Make, travel: Callable[[timedelta], None]) -> None:
    clarion, event = await planned(make, Doors(), "note", expires_at=datetime.now(UTC) + timedelta(minutes=5))
    travel(timedelta(minutes=6))
    async with working(clarion):
        await until(lambda: done(clarion))
    assert ends(clarion, event, "bob") == ("suppressed", "expired")
    assert clarion.inbox.count_unread("bob") == 1


async def test_older_than_its_type_allows(make: Make, travel: Callable[[timedelta], None]) -> None:
    clarion, event = await planned(make, Doors(), "note")
    travel(timedelta(days=3, minutes=1))
    async with working(clarion):
        await until(lambda: done(clarion))
    assert ends(clarion, event, "bob") == ("suppressed", "expired")


async def test_access_is_asked_for_in_pages_and_again_at_send(make: Make) -> None:
    doors = Doors()
    clarion = declare(make(Wire(), page=2), doors)
    who = people(clarion, "a", "b", "c", "d", "e")
    doors.closed = {"b"}
    event = emit(clarion, "doc.shared", to=who)
    async with working(declare(make(page=2), doors)):
        await until(lambda: not count(clarion, events, events.c.due_at.is_not(None)))
    assert count(clarion, queue) == 4
    assert doors.asked == [["a", "b"], ["c", "d"], ["e"]]
    assert gate(clarion, event, "b") == gate(clarion, event, "b", "inbox") == "access"

    doors.asked.clear()
    doors.closed = {"b", "d"}
    async with working(clarion):
        await until(lambda: done(clarion))
    assert sorted(id for ids in doors.asked for id in ids) == ["a", "c", "d", "e"]
    assert len(doors.asked) == 1, "one call for the deliveries of an event"
    assert ends(clarion, event, "d") == ("suppressed", "access")
    assert results(clarion) == {"sent": 3, "suppressed": 1}


async def test_an_access_check_that_fails_at_send_costs_nothing(make: Make) -> None:
    """Nothing is sent without knowing, no attempt is spent, neighbours arrive, and it goes on when it answers."""
    doors = Doors()
    clarion, event = await planned(make, doors, "doc.shared")
    doors.broken = sa.exc.OperationalError("the application's own", {}, Exception("database"))
    other = emit(clarion, "note", to=["bob"])
    async with working(clarion):
        await until(lambda: len(doors.asked) >= 3)
        await until(lambda: ends(clarion, other, "bob") == ("sent", None))
        assert ends(clarion, event, "eve")[1] == "access_check"
        doors.broken = None
        await until(lambda: done(clarion))
    assert ends(clarion, event, "eve") == ("sent", None)
    (delivery,) = clarion.why(event, "eve").deliveries
    assert "OperationalError" in (delivery.attempts[0].detail or "")
    assert [attempt.n for attempt in delivery.attempts][-1] == 1
    assert set(results(clarion, final=False)) == {"given_back", "sent"}


async def test_a_hanging_access_check_holds_up_nobody(make: Make) -> None:
    from threading import Event as Flag

    release = Flag()

    class Hanging(Doors):
        def allowed(self, event: Event, ids: Collection[str], app: object) -> Collection[str]:
            super().allowed(event, ids, app)
            if len(self.asked) > 1:
                release.wait(20)
            return ids

    doors = Hanging()
    clarion, event = await planned(make, doors, "doc.shared")
    async with working(clarion):
        await until(lambda: len(doors.asked) == 2)
        other = emit(clarion, "note", to=["bob"])
        await until(lambda: ends(clarion, other, "bob") == ("sent", None), within=2)
        assert ends(clarion, event, "bob") == ("sending", None)
        release.set()
        await until(lambda: done(clarion))
    assert results(clarion) == {"sent": 3}


async def test_history_is_never_sent(make: Make) -> None:
    """Emitted before a channel was there: suppressed at the plan, and not sent once it is."""
    without = make()
    without.start()
    people(without, "bob")
    before = emit(without, "note", to=["bob"])
    wire = Wire()
    clarion = make(wire)
    async with working(clarion):
        await until(lambda: done(clarion))
        after = emit(clarion, "note", to=["bob"])
        await until(lambda: done(clarion))
    assert gate(clarion, before, "bob") == "enabled"
    assert not clarion.why(before, "bob").deliveries
    assert ends(clarion, after, "bob") == ("sent", None)
    assert [message.event.id for message in wire.taken] == [after]
    assert clarion.inbox.count_unread("bob") == 2


async def test_a_channel_asked_for_beyond_the_types_own_and_no_longer(make: Make) -> None:
    wire, extra = Wire(), Wire(name="extra")
    clarion, deciding = make(wire, extra), make()
    clarion.start()
    clarion.recipients.upsert("bob", addresses={"extra": "x"})
    # Another process's channel is known there by a type's declaration.
    for application in (clarion, deciding):
        application.type("other", channels=["extra"])
    clarion.recipients.prefer("bob", "*", channels=["extra"])
    event = emit(clarion, "note", to=["bob"])
    async with working(deciding):
        await until(lambda: count(clarion, queue) == 1)
    clarion.recipients.prefer("bob", "*", channels=None)
    async with working(clarion):
        await until(lambda: done(clarion))
    assert ends(clarion, event, "bob", "extra") == ("suppressed", "consent")
    assert not extra.taken


async def test_one_off_addresses_are_sent_to_and_can_die(make: Make) -> None:
    from clarion import Gone

    async def dead(message: Any, address: Address) -> None:
        if address.value == "dead@x.test":
            raise Gone("smtp_550")

    wire = Wire(dead)
    clarion = make(wire)
    to = [Address("wire", "new@x.test", locale="fr"), Address("wire", "dead@x.test")]
    event = emit(clarion, "note", to={"invited": to})
    async with working(clarion):
        await until(lambda: done(clarion))
        again = emit(clarion, "note", to={"invited": to})
        await until(lambda: done(clarion))
    assert ends(clarion, event, "wire:new@x.test") == ("sent", None)
    assert ends(clarion, event, "wire:dead@x.test") == ("failed", "smtp_550")
    assert gate(clarion, again, "wire:dead@x.test") == "reachable"
    assert gate(clarion, again, "wire:new@x.test", "inbox") == "reachable"
    assert {message.locale for message in wire.taken} == {"fr"}


async def test_a_type_that_is_not_declared_here_is_left_to_others(make: Make) -> None:
    wire = Wire()
    clarion, knows = make(wire), make(Wire())
    knows.type("newer", channels=["wire"])
    people(knows, "bob")
    event = emit(knows, "newer", to=["bob"])
    async with working(clarion):
        other = emit(clarion, "note", to=["bob"])
        await until(lambda: ends(clarion, other, "bob") == ("sent", None))
    assert "not decided yet" in clarion.why(event, "bob").sentence
    assert len(wire.taken) == 1
