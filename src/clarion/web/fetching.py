"""Those who wait for something to fetch: one look for all of them, when something became due and every second besides."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from clarion import clock
from clarion.app import Clarion
from clarion.errors import said
from clarion.store.sinks import Sink
from clarion.web.transactions import Transactions
from clarion.workers.loop import Bell
from clarion.workers.waking import Waking

log = logging.getLogger(__name__)

_EVERY = 1.0  # seconds: what comes due by time, or on SQLite by another process, says nothing
_IDLE = 30.0
_SHARE = 10  # so many times as long as a look took is rested after it, at least


class Fetching:
    """Listens while somebody waits. Once stopped, nobody waits any more."""

    def __init__(self, clarion: Clarion, transactions: Transactions) -> None:
        self._clarion, self._transactions = clarion, transactions
        self._waiting: dict[asyncio.Future[None], Sink] = {}
        self._looking: asyncio.Task[None] | None = None
        self._bell = Bell()

    @property
    def stopped(self) -> bool:
        return self._bell.stopped

    @property
    def waiting(self) -> int:
        """How many."""
        return len(self._waiting)

    async def wait(self, sink: Sink) -> None:
        """Until there may be something for it, or this is stopped."""
        if self.stopped:
            return
        found: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[found] = sink
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        self._bell.ring()
        try:
            await found
        finally:
            self._waiting.pop(found, None)

    def stop(self) -> None:
        self._bell.stop()
        for found in self._waiting:
            if not found.done():
                found.set_result(None)

    async def close(self) -> None:
        self.stop()
        if (looking := self._looking) is not None:
            await asyncio.wait([looking])

    async def _look(self) -> None:
        """Until nobody has waited for a while: those who ask in turn need not begin to listen each time."""
        loop, waker = asyncio.get_running_loop(), self._clarion.database.waker

        def heard() -> None:
            with suppress(RuntimeError):  # the loop has ended without us
                loop.call_soon_threadsafe(self._bell.ring)

        waking = Waking(self._clarion.database, {"events": [], "deliveries": [self._bell]})
        waker.fetching.append(heard)
        last = clock.monotonic()
        try:
            while not self.stopped and clock.monotonic() - last < _IDLE:
                if self._waiting:
                    last = clock.monotonic()
                    await self._tell()
                    await asyncio.sleep(min(_EVERY, _SHARE * (clock.monotonic() - last)))
                await self._bell.rest(_EVERY)
        finally:
            self._looking = None  # whoever comes from here on begins anew
            waker.fetching.remove(heard)
            await asyncio.to_thread(waking.finish)

    async def _tell(self) -> None:
        among = set(self._waiting.values())
        try:
            due = await self._transactions.run(lambda: self._clarion.pull.due(among))
        except Exception as error:  # noqa: BLE001 - a database that is away comes back
            log.warning("what is to be fetched cannot be read, trying again: %s", said(error))
            return
        for found, sink in self._waiting.items():
            if sink in due and not found.done():
                found.set_result(None)
