"""A worker: fan-out, replanning, upkeep, and a sender for each channel, until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine
from contextlib import suppress

from clarion.errors import said
from clarion.store.waker import Due
from clarion.workers.fanout import FanOut
from clarion.workers.folding import Folding
from clarion.workers.grace import Grace
from clarion.workers.loop import Bell, keep
from clarion.workers.numbering import Numbering
from clarion.workers.pruning import Pruning
from clarion.workers.replanning import Replanning
from clarion.workers.sender import Sender
from clarion.workers.upkeep import Upkeep
from clarion.workers.waking import Waking
from clarion.workers.wiring import Threads, Wiring

log = logging.getLogger(__name__)

# Seconds that each has after the grace time, should the database hang; less than these is the rule.
_TO_POLL = 1.0
_TO_WRITE = 4.5  # what was cut off, and then the outcomes
_TO_CLOSE = 1.0


class Worker:
    """Everything that one process does. Any number of them may run on one database."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._grace = Grace(wiring.limits.grace)
        self._bells: list[Bell] = []
        self._stopped = False

    def stop(self) -> None:
        """Claim nothing more; `run` returns once what is running has ended, or has been given back."""
        self._stopped = True
        self._grace.begin()
        for bell in self._bells:
            bell.stop()

    def stop_now(self) -> None:
        """As `stop`, without the grace time: what is running is cut off."""
        self.stop()
        self._grace.end()

    async def run(self) -> None:
        """Work until `stop`."""
        threads = Threads(self._wiring)
        try:
            await self._run(threads)
        finally:
            await threads.close(within=_TO_CLOSE)

    async def _run(self, threads: Threads) -> None:
        sending = {name: Bell() for name in self._wiring.sent_on}
        walking, keeping_up, again, removing, numbering, counting = (Bell() for _ in range(6))
        senders = {
            name: Sender(self._wiring, threads, channel, sending[name], freed=again.ring)
            for name, channel in self._wiring.sent_on.items()
        }
        self._bells = [walking, keeping_up, again, removing, numbering, counting, *sending.values()]
        if self._stopped:
            return

        def told() -> None:
            for bell in (numbering, *sending.values()):
                bell.ring()
            self._wiring.database.waker.queued_here()

        fan_out = FanOut(self._wiring, threads, told=told)
        upkeep = Upkeep(self._wiring, threads, keeping_up)
        pruning = Pruning(self._wiring, threads)
        numbers = Numbering(threads, rest=self._wiring.limits.poll.total_seconds())
        replanning = Replanning(self._wiring, threads, again, told=told)
        polls = [
            keep(fan_out.poll, walking),
            keep(upkeep.poll, keeping_up),
            keep(pruning.poll, removing),
            keep(numbers.poll, numbering),
            keep(Folding(threads).poll, counting),
            keep(replanning.poll, again),
            *(keep(sender.poll, sending[name]) for name, sender in senders.items()),
        ]
        due: dict[Due, list[Bell]] = {"events": [walking], "deliveries": [numbering, *sending.values()]}
        waking = Waking(self._wiring.database, due)
        try:
            await self._ended(polls, more=_TO_POLL)
        finally:
            waking.finish()
            self.stop()
            ends = [sender.finish(self._grace) for sender in senders.values()]
            await self._ended([fan_out.finish(), replanning.finish(self._grace), *ends], more=_TO_WRITE)
            await self._ended([self._close_channels()], more=_TO_CLOSE)

    async def _ended(self, parts: Collection[Coroutine[None, None, None]], *, more: float) -> None:
        """Run these to their ends, within the grace time and so many seconds more, whatever happens to one."""
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            if left := await self._grace.wait(tasks):
                await asyncio.wait(left, timeout=more)
        finally:
            for task in tasks:
                if not task.done():
                    task.cancel()
                    log.warning(
                        "a part of this worker did not end in time, leases see to what it had in hand"
                    )
                elif not task.cancelled() and (error := task.exception()):
                    log.warning("could not finish in good order, leases will end: %s", said(error))

    async def _close_channels(self) -> None:
        for channel in self._wiring.channels.values():
            if close := getattr(channel, "close", None):
                with suppress(Exception):
                    await close()
