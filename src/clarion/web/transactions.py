"""Transactions of requests: in a few threads, at most so many waiting, and none waited for without end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from clarion.web import problem
from clarion.workers.pool import Pool

Result = TypeVar("Result")

THREADS = 4
WAITING = 1000


class Transactions:
    """Threads are made when the first request comes: a process that only makes the application has none."""

    def __init__(self, patience: timedelta, *, name: str = "clarion-web", threads: int = THREADS) -> None:
        self._patience = patience.total_seconds()
        self._name, self._threads = name, threads
        self._pool: Pool | None = None
        self._now = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` returns or raises. A `Problem` 503 when too many wait, or it takes longer than one may wait:
        then it may still come about, as what has a key shows when it is tried again."""
        if self._now >= WAITING:
            raise problem.unavailable(f"{self._now} requests wait for the database; try again later")
        if self._pool is None:
            self._pool = Pool(self._threads, self._name)
        self._now += 1
        running = self._pool.submit(work)
        running.add_done_callback(lambda _: self._ended())
        async with asyncio.timeout(self._patience):
            return await asyncio.wrap_future(running)

    def _ended(self) -> None:
        self._now -= 1

    async def close(self, within: timedelta | None = None) -> None:
        """Wait for what runs, as long as a request would, or so long; what hangs is left behind."""
        if self._pool is not None:
            closing = asyncio.ensure_future(asyncio.to_thread(self._pool.close))
            await asyncio.wait(
                [closing], timeout=self._patience if within is None else within.total_seconds()
            )
            self._pool = None
