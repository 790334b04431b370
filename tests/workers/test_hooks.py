"""Hooks: called once it is certain, and harmless whatever they do."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from clarion import Address, Clarion, ConfigError, Ending, Gone, Reject, Retry, clock
from clarion.delivery import LOSSES_ALLOWED
from clarion.message import Message
from clarion.store.schema import deliveries, outcomes, queue
from clarion.workers import hooks as hooks_module
from clarion.workers.hooks import AT_ONCE, Hooks
from tests.support.command import start
from tests.support.working import (
    PATIENCE,
    Wire,
    await_true,
    count,
    crowd,
    done,
    emit,
    people,
    results,
    until,
    working,
)
from tests.workers.conftest import Make

pytestmark = pytest.mark.anyio


def ending(n: int = 0) -> Ending:
    return Ending(
        tenant="default",
        event=UUID(int=n),
        correlation_id="c",
        type="note",
        recipient=f"p{n}",
        channel="wire",
        at=clock.now(),
    )


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hangs until the end of the test."""
    event = threading.Event()
    yield event
    event.set()


async def test_each_end_calls_its_hook_once_with_what_it_was(make: Make) -> None:
    async def does(message: Message, address: Address) -> str:
        if address.value.startswith("reject"):
            raise Reject("too_large", "10 MB")
        if address.value.startswith("gone"):
            raise Gone("smtp_550")
        if address.value.startswith("later") and message.attempt == 1:
            raise Retry("smtp_451")
        return "receipt"

    clarion = make(Wire(does))
    sent: list[Ending] = []
    failed: list[Ending] = []
    suppressed: list[Ending] = []
    assert clarion.on_sent(sent.append)
    clarion.on_failed(failed.append)
    clarion.on_suppressed(suppressed.append)
    people(clarion, "fine", "later", "reject", "gone", "muted")
    clarion.recipients.prefer("muted", "*", channel="wire", enabled=False)
    event = emit(clarion, "note", to=["fine", "later", "reject", "gone", "muted"], correlation_id="request-7")
    async with working(clarion):
        await until(lambda: done(clarion))
        await until(lambda: len(sent) + len(failed) + len(suppressed) == 5)
    assert sorted(one.recipient for one in sent) == ["fine", "later"]
    assert {one.recipient: one.code for one in failed} == {"reject": "too_large", "gone": "smtp_550"}
    assert [(one.recipient, one.channel, one.code) for one in suppressed] == [("muted", "wire", "consent")]
    assert suppressed[0].delivery is None
    for one in sent + failed:
        (delivery,) = [d for d in clarion.why(event, one.recipient).deliveries if d.channel == "wire"]
        assert (one.delivery, one.at) == (delivery.id, delivery.attempts[-1].at)
        assert count(
            clarion, deliveries, deliveries.c.id == one.delivery, deliveries.c.address_id == one.address
        )
    assert {(one.event, one.type, one.correlation_id) for one in sent + failed + suppressed} == {
        (event, "note", "request-7")
    }


async def test_what_is_no_longer_wanted_when_its_turn_comes_is_suppressed_and_said(
    make: Make, wire: Wire
) -> None:
    clarion = make(wire)
    suppressed: list[Ending] = []
    clarion.on_suppressed(suppressed.append)
    people(clarion, "bob")
    event = emit(clarion, "note", to=["bob"])
    async with working(make()):  # decides, and has nothing to send with
        await until(lambda: bool(clarion.status(event)))
    clarion.recipients.upsert("bob", active=False)
    async with working(clarion):
        await until(lambda: done(clarion))
        await until(lambda: suppressed)
    assert [(one.recipient, one.code) for one in suppressed] == [("bob", "active")]
    assert suppressed[0].delivery is not None
    assert not wire.begun


