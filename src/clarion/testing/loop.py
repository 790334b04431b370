"""An event loop whose time can be moved on: who waits for a time-out need not wait in earnest."""

from __future__ import annotations

import asyncio


class TravellingLoop(asyncio.SelectorEventLoop):
    """Time-outs count by `time`, and so does everything that asyncio offers for waiting."""

    _ahead = 0.0

    def time(self) -> float:
        return super().time() + self._ahead

    def move_on(self, seconds: float) -> None:
        """Let whatever waits at most so long have waited."""
        self._ahead += seconds
