"""The time that what runs has to end by itself, once a worker is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

from clarion import clock


class Grace:
    """Begins when the worker is told to stop, and is over after its time, or at once when it is told again."""

    def __init__(self, time: timedelta) -> None:
        self._seconds = time.total_seconds()
        self._until = 0.0
        self._begun, self._ended = asyncio.Event(), asyncio.Event()

    def begin(self) -> None:
        if not self._begun.is_set():
            self._until = clock.monotonic() + self._seconds
            self._begun.set()

    def end(self) -> None:
        """It is over now."""
        self.begin()
        self._ended.set()

    async def wait(self, running: Collection[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
        """Until all of these have ended, or the time is over: those that have not."""
        if running:
            either = [asyncio.ensure_future(asyncio.wait(running)), asyncio.ensure_future(self._over())]
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in either:
                    one.cancel()
        return {task for task in running if not task.done()}

    async def _over(self) -> None:
        await self._begun.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._until - clock.monotonic()):
                await self._ended.wait()
