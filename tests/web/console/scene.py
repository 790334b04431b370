"""An application that has told a few people of something, and failed with some: what the console's pages show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from clarion import Clarion, Policy, Reject, Retries
from clarion.message import Message
from clarion.recipient import Address
from tests.support.working import Wire, done, emit, until, working

ONCE = Policy(retries=Retries(waits=()))
SAID = "550 we do not want 4711"


async def does(message: Message, _to: Address) -> str:
    """Refuses all to those whose ids begin with `fails`."""
    if message.recipient.id.startswith("fails"):
        raise Reject("spam", SAID)
    return "a receipt"


def wire() -> Wire:
    return Wire(does)


def declare(clarion: Clarion) -> None:
    """A type that goes out, and people who are reached there."""
    clarion.type("post", channels=["inbox", "wire"], policy=ONCE, category="notes", description="A post")
    clarion.start()
    for id in ("bob", "fails", "fails2"):
        clarion.recipients.upsert(id, name=id.title(), addresses={"wire": f"{id}@a.test"})


async def told(clarion: Clarion, type: str = "post", **fields: Any) -> UUID:
    """Emit, and wait until everybody was told."""
    event = emit(clarion, type, **fields)
    async with working(clarion):
        await until(lambda: done(clarion))
    return event


async def posted(clarion: Clarion, **fields: Any) -> UUID:
    """One post, the first thing that this application tells anybody."""
    declare(clarion)
    return await told(clarion, **fields)


def later() -> timedelta:
    return timedelta(hours=2)
