"""Hands: so many sends at once. What is ready waits for a free one, in order; what takes too long is cut off.

A task and a timer for each delivery would cost several times what a quick channel takes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextvars import copy_context
from dataclasses import dataclass

from clarion import clock
from clarion.delivery import Outcome, given_back
from clarion.workers.asking import Ready

_BREATH = 0.005  # seconds
_SOONEST = 0.001


@dataclass(slots=True, eq=False)
class Hand:
    """It makes one attempt after the other. `until`: when the one that it makes is cut off, by the loop's time."""

    until: float | None = None
    cut: bool = False  # this attempt was, and not the worker stopped


class Hands:
    """Of one sender. A hand is a task, which ends when nothing waits."""

    def __init__(
        self,
        number: int,
        *,
        enough: float,
        attempt: Callable[[Ready, Hand], Awaitable[Outcome]],
        may_begin: Callable[[Ready], bool],
        ended: Callable[[Ready, Outcome], None],
    ) -> None:
        """`enough`: the seconds of a lease without which none begins. `ended` is called for all that was taken, with
        what it came to; what did not begin is given back."""
        self._number, self._enough = number, enough
        self._attempt, self._may_begin, self._ended = attempt, may_begin, ended
        self._waiting: deque[tuple[Ready, float]] = deque()
        self._busy: dict[asyncio.Task[None], Hand] = {}
        self._coming: asyncio.Task[None] | None = None  # a hand that has not begun to work
        self._timer: asyncio.TimerHandle | None = None
        self._context = copy_context()  # that of no delivery

    @property
    def waiting(self) -> int:
        """How many have not begun."""
        return len(self._waiting)

    @property
    def in_hand(self) -> int:
        return len(self._waiting) + sum(hand.until is not None for hand in self._busy.values())

    @property
    def free(self) -> bool:
        """Whether what is taken now can begin at once, or some of it."""
        return not self._waiting and self.in_hand < self._number

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        return set(self._busy)

    def take(self, ready: Iterable[Ready], until: float) -> None:
        """Send these, which have to end by `until` on the monotonic clock; never waits."""
        self._waiting.extend([(one, until) for one in ready])
        if self._waiting:
            self._call()
            self._look_after(until - self._enough - clock.monotonic())

    def give_back(self) -> None:
        """All that has not begun."""
        while self._waiting:
            self._ended(self._waiting.popleft()[0], given_back())

    def _call(self) -> None:
        """One more hand, if there is one: it calls the next itself, where an attempt leaves it time to come."""
        if self._coming is None and len(self._busy) < self._number:
            hand = Hand()
            self._coming = asyncio.create_task(self._work(hand), context=self._context.copy())
            self._busy[self._coming] = hand
            self._coming.add_done_callback(self._idle)

    async def _work(self, hand: Hand) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None, "it is one"  # noqa: S101
        self._coming = None
        rested = clock.monotonic()
        while self._waiting and not task.cancelling():
            one, until = self._waiting.popleft()
            if self._waiting:
                self._call()
            outcome, now = None, clock.monotonic()
            left = until - now
            try:
                if left >= self._enough and self._may_begin(one):
                    hand.until = loop.time() + left
                    outcome = await self._attempt(one, hand)
            finally:
                hand.until = None
                self._ended(one, outcome or given_back())
            if hand.cut:
                hand.cut = False
                task.uncancel()
            if now - rested > _BREATH:  # where no attempt ever waits, all else would
                rested = now
                await asyncio.sleep(0)

    def _idle(self, task: asyncio.Task[None]) -> None:
        del self._busy[task]
        if self._coming is task:  # it was stopped before
            self._coming = None
        if self._waiting:
            self._call()
        elif not self._busy and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ── Time ─────────────────────────────────────────────────────────────────────────────────────────────

    def _look_after(self, seconds: float) -> None:
        """At the latest."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(max(_SOONEST, seconds), self._look)

    def _look(self) -> None:
        """Give back what would begin too late, cut off what takes too long, and look again when the next may."""
        loop_now, now = asyncio.get_running_loop().time(), clock.monotonic()
        late = [one for one, until in self._waiting if until - now < self._enough]
        self._waiting = deque((one, until) for one, until in self._waiting if until - now >= self._enough)
        for one in late:  # another worker may have a free hand
            self._ended(one, given_back())
        for task, hand in self._busy.items():
            if hand.until is not None and hand.until <= loop_now and not hand.cut:
                hand.cut = True
                task.cancel()
        left = [until - now - self._enough for _, until in self._waiting]
        left += [hand.until - loop_now for hand in self._busy.values() if hand.until and not hand.cut]
        self._timer = None
        if left:
            self._look_after(min(left))
