"""Settling: outcomes gathered for a moment, then written in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from uuid import UUID

import sqlalchemy as sa

from clarion import telemetry, tracing
from clarion.store import outcomes
from clarion.store.outcomes import Settled, Settlement
from clarion.workers import aftermath
from clarion.workers.wiring import DatabaseAway, Threads

log = logging.getLogger(__name__)

_AT_ONCE = 500
_AFTER_ERROR = 0.5


class Settling:
    """Gathers settlements; each batch is written at most `within` seconds after its first.

    `freed` is called when a slot became free for which somebody waits.
    """

    def __init__(
        self, threads: Threads, channel: str, *, within: float, freed: Callable[[], None] = lambda: None
    ) -> None:
        self._threads, self._channel, self._within, self._freed = threads, channel, within, freed
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
            with tracing.settling(self._channel, (one.event for one in batch)):
                settled = await self._threads.transaction(lambda conn: outcomes.settle(conn, batch))
        except (*DatabaseAway, sa.exc.ProgrammingError) as error:  # the latter while somebody migrates
            # Not written, not lost: kept and tried again, until its lease ends and another worker takes over.
            about = self._about(batch[0]) if len(batch) == 1 else telemetry.about(channel=self._channel)
            log.warning("could not settle %d deliveries, trying again: %s", len(batch), error, extra=about)
            self._waiting = batch + self._waiting
            await asyncio.sleep(_AFTER_ERROR)
            return
        except Exception:
            if len(batch) > 1:  # one of them cannot be written: the others can
                for settlement in batch:
                    await self._settle([settlement])
            else:
                log.exception(
                    "the outcome of delivery %s cannot be written",
                    batch[0].claim.delivery_id,
                    extra=self._about(batch[0]),
                )
                self._unwritten -= 1
            return
        self._unwritten -= len(batch)
        aftermath.of_outcomes(self._threads.hooks, self._channel, settled)
        if settled.freed:
            self._freed()
        for address in settled.gone:
            log.warning(
                "address %s of tenant %s on %s is dead, as the other side says: nothing more is sent there until it is "
                "written again, or revived with `clarion addresses revive`",
                address.id,
                address.tenant,
                address.channel,
                extra=self._about(_that_found_dead(address.id, batch)),
            )
        if settled.lost:
            self._say_lost(batch, settled)

    def _say_lost(self, batch: Iterable[Settlement], settled: Settled) -> None:
        kept = {one.key for one in settled.kept}  # of a delivery that is in the batch twice, the newer claim
        for one in batch:
            if one.key not in kept:
                log.warning(
                    "lease of delivery %s (tenant %s) was lost before its outcome was written",
                    one.claim.delivery_id,
                    one.claim.tenant,
                    extra=self._about(one),
                )

    def _about(self, one: Settlement) -> dict[str, str]:
        return telemetry.about(one.event, delivery=one.claim.delivery_id, channel=self._channel)


def _that_found_dead(address: UUID, batch: Iterable[Settlement]) -> Settlement:
    return next(one for one in batch if one.outcome.address_gone and one.address_id == address)