async def test_what_grew_too_old_while_nobody_could_send_it_is_suppressed_and_said(
    make: Make, wire: Wire, travel: Any
) -> None:
    sender, clarion = make(wire), make()  # the latter decides, and has nothing to send with
    for one in (sender, clarion):
        one.type("brief", channels=["wire"], max_age=timedelta(hours=1))
    sender.start()
    people(sender, "bob")
    suppressed: list[Ending] = []
    clarion.on_suppressed(suppressed.append)
    before = counted()
    event = emit(clarion, "brief", to=["bob"])
    async with working(clarion):
        await until(lambda: count(clarion, queue) == 1)
        travel(timedelta(hours=2))
        await until(lambda: suppressed)
    assert [(one.event, one.recipient, one.channel, one.code) for one in suppressed] == [
        (event, "bob", "wire", "expired")
    ]
    assert suppressed[0].delivery is not None
    assert suppressed[0].address is not None
    assert counted() == before + 1


def counted() -> float:
    return (
        REGISTRY.get_sample_value("clarion_deliveries_total", {"channel": "wire", "result": "suppressed"})
        or 0.0
    )


async def test_it_is_committed_when_the_hook_is_called(make: Make, wire: Wire) -> None:
    clarion = make(wire)
    seen: list[int] = []
    written = sa.and_(outcomes.c.final, outcomes.c.result == "sent")

    @clarion.on_sent
    def look(one: Ending) -> None:
        seen.append(count(clarion, outcomes, outcomes.c.delivery_id == one.delivery, written))

    emit(clarion, "note", to=crowd(clarion, 20))
    async with working(clarion):
        await until(lambda: len(seen) == 20)
    assert seen == [1] * 20


