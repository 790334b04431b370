"""Settling: outcomes gathered for a moment, then written in one transaction."""

from __future__ import annotations

import asyncio
import logging

import sqlalchemy as sa

from clarion.store import queue
from clarion.store.queue import Settlement
from clarion.workers.wiring import Threads

log = logging.getLogger(__name__)

_AT_ONCE = 500
_AFTER_ERROR = 0.5


class Settling:
    """Gathers settlements; each batch is written at most `within` seconds after its first."""

    def __init__(self, threads: Threads, *, within: float) -> None:
        self._threads, self._within = threads, within
        self._waiting: list[Settlement] = []
        self._writer: asyncio.Task[None] | None = None
        self._full = asyncio.Event()

    def add(self, settlement: Settlement) -> None:
        self._waiting.append(settlement)
        if len(self._waiting) >= _AT_ONCE:
            self._full.set()
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def flush(self) -> None:
        """Until all that was added is written."""
        while self._waiting or (self._writer is not None and not self._writer.done()):
            self._full.set()
            if self._writer is None or self._writer.done():
                self._writer = asyncio.create_task(self._write())
            await self._writer

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
        except sa.exc.DBAPIError as error:
            # Not written, not lost: kept and tried again, until its lease ends and another worker takes over.
            log.warning("could not settle %d deliveries, trying again: %s", len(batch), error.orig)
            self._waiting = batch + self._waiting
            await asyncio.sleep(_AFTER_ERROR)
            return
        for tenant, delivery_id in lost:
            log.warning(
                "lease of delivery %s (tenant %s) was lost before its outcome was written",
                delivery_id,
                tenant,
            )
