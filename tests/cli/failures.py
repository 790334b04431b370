"""Deliveries that have failed, for commands that look at them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from clarion import Clarion, Gone, Reject
from clarion.message import Message
from clarion.recipient import Address
from tests.support.working import Wire, done, emit, limits, people, until, working


@contextmanager
def failed(url: str) -> Iterator[tuple[Clarion, dict[str, UUID]]]:
    """Of one event with the key `k`, by recipient: bob's and carol's were refused, dave's address is dead."""

    async def refuses(message: Message, _address: Address) -> None:
        if message.recipient.id == "dave":
            raise Gone("550", "no such user")
        raise Reject("too_large", "10 MB \x1b[31m")

    clarion = Clarion(url, channels=[Wire(refuses)], limits=limits())
    clarion.type("note", channels=["wire"])
    people(clarion, "bob", "carol", "dave")

    async def run() -> UUID:
        event = emit(clarion, "note", to=["bob", "carol", "dave"], key="k")
        async with working(clarion):
            await until(lambda: done(clarion))
        return event

    event = asyncio.run(run())
    yield clarion, {who: clarion.why(event, who).deliveries[0].id for who in ("bob", "carol", "dave")}
    clarion.close()
