"""Removing what is over for longer than the retention: a little at a time, round after round, in every worker."""

from __future__ import annotations

import asyncio
import logging
import random
from datetime import timedelta

from clarion.store.pruning import Round, Step, Steps, Tally
from clarion.workers.wiring import Threads, Wiring

log = logging.getLogger(__name__)

_REST = 4  # times as long as the step took: what is sent meanwhile has the database to itself
_REST_AFTER_WRITING = 0.2  # seconds, at least


class Pruning:
    """A round, step by step; then a rest. The first one comes after a rest, too: many workers may start at once."""

    def __init__(self, wiring: Wiring, threads: Threads) -> None:
        self._wiring, self._threads = wiring, threads
        self._steps: Steps[None] = Round(before=wiring.retention).steps(Tally())
        self._step: Step | None = None  # the next; none between two rounds
        self._tally = Tally()
        self._next_round: float | None = None

    async def poll(self) -> float:
        """One step; the seconds to rest."""
        now = asyncio.get_running_loop().time()
        if self._next_round is None:
            self._next_round = now + self._between()
        if self._step is None:
            if now < self._next_round:
                return self._next_round - now
            self._tally = Tally()
            self._steps = Round(before=self._wiring.retention).steps(self._tally)
            self._step = next(self._steps)
        return await self._take(self._step)

    async def _take(self, step: Step) -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._step = None  # whatever happens: what fails is tried again in the next round
        self._next_round = begun + self._between()
        run = self._threads.transaction if step.writes else self._threads.reading
        result = await run(step.work)
        try:
            self._step = self._steps.send(result)
        except StopIteration:
            self._told()
            return 0.0
        rest = _REST * (loop.time() - begun)
        return max(_REST_AFTER_WRITING, rest) if step.writes else rest

    def _between(self) -> float:
        """Not the same in all workers: they would all look at the same events at once."""
        return self._wiring.limits.prune_every.total_seconds() * random.uniform(0.5, 1.5)  # noqa: S311 - as it says

    def _told(self) -> None:
        if gone := self._tally.rows:
            kept = self._wiring.retention / timedelta(days=1)
            counts = ", ".join(f"{number:,} {table}" for table, number in sorted(gone.items()))
            log.info("removed what was over for %g days: %s", kept, counts)
