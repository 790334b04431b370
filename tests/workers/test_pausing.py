"""A provider that is down is left alone by all workers, tried by one message at a time, and costs nobody an attempt."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from clarion.clock import now
from clarion.errors import Down, Reject
from clarion.message import Message
from clarion.pause import Pause
from clarion.recipient import Address
from clarion.store import pauses
from clarion.store.schema import outcomes, queue
from tests.support.working import Wire, count, crowd, done, emit, results, until, working
from tests.workers.conftest import Make

pytestmark = pytest.mark.anyio

NUMBER = 300


class Provider:
    """Out of reach until it is not."""

    def __init__(self) -> None:
        self.out = True
        self.tried = 0

    async def __call__(self, _message: Message, _address: Address) -> None:
        self.tried += 1
        if self.out:
            raise Down("connect", "refused")


async def test_while_it_is_down_nearly_nothing_is_tried_and_then_everything_flows(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    provider = Provider()
    clarion = make(Wire(provider), batch=20, concurrency=5)
    emit(clarion, "note", to=crowd(clarion, NUMBER))
    probes = sa.select(sa.func.max(pauses.pauses.c.probes))
    with caplog.at_level(logging.WARNING, "clarion.workers.pausing"):
        async with working(clarion):
            await until(lambda: (clarion.database.read(lambda c: c.execute(probes).scalar()) or 0) >= 1)
            assert provider.tried < 20, "of 300: those in hand, and then a probe at a time"
            assert count(clarion, queue, queue.c.attempts > 0) == 0
            assert count(clarion, queue) == NUMBER
            provider.out = False
            await until(lambda: done(clarion))
    assert results(clarion) == {"sent": NUMBER}
    spent = sa.select(sa.func.max(outcomes.c.attempt))
    assert clarion.database.read(lambda conn: conn.execute(spent).scalar()) == 1
    assert clarion.database.read(pauses.standing)[0] == []
    said = [record.getMessage() for record in caplog.records]
    assert [m.split(" ")[0:3] for m in said] == [["wire", "is", "down"], ["wire", "is", "back,"]], "once each"


async def test_workers_share_a_pause(make: Make) -> None:
    provider = Provider()
    first, second = (make(Wire(provider), batch=20, concurrency=5) for _ in range(2))
    emit(first, "note", to=crowd(first, NUMBER))
    async with working(first), working(second):
        await until(lambda: first.database.read(pauses.standing)[0])
        await until(lambda: first.database.read(pauses.standing)[0][0].probes >= 1)
        assert provider.tried < 40
        provider.out = False
        await until(lambda: done(first))
    assert results(first) == {"sent": NUMBER}


async def test_a_refusal_is_an_answer(make: Make) -> None:
    """The probe may be the one message that nobody takes: the others need not wait for that."""
    provider = Provider()

    async def refuses(message: Message, address: Address) -> None:
        await provider(message, address)
        raise Reject("550", "no")

    clarion = make(Wire(refuses))
    emit(clarion, "note", to=crowd(clarion, 10))
    async with working(clarion):
        await until(lambda: clarion.database.read(pauses.standing)[0])
        provider.out = False
        await until(lambda: done(clarion))
    assert results(clarion) == {"failed": 10}


@pytest.mark.parametrize("ends_by", ["itself", "resuming"])
async def test_an_operators_pause_is_kept_to_its_end(
    make: Make, travel: Callable[[timedelta], None], ends_by: str
) -> None:
    provider = Provider()
    provider.out = False
    clarion = make(Wire(provider))
    until_ = now() + timedelta(hours=1)
    asked = Pause(channel="wire", by="olga", since=now(), until=until_, detail="a new relay")
    clarion.database.run(lambda conn: pauses.ask_for(conn, asked))
    emit(clarion, "note", to=crowd(clarion, 10))
    async with working(clarion):
        await until(lambda: count(clarion, queue) == 10)
        assert provider.tried == 0
        if ends_by == "itself":
            travel(timedelta(hours=1, seconds=1))
        else:
            clarion.database.run(lambda conn: pauses.resume(conn, "wire"))
        await until(lambda: done(clarion))
    assert results(clarion) == {"sent": 10}
    assert clarion.database.read(pauses.standing)[0] == []
