"""Draining: what a worker does, without one. Part after part until nothing is due; then it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from clarion.workers.fanout import FanOut
from clarion.workers.grace import Grace
from clarion.workers.loop import Bell
from clarion.workers.replanning import Replanning
from clarion.workers.sender import Sender
from clarion.workers.upkeep import Upkeep
from clarion.workers.wiring import CALLS_AT_ONCE, Limits, Threads, Wiring

_TO_CLOSE = 10.0  # seconds, should the database hang

Poll = Callable[[], Awaitable[float]]


async def drain(wiring: Wiring, *, rounds: int) -> bool:
    """Do all that is due, and what comes of it; whether there was an end of it after so many rounds.

    The parts are those of a worker, one at a time, so that the order is the same each time. Nothing is removed
    that is over. Wants an event loop of its own: what a part has in hand are the other tasks of the loop. What
    a part raises is raised.
    """
    wiring = replace(wiring, limits=_limits(wiring.limits))
    threads = Threads(wiring)
    fan_out = FanOut(wiring, threads, told=_nobody_rests, at_once=wiring.limits.walks)
    upkeep = Upkeep(wiring, threads, Bell())
    replanning = Replanning(wiring, threads, Bell(), told=_nobody_rests)
    senders = [Sender(wiring, threads, channel, Bell()) for channel in wiring.sent_on.values()]
    try:
        return await _until_all_rest(
            [fan_out.poll, upkeep.poll, replanning.poll, *(sender.poll for sender in senders)], rounds
        )
    finally:  # nothing is in hand after a poll, but a sender may have said so to the others
        for sender in senders:
            await sender.finish(Grace(timedelta()))
        await threads.close(within=_TO_CLOSE)


def _limits(limits: Limits) -> Limits:
    """No more events at once than the application is called for at once: others would be put off, to a moment
    that is not due yet. And nobody settles later than at once."""
    return replace(limits, walks=min(limits.walks, CALLS_AT_ONCE), settle_within=timedelta())


def _nobody_rests() -> None:
    """In place of a bell: all are polled again, whoever has told somebody something."""


async def _until_all_rest(polls: Sequence[Poll], rounds: int) -> bool:
    """A part that has come to the end of its lanes begins at the first with its next poll: so all rest twice."""
    resting = 0
    for _ in range(rounds):
        rested = [await _rests(poll) for poll in polls]
        resting = resting + 1 if all(rested) else 0
        if resting == 2:
            return True
    return False


async def _rests(poll: Poll) -> bool:
    """Poll a part once, and wait for what it began; whether there was nothing to do."""
    rest = await poll()
    began = False
    while in_hand := asyncio.all_tasks() - {asyncio.current_task()}:
        began = True
        await asyncio.wait(in_hand)
    return rest > 0 and not began
