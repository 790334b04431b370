"""Whatever goes wrong, each line of the log about an event says which, and with which correlation id."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from clarion import Clarion, Ending, Escalation, Event, Gone, Policy, Reject, Retries, Retry
from clarion.delivery import LOSSES_ALLOWED
from clarion.message import Message
from clarion.recipient import Address
from clarion.store.schema import conditions, events, queue
from tests.support import lines
from tests.support.lines import Line
from tests.support.working import Wire, count, done, emit, emit_many, people, until, working
from tests.workers.conftest import SOON, Make

pytestmark = pytest.mark.anyio

ONCE = Policy(retries=Retries(()))
shop = logging.getLogger("shop")


@pytest.fixture
def log() -> Iterator[list[Line]]:
    with lines.kept() as kept:
        yield kept


def saying(log: list[Line], words: str) -> list[Line]:
    return [line for line in log if words in line["message"]]


def all_about(log: list[Line], ids: Mapping[str, UUID]) -> None:
    """Every line of the log is about one of these events, by correlation id."""
    astray = [
        line
        for line in log
        if line.get("correlation_id") not in ids or line["event"] != str(ids[line["correlation_id"]])
    ]
    assert not astray


def correlated(clarion: Clarion, *types: str, **fields: Any) -> dict[str, UUID]:
    """An event of each type to bob, with the type as its correlation id."""
    return {
        type: emit(clarion, type, correlation_id=type, **{"to": ["bob"], **fields.get(type, {})})
        for type in types
    }


# ── The application's code ───────────────────────────────────────────────────────────────────────────────


async def test_resolvers_that_raise_hang_or_speak_nonsense(make: Make, log: list[Line]) -> None:
    clarion = make(application=timedelta(seconds=0.2))

    def raises(_event: Event, _app: object) -> Any:
        shop.info("in the resolver")
        raise ValueError("no audience")

    def hangs(_event: Event, _app: object) -> Any:
        time.sleep(0.4)

    for code, resolver in (("raises", raises), ("hangs", hangs), ("nonsense", lambda _e, _a: [("x", 5)])):
        clarion.type(code, channels=["inbox"], policy=ONCE, resolver=resolver)
    clarion.type("closed", channels=["inbox"], policy=ONCE, access=lambda *_: 1 / 0)
    ids = correlated(clarion, "raises", "hangs", "nonsense", "closed")
    async with working(clarion):
        await until(lambda: done(clarion))
    all_about(log, ids)
    for code in ids:
        assert len([line for line in saying(log, "audience of") if line["correlation_id"] == code]) == 1
        assert (
            len([line for line in saying(log, "nobody else is told") if line["event"] == str(ids[code])]) == 1
        )
    assert [line["correlation_id"] for line in saying(log, "in the resolver")] == ["raises"]


async def test_access_checks_before_sending(make: Make, wire: Wire, log: list[Line]) -> None:
    asked: list[int] = []

    def access(_event: Event, ids: Any, _app: object) -> Any:
        asked.append(1)
        shop.info("asked")
        if len(asked) == 2:
            raise OSError("the directory is down")
        return ids

    clarion = make(wire)
    clarion.type("guarded", channels=["wire"], policy=Policy(retries=SOON), access=access)
    people(clarion, "bob")
    ids = correlated(clarion, "guarded")
    async with working(clarion):
        await until(lambda: done(clarion))
    all_about(log, ids)
    assert len(saying(log, "access check of 'guarded' failed")) == 1
    assert len(saying(log, "asked")) == 3


async def test_channels_and_hooks(make: Make, log: list[Line]) -> None:
    async def does(_message: Message, address: Address) -> None:
        await asyncio.to_thread(shop.info, "sending to %s", address.value)
        if address.value.startswith("gone"):
            raise Gone("smtp_550", "no such user")
        if address.value.startswith("reject"):
            raise Reject("smtp_554", "no")

    clarion = make(Wire(does))

    @clarion.on_failed
    def fails(ending: Ending) -> None:
        shop.info("hook of %s", ending.recipient)
        raise ValueError("what?")

    people(clarion, "bob", "gone", "reject")
    ids = {"request-7": emit(clarion, "note", to=["bob", "gone", "reject"], correlation_id="request-7")}
    async with working(clarion):
        await until(lambda: len(saying(log, "hook test_")) == 2)
    all_about(log, ids)
    deliveries = {line["message"]: line["delivery"] for line in saying(log, "sending to")}
    assert len(set(deliveries.values())) == 3
    (dead,) = saying(log, "is dead")
    assert dead["delivery"] == deliveries["sending to gone@a.test"]
    assert {line["delivery"] for line in saying(log, "hook of gone")} == {dead["delivery"]}
    assert {line["channel"] for line in log} == {"wire"}


# ── The machinery ────────────────────────────────────────────────────────────────────────────────────────


async def test_types_that_are_not_declared_here(make: Make, log: list[Line]) -> None:
    there, here = make(), make()
    there.type("foreign", channels=["inbox"])
    ids = correlated(there, "foreign")
    async with working(here):
        await until(lambda: saying(log, "not declared here"))
    all_about(log, ids)


async def test_an_audience_that_kills_is_given_up(make: Make, log: list[Line]) -> None:
    clarion = make()
    ids = correlated(clarion, "note")
    clarion.database.run(lambda conn: conn.execute(sa.update(events).values(losses=LOSSES_ALLOWED + 1)))
    async with working(clarion):
        await until(lambda: done(clarion))
    all_about(log, ids)
    assert len(saying(log, "killed or froze the worker")) == 1


async def test_what_cannot_be_decided_together_is_said_of_each(make: Make, log: list[Line]) -> None:
    clarion = make()
    clarion.type("poisoned", channels=["inbox"], policy=ONCE)
    clarion.recipients.upsert("bob")
    clarion.recipients.prefer("bob", "*", min_severity="info")
    clarion.database.run(lambda conn: conn.execute(sa.text("UPDATE clarion_preferences SET channels = '5'")))
    both = [("poisoned", {"to": ["bob"], "correlation_id": f"request-{n}"}) for n in range(2)]
    ids = dict(zip(("request-0", "request-1"), emit_many(clarion, both), strict=True))
    async with working(clarion):
        await until(lambda: done(clarion))
    (page,) = saying(log, "a page of 2 events failed")
    assert all(str(id) in page["message"] for id in ids.values())
    log.remove(page)
    all_about(log, ids)
    assert {line["correlation_id"] for line in log} == set(ids)


async def test_leases_that_are_lost(make: Make, log: list[Line]) -> None:
    hold, begun = asyncio.Event(), asyncio.Event()

    async def waits(_message: Message, _address: Address) -> None:
        if not begun.is_set():
            begun.set()
            await hold.wait()

    clarion = make(Wire(waits), lease=timedelta(seconds=60))
    people(clarion, "bob")
    ids = correlated(clarion, "note")
    async with working(clarion):
        await begun.wait()
        taken_over = sa.update(queue).values(claims=queue.c.claims + 1, lease_until=None)
        clarion.database.run(lambda conn: conn.execute(taken_over))
        hold.set()
        await until(lambda: saying(log, "was lost before its outcome was written"))
    all_about(log, ids)


async def test_outcomes_that_cannot_be_written_yet(make: Make, log: list[Line]) -> None:
    def rename(name: str, to: str) -> None:
        clarion.database.run(lambda conn: conn.execute(sa.text(f"ALTER TABLE {name} RENAME TO {to}")))

    async def does(_message: Message, _address: Address) -> None:
        rename("clarion_outcomes", "moved")

    clarion = make(Wire(does))
    people(clarion, "bob")
    ids = correlated(clarion, "note")
    async with working(clarion):
        await until(lambda: saying(log, "could not settle 1 deliveries"))
        rename("moved", "clarion_outcomes")
        await until(lambda: done(clarion))
    all_about(saying(log, "could not settle"), ids)


async def test_steps_of_a_condition_that_cannot_be_taken(make: Make, log: list[Line]) -> None:
    async def later(_message: Message, _address: Address) -> None:
        raise Retry("busy")

    clarion = make(Wire(later))
    steps = (Escalation(after=timedelta(seconds=1), renotify=True),)
    clarion.type("disk", channels=["wire"], policy=Policy(escalation=steps))
    ids = correlated(clarion, "disk", disk={"condition": "disk/1"})
    async with working(clarion):
        await until(lambda: count(clarion, conditions) and done(clarion))
        clarion.database.run(
            lambda conn: conn.execute(sa.update(events).values(tags=sa.literal_column("'{'")))
        )
        await until(lambda: saying(log, "upkeep of"))
        clarion.database.run(lambda conn: conn.execute(sa.update(events).values(tags=[])))
    all_about(log, ids)
