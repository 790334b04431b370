"""Folding what was counted: every worker does it, each a part of what the others have not in hand."""

from __future__ import annotations

import random

from clarion.store import tallies
from clarion.workers.wiring import Threads

_REST = 2.0  # seconds: what is not folded is read as well


class Folding:
    """A batch at a time."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def poll(self) -> float:
        """One batch; the seconds to rest, not the same in all workers."""
        if await self._threads.reading(tallies.pending):
            folded = await self._threads.transaction(tallies.fold)
            if folded == tallies.AT_ONCE:
                return 0.0
        return _REST * random.uniform(0.5, 1.5)  # noqa: S311 - as it says
