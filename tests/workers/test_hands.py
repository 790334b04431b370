"""Hands: so many attempts at once, in order, each within its lease, and none that nobody hears of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import pytest

from clarion import clock
from clarion.delivery import Outcome, Result, given_back, sent
from clarion.workers.hands import Hand, Hands
from tests.support.working import until

pytestmark = pytest.mark.anyio

MINUTE = 60.0
SENT = sent(None, timedelta())
CUT = Outcome(result=Result.RETRY, wait=timedelta(), code="cut")


class Sends:
    """Hands, and what came of what they were given; in place of deliveries there are their numbers."""

    def __init__(self, does: Callable[[int], Awaitable[None]], *, number: int, enough: float = 1.0) -> None:
        self.begun: list[int] = []
        self.ended: dict[int, Outcome] = {}
        self.now = self.most_at_once = 0
        self.may_begin = True
        self._does = does
        self.hands = Hands(
            number,
            enough=enough,
            attempt=self._attempt,  # type: ignore[arg-type]
            may_begin=lambda _: self.may_begin,
            ended=self._note,  # type: ignore[arg-type]
        )

    async def _attempt(self, n: int, hand: Hand) -> Outcome:
        self.begun.append(n)
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        try:
            await self._does(n)
        except asyncio.CancelledError:
            return CUT if hand.cut else given_back()
        finally:
            self.now -= 1
        return SENT

    def _note(self, n: int, outcome: Outcome) -> None:
        assert n not in self.ended, "twice"
        self.ended[n] = outcome

    def take(self, *numbers: int, seconds: float = MINUTE) -> None:
        self.hands.take(numbers, clock.monotonic() + seconds)  # type: ignore[arg-type]

    def of(self, outcome: Outcome) -> set[int]:
        return {n for n, came in self.ended.items() if came == outcome}


async def at_once(_: int) -> None:
    pass


async def waits(_: int) -> None:
    await asyncio.sleep(0.001)


async def hangs(_: int) -> None:
    await asyncio.Event().wait()


async def test_what_never_waits_needs_one_hand() -> None:
    sends = Sends(at_once, number=50)
    sends.take(*range(100))
    assert sends.hands.in_hand == sends.hands.waiting == 100
    assert not sends.hands.free
    await until(lambda: not sends.hands.tasks)
    assert sends.hands.free
    assert sends.begun == list(range(100))
    assert sends.of(SENT) == set(range(100))
    assert sends.most_at_once == 1
    assert sends.hands.in_hand == 0


@pytest.mark.parametrize("number", [1, 7])
async def test_as_many_as_there_are_hands_and_in_order(number: int) -> None:
    sends = Sends(waits, number=number)
    sends.take(*range(20))
    sends.take(*range(20, 30))
    await until(lambda: not sends.hands.tasks)
    assert sends.most_at_once == number
    assert sends.begun == list(range(30))
    assert sends.of(SENT) == set(range(30))


async def test_others_get_their_turn_beside_what_never_waits() -> None:
    async def burns(_: int) -> None:
        begun = clock.monotonic()
        while clock.monotonic() < begun + 0.01:
            pass

    sends = Sends(burns, number=1)
    sends.take(*range(20))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 0 < len(sends.ended) < 20
    await until(lambda: len(sends.ended) == 20)


async def test_what_takes_too_long_is_cut_off_and_its_hand_goes_on() -> None:
    async def hangs_first(n: int) -> None:
        if n == 0:
            await hangs(n)

    sends = Sends(hangs_first, number=1, enough=0.0)
    sends.take(0, seconds=0.05)
    sends.take(1, 2)
    await until(lambda: len(sends.ended) == 3)
    assert sends.of(CUT) == {0}
    assert sends.of(SENT) == {1, 2}


async def test_what_finds_no_hand_in_time_is_given_back() -> None:
    sends = Sends(hangs, number=1, enough=0.5)
    sends.take(0)
    sends.take(1, 2, seconds=0.55)
    sends.take(3)
    await until(lambda: len(sends.ended) == 2)
    assert sends.of(given_back()) == {1, 2}
    assert sends.begun == [0]
    assert (sends.hands.waiting, sends.hands.in_hand) == (1, 2)
    await stop(sends)


async def test_an_earlier_end_that_is_taken_later_is_looked_after_as_well() -> None:
    sends = Sends(hangs, number=2, enough=0.0)
    sends.take(0)
    sends.take(1, seconds=0.05)
    await until(lambda: sends.of(CUT) == {1})
    await stop(sends)


async def test_none_begins_with_too_little_left_of_its_lease() -> None:
    sends = Sends(at_once, number=1, enough=10.0)
    sends.take(0, seconds=9.0)
    await until(lambda: sends.ended)
    assert sends.of(given_back()) == {0}
    assert not sends.begun


async def test_what_may_not_begin_is_given_back() -> None:
    sends = Sends(at_once, number=1)
    sends.may_begin = False
    sends.take(0, 1)
    await until(lambda: len(sends.ended) == 2)
    assert sends.of(given_back()) == {0, 1}
    assert not sends.begun


async def test_stopped_a_hand_ends_its_attempt_and_begins_no_other() -> None:
    sends = Sends(hangs, number=2)
    sends.take(0)
    await until(lambda: sends.begun)
    assert sends.hands.free
    sends.take(1)
    await until(lambda: len(sends.begun) == 2)
    assert not sends.hands.free
    sends.take(2)
    await stop(sends)
    assert sends.of(given_back()) == {0, 1, 2}
    assert sends.begun == [0, 1]
    sends.take(3)
    await until(lambda: len(sends.begun) == 3)
    await stop(sends)


async def test_stopped_before_it_began_a_hand_keeps_nobody_waiting() -> None:
    sends = Sends(waits, number=1)
    sends.take(0)
    (hand,) = sends.hands.tasks
    hand.cancel()
    await until(lambda: sends.ended)
    assert sends.of(SENT) == {0}


async def test_an_error_beyond_any_outcome_loses_none_of_the_others() -> None:
    class Odd(BaseException):
        pass

    async def breaks_once(n: int) -> None:
        if n == 0:
            raise Odd

    sends = Sends(breaks_once, number=1)
    sends.take(0, 1)
    (hand,) = sends.hands.tasks
    await until(lambda: len(sends.ended) == 2)
    assert isinstance(hand.exception(), Odd)
    assert sends.of(given_back()) == {0}
    assert sends.of(SENT) == {1}


async def test_a_hand_works_in_the_context_of_its_sender() -> None:
    """Not of whoever happened to call it."""
    about: ContextVar[Any] = ContextVar("about", default=None)
    seen = []

    async def looks(_: int) -> None:
        seen.append(about.get())

    sends = Sends(looks, number=1)
    about.set("another delivery")
    sends.take(0)
    await until(lambda: sends.ended)
    assert seen == [None]


async def stop(sends: Sends) -> None:
    """As a sender does at the end."""
    sends.hands.give_back()
    tasks = sends.hands.tasks
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
