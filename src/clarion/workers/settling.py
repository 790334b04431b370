"""Settling: outcomes gathered for a moment, then written in one transaction."""

from __future__ import annotations

import asyncio
import logging

import sqlalchemy as sa

from clarion.store import queue
from clarion.store.queue import Settlement
from clarion.workers.wiring import DatabaseAway, Threads

log = logging.getLogger(__name__)

_AT_ONCE = 500
_AFTER_ERROR = 0.5


class Settling:
    """Gathers settlements; each batch is written at most `within` seconds after its first."""

    def __init__(self, threads: Threads, *, within: float) -> None:
        self._threads, self._within = threads, within
        self._waiting: list[Settlement] = []
        self._unwritten = 0
        self._writer: asyncio.Task[None] | None = None
        self._full = asyncio.Event()

    def add(self, settlement: Settlement) -> None:
        self._waiting.append(settlement)
        self._unwritten += 1
        if len(self._waiting) >= _AT_ONCE:
            self._full.set()
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def flush(self, *, within: float) -> int:
        """Until all that was added is written, or so many seconds; how many are not."""
        try:
            async with asyncio.timeout(within):
                while self._waiting or (self._writer is not None and not self._writer.done()):
                    self._full.set()
                    if self._writer is None or self._writer.done():
                        self._writer = asyncio.create_task(self._write())
                    await asyncio.wait([self._writer])
        except TimeoutError:
            pass
        return self._unwritten

    async def _write(self) -> None:
        while self._waiting:
            try:
                async with asyncio.timeout(self._within):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._full.clear()
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            await self._settle(batch)

    async def _settle(self, batch: list[Settlement]) -> None:
        try:
            lost = await self._threads.transaction(lambda conn: queue.settle(conn, batch))
        except (*DatabaseAway, sa.exc.ProgrammingError) as error:  # the latter while somebody migrates
            # Not written, not lost: kept and tried again, until its lease ends and another worker takes over.
            log.warning("could not settle %d deliveries, trying again: %s", len(batch), error)
            self._waiting = batch + self._waiting
            await asyncio.sleep(_AFTER_ERROR)
            return
        except Exception:
            if len(batch) > 1:  # one of them cannot be written: the others can
                for settlement in batch:
                    await self._settle([settlement])
            else:
                log.exception("the outcome of delivery %s cannot be written", batch[0].claim.delivery_id)
                self._unwritten -= 1
            return
        self._unwritten -= len(batch)
        for tenant, delivery_id in lost:
            log.warning(
                "lease of delivery %s (tenant %s) was lost before its outcome was written",
                delivery_id,
                tenant,
            )