async def test_a_hook_that_raises_or_exits_harms_nothing(
    make: Make, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    clarion = make(wire)
    fine: list[Ending] = []

    @clarion.on_sent
    def broken(one: Ending) -> None:
        if one.recipient == "bob":
            raise ValueError("what?")
        sys.exit(3)

    clarion.on_sent(fine.append)
    event = emit(clarion, "note", to=people(clarion, "bob", "eve"))
    with caplog.at_level(logging.WARNING, logger="clarion"):
        async with working(clarion):
            await until(lambda: done(clarion))
            await until(lambda: len(fine) == 2)
            await until(lambda: caplog.text.count("broken of on_sent failed") == 2)
    assert results(clarion) == {"sent": 2}
    records = [record for record in caplog.records if "broken of on_sent" in record.getMessage()]
    assert {record.__dict__["event"] for record in records} == {str(event)}
    assert "ValueError: what?" in caplog.text


async def test_a_hook_that_hangs_delays_neither_sending_nor_others(
    make: Make, wire: Wire, gate: threading.Event
) -> None:
    clarion = make(wire)
    told: list[Ending] = []
    hanging: list[Ending] = []

    @clarion.on_sent
    def hangs(one: Ending) -> None:
        hanging.append(one)
        gate.wait(PATIENCE * 4)

    clarion.on_sent(told.append)
    emit(clarion, "note", to=crowd(clarion, 40))
    async with working(clarion):
        await until(lambda: done(clarion))
        await until(lambda: len(told) == 40)
        await until(lambda: len(hanging) == AT_ONCE)
    assert not gate.is_set(), "the worker has ended although the hook hangs"
    assert len(hanging) == AT_ONCE


async def test_at_the_end_of_a_worker_what_waits_is_still_called(make: Make, wire: Wire) -> None:
    clarion = make(wire)
    told: list[UUID | None] = []
    clarion.on_sent(lambda one: told.append(one.delivery))
    emit(clarion, "note", to=crowd(clarion, 30))
    async with working(clarion):
        await until(lambda: done(clarion))
    await until(lambda: len(told) == 30)
    assert len(set(told)) == 30


async def test_a_lost_lease_calls_nothing(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Its outcome was not written: whoever has the delivery now says what became of it."""
    hold, began = asyncio.Event(), asyncio.Event()

    async def waits(_message: Message, _address: Address) -> None:
        if not began.is_set():
            began.set()
            await hold.wait()

    clarion = make(Wire(waits), lease=timedelta(seconds=60))
    told: list[Ending] = []
    clarion.on_sent(told.append)
    event = emit(clarion, "note", to=people(clarion, "bob"))
    async with working(clarion):
        await began.wait()
        clarion.database.run(
            lambda conn: conn.execute(sa.update(queue).values(claims=queue.c.claims + 1, lease_until=None))
        )
        with caplog.at_level(logging.WARNING):
            hold.set()
            await until(lambda: done(clarion))
            await until(lambda: "was lost before its outcome was written" in caplog.text)
    assert [one.recipient for one in told] == ["bob"]
    (record,) = [record for record in caplog.records if "lost before its outcome" in record.getMessage()]
    said = {name: record.__dict__[name] for name in ("event", "correlation_id", "channel")}
    assert said == {"event": str(event), "correlation_id": str(event), "channel": "wire"}


async def test_what_every_process_died_with_has_failed(
    make: Make, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    clarion = make(wire)
    failed: list[Ending] = []
    clarion.on_failed(failed.append)
    event = emit(clarion, "note", to=people(clarion, "bob"), correlation_id="request-7")
    async with working(make()):  # decides, and has nothing to send with
        await until(lambda: count(clarion, queue) == 1)
    over = clock.now() - timedelta(minutes=1)
    lost = {"losses": LOSSES_ALLOWED, "lease_until": over, "due_at": over}
    clarion.database.run(lambda conn: conn.execute(sa.update(queue).values(lost)))
    with caplog.at_level(logging.WARNING):
        async with working(clarion):
            await until(lambda: done(clarion))
            await until(lambda: failed)
    assert [(one.event, one.recipient, one.code) for one in failed] == [(event, "bob", "lease_lost")]
    (record,) = [r for r in caplog.records if "ended failed" in r.getMessage()]
    assert record.__dict__["correlation_id"] == "request-7"
    assert not wire.begun


def test_a_hook_that_hangs_does_not_hold_up_the_end_of_a_process(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "shop.py").write_text(HANGING)
    clarion = Clarion(database_url, channels=[Wire()])
    clarion.type("note", channels=["wire"])
    people(clarion, "bob")
    emit(clarion, "note", to=["bob"])
    worker = start("work", "--app", "shop:clarion", cwd=tmp_path, env={"SHOP_DATABASE": database_url})
    try:
        await_true((tmp_path / "called").exists)
        worker.terminate()
        _, log = worker.communicate(timeout=PATIENCE)
    finally:
        worker.kill()
    assert worker.returncode == 0, log
    assert "stopped" in log
    assert results(clarion) == {"sent": 1}
    clarion.close()


HANGING = """
import os, pathlib, threading
from clarion import Clarion

class Wire:
    name = "wire"

    async def send(self, message, address):
        pass

clarion = Clarion(os.environ["SHOP_DATABASE"], channels=[Wire()])
clarion.type("note", channels=["wire"])

@clarion.on_sent
def hangs(ending):
    pathlib.Path("called").touch()
    threading.Event().wait()
"""


async def test_what_waits_is_bounded_and_the_rest_dropped_audibly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, gate: threading.Event
) -> None:
    monkeypatch.setattr(hooks_module, "WAITING", 10)
    hooks, called = Hooks(), list[Ending]()

    def hangs(one: Ending) -> None:
        called.append(one)
        gate.wait(PATIENCE * 4)

    hooks.add("on_sent", hangs)
    with caplog.at_level(logging.WARNING):
        hooks.call("on_sent", [ending(n) for n in range(10)])
        await until(lambda: len(called) == AT_ONCE)
        hooks.call("on_sent", [ending(n) for n in range(10, 30)])
        hooks.call("on_sent", [ending(n) for n in range(30, 50)])
    assert caplog.text.count("calls are dropped") == 1
    assert not hooks.finish(within=0.05)
    gate.set()
    assert await asyncio.to_thread(hooks.finish, within=PATIENCE)
    assert sorted(one.event.int for one in called) == list(range(10 + AT_ONCE))


def test_threads_end_when_there_is_nothing_to_call() -> None:
    hooks, called = Hooks(), list[Ending]()
    hooks.add("on_failed", called.append)
    for n in range(100):
        hooks.call("on_failed", [ending(n)])
    assert hooks.finish(within=PATIENCE)
    await_true(lambda: not [t for t in threading.enumerate() if t.name == "clarion-hook"])
    assert len(called) == 100


def test_only_functions_are_hooks() -> None:
    with pytest.raises(ConfigError, match="on_sent takes a function of one argument, got 3"):
        Hooks().add("on_sent", 3)  # type: ignore[arg-type]
