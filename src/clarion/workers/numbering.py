"""Numbering the change feed. Every process that works, or follows the feed, may do it; one at a time does."""

from __future__ import annotations

from clarion.store import changes
from clarion.workers.wiring import Threads


class Numbering:
    """Numbers what is committed, batch after batch; `rest`: seconds until it looks again, unless it is woken."""

    def __init__(self, threads: Threads, *, rest: float) -> None:
        self._threads, self._rest = threads, rest

    async def poll(self) -> float:
        """One batch; the seconds to rest."""
        if not await self._threads.reading(changes.pending):
            return self._rest
        numbered = await self._threads.transaction(changes.number)
        return 0.0 if numbered == changes.AT_ONCE else self._rest
