"""Retries with a travelling clock: when each attempt is made, that a crowd does not come back at once (F19), and
what is kept of an attempt of which nobody knows how it ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from clarion import Clarion, Policy, Retries, Retry
from clarion.message import Message
from clarion.recipient import Address
from clarion.store.schema import outcomes, queue
from tests.support.working import Wire, crowd, done, emit, ends, limits, people, results, until, working

pytestmark = pytest.mark.anyio

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
CROWD = 300
Travel = Callable[[timedelta], None]
Make = Callable[..., Clarion]


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    made: list[Clarion] = []

    def application(wire: Wire, retries: Retries, **limited: Any) -> Clarion:
        clarion = Clarion(database_url, channels=[wire], limits=limits(**limited))
        made.append(clarion)
        clarion.type("note", channels=["wire"], policy=Policy(retries=retries))
        return clarion

    yield application
    for clarion in made:
        clarion.close()


def refusing(after: timedelta | None = None) -> Wire:
    async def busy(_message: Message, _address: Address) -> None:
        raise Retry("http_503", after=after)

    return Wire(busy)


async def refused(clarion: Clarion, times: int) -> list[timedelta]:
    """How long each waits, of a crowd that was just refused for the nth time."""
    await until(lambda: results(clarion, final=False)["retry"] == CROWD * times)
    its = outcomes.c.delivery_id == queue.c.delivery_id
    chosen = sa.select(queue.c.due_at, outcomes.c.at).join(outcomes, its).where(outcomes.c.attempt == times)
    rows = clarion.database.read(lambda conn: conn.execute(chosen.where(outcomes.c.result == "retry")).all())
    assert len(rows) == CROWD
    return [row.due_at - row.at for row in rows]


def spikes(waits: list[timedelta], least: timedelta, most: timedelta) -> None:
    """None before `least` or after `most`; and of ten equal parts of what lies between, none holds a quarter."""
    slack = 5 * SECOND  # between reckoning and writing down, on a busy machine
    assert least - slack <= min(waits)
    assert max(waits) <= most + slack
    parts = Counter(int(min((wait - least) / (most - least), 0.999) * 10) for wait in waits)
    assert max(parts.values()) < CROWD / 4, parts
    assert len(parts) == 10, parts


@pytest.mark.parametrize(
    ("retries", "waits"),
    [
        (Retries((10 * MINUTE, 2 * HOUR, 30 * MINUTE), jitter=0.2), (10 * MINUTE, 2 * HOUR, 30 * MINUTE)),
        (
            Retries.exponential(attempts=4, first=20 * MINUTE, ceiling=HOUR, jitter=0.3),
            (20 * MINUTE, 40 * MINUTE, HOUR),
        ),
    ],
    ids=["schedule", "exponential"],
)
async def test_a_crowd_follows_the_schedule_and_does_not_come_back_at_once(
    make: Make, travel: Travel, retries: Retries, waits: tuple[timedelta, ...]
) -> None:
    wire = refusing()
    clarion = make(wire, retries)
    emit(clarion, "note", to=crowd(clarion, CROWD))
    async with working(clarion):
        for times, wait in enumerate(waits, start=1):
            jitter = retries.jitter
            spikes(await refused(clarion, times), wait * (1 - jitter), wait * (1 + jitter))
            travel(wait * (1 - jitter) - 30 * SECOND)
            await asyncio.sleep(0.2)
            assert len(wire.begun) == CROWD * times, "nothing early"
            travel(wait * jitter * 2 + MINUTE)
        await until(lambda: done(clarion))
    assert results(clarion) == {"failed": CROWD}
    assert len(wire.begun) == CROWD * retries.attempts
    assert {message.attempt for message in wire.begun} == {1, 2, 3, 4}


async def test_a_crowd_that_is_asked_to_come_back_in_a_minute_is_spread_behind_it(make: Make) -> None:
    clarion = make(refusing(after=10 * MINUTE), Retries((MINUTE, HOUR), jitter=0.2))
    emit(clarion, "note", to=crowd(clarion, CROWD))
    async with working(clarion):
        spikes(await refused(clarion, 1), 10 * MINUTE, 12 * MINUTE)


async def test_what_is_asked_is_clamped_to_the_longest_wait(make: Make) -> None:
    clarion = make(refusing(after=timedelta(days=4000)), Retries((MINUTE, HOUR), jitter=0.2))
    emit(clarion, "note", to=crowd(clarion, CROWD))
    async with working(clarion):
        spikes(await refused(clarion, 1), HOUR, HOUR * 1.2)


async def test_an_unknown_outcome_is_said_to_be_one_and_tried_with_the_same_id(
    make: Make, travel: Travel
) -> None:
    """The first cannot be told, the second is taken: the receiver can drop the repeat by its id."""
    seen: list[UUID] = []

    async def lost_after_the_dot(message: Message, _address: Address) -> None:
        seen.append(message.id)
        if message.attempt == 1:
            raise Retry("unknown_outcome", "the connection broke before the answer")

    clarion = make(Wire(lost_after_the_dot), Retries((MINUTE,), jitter=0))
    event = emit(clarion, "note", to=people(clarion, "bob"))
    async with working(clarion):
        await until(lambda: len(seen) == 1 and results(clarion, final=False)["retry"] == 1)
        assert ends(clarion, event, "bob") == ("waiting", "unknown_outcome")
        travel(MINUTE + SECOND)
        await until(lambda: done(clarion))
    (delivery,) = clarion.why(event, "bob").deliveries
    said = [(a.n, a.result, a.code) for a in delivery.attempts if a.result != "given_back"]
    assert said == [(1, "retry", "unknown_outcome"), (2, "sent", None)]
    assert set(seen) == {delivery.id}


async def test_it_fails_with_the_reason_of_its_last_attempt(make: Make, travel: Travel) -> None:
    async def differs(message: Message, _address: Address) -> None:
        raise Retry("busy" if message.attempt == 1 else "unknown_outcome", "cut off")

    clarion = make(Wire(differs), Retries((MINUTE,), jitter=0))
    event = emit(clarion, "note", to=people(clarion, "bob"))
    async with working(clarion):
        await until(lambda: results(clarion, final=False)["retry"] == 1)
        travel(MINUTE + SECOND)
        await until(lambda: done(clarion))
    assert ends(clarion, event, "bob") == ("failed", "unknown_outcome")


async def test_a_lease_that_runs_out_backs_off(make: Make, travel: Travel) -> None:
    """A worker that never comes back: each time the delivery rests for twice as long, and then it has failed."""
    from clarion.store import queue as store

    clarion = make(Wire(), Retries())
    people(clarion, "bob")
    clarion.start()
    event = emit(clarion, "note", to=["bob"])
    elsewhere = Clarion(clarion.database.url.render_as_string(hide_password=False), limits=limits())
    elsewhere.type("note", channels=["wire"])
    async with working(elsewhere):  # decides, and has nothing to send with
        await until(lambda: ends(clarion, event, "bob")[0] == "waiting")
    elsewhere.close()
    lease, rests = 30 * SECOND, []

    def claim(conn: sa.Connection) -> None:
        store.claim_due(conn, "wire", most=1, each=1, lease=lease, after="")
        store.claim_one_lost(conn, "wire", lease=lease)

    for _ in range(3):
        clarion.database.run(claim)  # and then it dies
        travel(lease + SECOND)
        clarion.database.run(claim)  # somebody finds it
        (delivery,) = clarion.why(event, "bob").deliveries
        assert delivery.due_at is not None
        rests.append(delivery.due_at - delivery.attempts[-1].at)
        travel(10 * SECOND)
    clarion.database.run(claim)
    travel(lease + SECOND)
    clarion.database.run(claim)
    assert [round(rest / SECOND) for rest in rests] == [1, 2, 4]
    assert ends(clarion, event, "bob") == ("failed", "lease_lost")
