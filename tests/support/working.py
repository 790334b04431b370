"""A worker inside the test, channels that do as they are told, and waiting for what must become true."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from clarion import Clarion, clock
from clarion.edit import Edit
from clarion.message import Message
from clarion.recipient import Address
from clarion.store import roster, rows
from clarion.store.schema import deliveries, events, notifications, outcomes, queue, slots, subscriptions
from clarion.workers.wiring import Limits
from clarion.workers.worker import Worker

PATIENCE = 60.0  # seconds: how long a condition may take on a busy machine, no measure of speed
QUICK = Limits(poll=timedelta(milliseconds=20), settle_within=timedelta(milliseconds=10))


def limits(**changed: Any) -> Limits:
    """Limits for tests, which do not wait long."""
    quick = {"poll": QUICK.poll, "settle_within": QUICK.settle_within}
    return Limits(**{**quick, **changed})


class Wire:
    """A channel that keeps what it takes. `does` is called for each send: it may wait, return a receipt, raise."""

    def __init__(
        self, does: Callable[[Message, Address], Awaitable[Any]] | None = None, *, name: str = "wire"
    ) -> None:
        self.name = name
        self.taken: list[Message] = []
        self.begun: list[Message] = []
        self.now = 0
        self.most_at_once = 0
        self._does = does

    async def send(self, message: Message, address: Address) -> str | None:
        self.begun.append(message)
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        try:
            receipt = None if self._does is None else await self._does(message, address)
        finally:
            self.now -= 1
        self.taken.append(message)
        return receipt

    def times(self) -> Counter[UUID]:
        """How often each delivery was taken."""
        return Counter(message.id for message in self.taken)


@asynccontextmanager
async def working(clarion: Clarion) -> AsyncIterator[Worker]:
    """A worker of this application; it is stopped in good order at the end, and must not have failed before."""
    clarion.start()
    worker = clarion.worker()
    task = asyncio.create_task(worker.run())
    try:
        yield worker
        assert not task.done(), "the worker has ended by itself"
    finally:
        worker.stop()
        await asyncio.wait_for(task, PATIENCE)


async def until(condition: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """Wait for what must become true; what it came to."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"still not true after {within} s"
        await asyncio.sleep(0.01)
    return found


def await_true(condition: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """`until`, where there is no event loop."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"still not true after {within} s"
        time.sleep(0.02)
    return found


def emit(clarion: Clarion, type: str, **fields: Any) -> UUID:
    """One event, in a transaction of its own, of an application that is started."""
    clarion.start()
    return clarion.database.run(lambda conn: clarion.emit(conn, type, **fields))


def emit_many(clarion: Clarion, batch: list[tuple[str, Any]]) -> list[UUID]:
    clarion.start()
    return clarion.database.run(lambda conn: clarion.emit_many(conn, batch))


def people(clarion: Clarion, *ids: str, channel: str = "wire") -> list[str]:
    """Recipients with an address each."""
    for id in ids:
        clarion.recipients.upsert(id, name=id.title(), addresses={channel: f"{id}@a.test"})
    return list(ids)


def crowd(clarion: Clarion, number: int, *, channel: str = "wire", prefix: str = "p") -> list[str]:
    """Many recipients with an address each."""
    ids = [f"{prefix}{n:05}" for n in range(number)]
    edits = [Edit(recipient=id, addresses=(Address(channel, f"{id}@a.test"),)) for id in ids]
    clarion.database.run(lambda conn: roster.write(conn, "default", edits, create=True))
    return ids


def subscribed(conn: sa.Connection, topic: str, ids: Iterable[str]) -> None:
    """Subscribe these to a topic, whether they have rows of their own or not."""
    now = clock.now()
    new = [("default", topic, id, now) for id in ids]
    rows.write(conn, subscriptions, ("tenant", "topic", "recipient", "created_at"), new, key=("tenant", "topic", "recipient"))  # fmt: skip


def count(clarion: Clarion, table: sa.Table, *conditions: Any) -> int:
    statement = sa.select(sa.func.count()).select_from(table).where(*conditions)
    return int(clarion.database.read(lambda conn: conn.execute(statement).scalar_one()))


def done(clarion: Clarion) -> bool:
    """Whether every event is walked and every delivery has come to its end."""
    return not count(clarion, events, events.c.due_at.is_not(None)) and not count(clarion, queue)


def settled(clarion: Clarion) -> bool:
    """`done`, and nobody waits for a slot that is free; in one statement, for one may turn into the other."""
    left = sa.or_(
        sa.exists().where(events.c.due_at.is_not(None)),
        sa.exists().where(slots.c.freed_at.is_not(None)),
        sa.exists().where(queue.c.claims >= 0),
    )
    return not clarion.database.read(lambda conn: conn.execute(sa.select(left)).scalar_one())


def results(clarion: Clarion, *, final: bool = True) -> Counter[str]:
    """How many deliveries came to which end; or, not `final`, how many claims to which outcome."""
    chosen = sa.select(outcomes.c.result)
    if final:
        chosen = chosen.where(outcomes.c.final)
    return Counter(clarion.database.read(lambda conn: conn.execute(chosen).scalars().all()))


def ends(clarion: Clarion, event: UUID, recipient: str, channel: str = "wire") -> tuple[str, str | None]:
    """The state of this recipient's delivery, and the code of its last outcome; `absent` while there is none."""
    found = [d for d in clarion.why(event, recipient).deliveries if d.channel == channel]
    if not found:
        return "absent", None
    (delivery,) = found
    return delivery.state.value, delivery.attempts[-1].code if delivery.attempts else None


def gate(clarion: Clarion, event: UUID, recipient: str, channel: str = "wire") -> str | None:
    """The gate that refused at planning; `told` if none did."""
    (why,) = [c for c in clarion.why(event, recipient).channels if c.channel == channel]
    return why.gate or "told"


def no_duplicates(clarion: Clarion) -> None:
    """Each delivery has exactly one final outcome, and each recipient one notification of an event."""
    doubled = (
        sa.select(outcomes.c.delivery_id)
        .where(outcomes.c.final)
        .group_by(outcomes.c.delivery_id)
        .having(sa.func.count() > 1)
    )
    assert not clarion.database.read(lambda conn: conn.execute(doubled).all())
    twice = (
        sa.select(notifications.c.recipient)
        .group_by(notifications.c.event_id, notifications.c.recipient)
        .having(sa.func.count() > 1)
    )
    assert not clarion.database.read(lambda conn: conn.execute(twice).all())
    assert count(clarion, outcomes, outcomes.c.final) + count(clarion, queue) == count(clarion, deliveries)
