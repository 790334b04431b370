"""An application with one type, `note`, on channels that refuse, wait or take as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from clarion import Clarion, Policy, Reject, Retries
from clarion.message import Message
from clarion.recipient import Address
from tests.support.working import Wire, limits

Make = Callable[..., Clarion]


class Moody:
    """A wire that refuses with what it is told to, for as long as it is told; and waits until it `goes_on`."""

    def __init__(self) -> None:
        self.error: Exception | None = Reject("refused", "not today")
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.wire = Wire(self._does)

    async def _does(self, _message: Message, _address: Address) -> None:
        await self.goes_on.wait()
        if self.error is not None:
            raise self.error

    def ids(self) -> set[UUID]:
        return {message.id for message in self.wire.begun}


@contextmanager
def making(database_url: str) -> Iterator[Make]:
    """Makes applications on this database, each with the channels it is given, and closes them."""
    made: list[Clarion] = []

    def application(*channels: Any, **options: Any) -> Clarion:
        clarion = Clarion(database_url, channels=channels, limits=limits())
        made.append(clarion)
        policy = Policy(retries=Retries((timedelta(milliseconds=20),), jitter=0), **options.pop("policy", {}))
        clarion.type("note", channels=[c.name for c in channels], policy=policy, **options)
        return clarion

    try:
        yield application
    finally:
        for clarion in made:
            clarion.close()
