"""Threads for transactions. Those of the standard library's pool would be waited for when the process ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class Pool:
    """So many threads, which take up work in the order in which it comes. One that hangs is left behind at the end."""

    def __init__(self, number: int, name: str) -> None:
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{n}", daemon=True) for n in range(number)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - for whoever waits
                    future.set_exception(error)

        self._waiting.put(run)
        return future

    async def run(self, work: Callable[[], Result]) -> Result:
        """As `submit`, to be awaited: what is cancelled before its turn is not done."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Result] = loop.create_future()

        def run() -> None:
            if ended.cancelled():
                return
            try:
                hand_in = partial(_hand_in, ended, work(), None)
            except BaseException as error:  # noqa: BLE001 - for whoever waits
                hand_in = partial(_hand_in, ended, None, error)
            with suppress(RuntimeError):  # the loop has ended without us
                loop.call_soon_threadsafe(hand_in)

        self._waiting.put(run)
        return await ended

    def close(self) -> None:
        """Wait until all that was submitted is done. Nothing more may be."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            work()
            del work  # while this waits for more, nothing is kept alive


def _hand_in(ended: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if ended.done():
        return
    if error is None:
        ended.set_result(result)
    else:
        ended.set_exception(error)
