"""A worker process: fan-out, and a sender for each channel, until told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Iterable
from contextlib import suppress

from clarion.errors import said
from clarion.workers.fanout import FanOut
from clarion.workers.loop import Bell, keep
from clarion.workers.sender import Sender
from clarion.workers.wiring import Threads, Wiring

log = logging.getLogger(__name__)


class Worker:
    """Everything that one process does. Any number of them may run on one database."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._bells: list[Bell] = []
        self._stopped = False

    def stop(self) -> None:
        """Claim nothing more; `run` returns once what is running has ended, or has been given back."""
        self._stopped = True
        for bell in self._bells:
            bell.stop()

    async def run(self, *, signals: Iterable[signal.Signals] = ()) -> None:
        """Work until `stop`, or one of these signals."""
        loop = asyncio.get_running_loop()
        for number in signals:
            loop.add_signal_handler(number, self.stop)
        threads = Threads(self._wiring)
        try:
            await self._run(threads)
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
            threads.close()

    async def _run(self, threads: Threads) -> None:
        sending = {name: Bell() for name in self._wiring.channels}
        senders = {
            name: Sender(self._wiring, threads, channel, sending[name])
            for name, channel in self._wiring.channels.items()
        }
        walking = Bell()
        self._bells = [walking, *sending.values()]
        if self._stopped:
            return

        def told() -> None:
            for bell in sending.values():
                bell.ring()

        fan_out = FanOut(self._wiring, threads, told=told)
        grace = self._wiring.limits.grace.total_seconds()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(keep(fan_out.poll, walking))
                for name, sender in senders.items():
                    group.create_task(keep(sender.poll, sending[name]))
        finally:
            await self._finish(fan_out.finish(), *(sender.finish(grace) for sender in senders.values()))

    async def _finish(self, *parts: Awaitable[None]) -> None:
        """Let every part come to its end, whatever happens to the others."""
        for ended in await asyncio.gather(*parts, return_exceptions=True):
            if isinstance(ended, Exception):
                log.warning("could not finish in good order, leases will end: %s", said(ended))
        for channel in self._wiring.channels.values():
            if close := getattr(channel, "close", None):
                with suppress(Exception):
                    await close()
