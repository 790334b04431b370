"""Pausing what is down: all workers leave it alone, one at a time tries whether it is back.

What is down is a channel, for it has one provider; or a lane of it, where each address has a provider of its own.
An operator may pause either.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.engine import Connection

from clarion import clock, telemetry
from clarion.delivery import Outcome, Result
from clarion.pause import Pause
from clarion.store import pauses
from clarion.workers.wiring import DatabaseAway, Threads

log = logging.getLogger(__name__)

_LOOK_EVERY = 1.0
_PROBES = 10  # lanes tried at once: what hangs must leave room for the others
_NO_ANSWER = {"render", "error"}  # a message's own fault, and none of the provider's words
_WHOLE = ""  # the lane of a channel's own pause


@dataclass(slots=True)
class _Known:
    """A pause as it was last read, and when it is over by this process's own clock."""

    pause: Pause
    until: float

    @property
    def over(self) -> bool:
        return clock.monotonic() >= self.until


class Pausing:
    """What one sender knows of the pauses of its channel. `apart`: every lane of it has a provider of its own."""

    def __init__(self, threads: Threads, channel: str, lease: timedelta, *, apart: bool) -> None:
        self._threads, self._channel, self._lease, self._apart = threads, channel, lease, apart
        self._known: dict[str, _Known] = {}
        self._look_at = 0.0
        self._probing: set[str] = set()
        self._noting: set[str] = set()
        self._writing: set[asyncio.Task[None]] = set()

    def stops(self, lane: str) -> bool:
        """Whether nothing is to be begun in this lane now, but for the message that probes."""
        if not self._known and not self._noting:
            return False
        return any(
            one in self._noting or (one in self._known and one not in self._probing) for one in {_WHOLE, lane}
        )

    async def room(self, wanted: int) -> int:
        """How many deliveries may be claimed from the lanes that do not pause; one, to probe a whole channel with."""
        self._forget_probes()
        if clock.monotonic() >= self._look_at:
            await self._look()
        known = self._known.get(_WHOLE)
        if known is None:
            return wanted
        if _WHOLE in self._probing or not known.over or _WHOLE in self._noting:
            return 0
        if not await self._may_try(known):
            return 0
        return 1 if _WHOLE in self._probing else wanted

    async def lanes_to_probe(self) -> list[str]:
        """Lanes whose pause is over, of which this process is to try one message each."""
        if _WHOLE in self._known:
            return []
        busy = self._probing | self._noting
        for lane, known in list(self._known.items()):
            if len(self._probing) >= _PROBES:
                break
            if known.over and lane not in busy:
                await self._may_try(known)
        return sorted(self._probing - busy)

    def nothing_claimed(self, lanes: Collection[str] = (_WHOLE,)) -> None:
        """There was nothing to probe these with: another may try. Never waits."""
        for lane in self._probing.intersection(lanes) - self._noting:
            self._write(lane, self._give_up_probe(lane))

    def passed_over(self, lane: str) -> None:
        """A delivery was claimed and not tried; if it was to be a probe, another one may be."""
        lane = self._of(lane)
        if lane in self._probing and lane not in self._noting:
            self._write(lane, self._give_up_probe(lane))

    def ended(self, lane: str, outcome: Outcome) -> None:
        """An attempt has ended; never waits. Whatever a provider says to a message, it is there."""
        if outcome.result is Result.GIVEN_BACK:
            self.passed_over(lane)
            return
        if outcome.result is Result.SENT and not self._known:
            return
        lane = self._of(lane)
        if lane in self._noting or (lane in self._known and lane not in self._probing):
            return
        if lane in self._probing and outcome.code in _NO_ANSWER:
            self.passed_over(lane)
        elif outcome.result is Result.DOWN or (lane in self._probing and outcome.code == "unknown_outcome"):
            self._write(lane, self._note_down(lane, outcome.code or "down", outcome.detail or ""))
        elif lane in self._probing:
            self._write(lane, self._note_answer(lane))

    async def finish(self) -> None:
        """Until all is written."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    def _of(self, lane: str) -> str:
        return lane if self._apart else _WHOLE

    async def _look(self) -> None:
        channel = self._channel
        found, now = await self._threads.reading(lambda conn: pauses.standing(conn, channel))
        self._look_at = clock.monotonic() + _LOOK_EVERY
        known = {}
        for pause in found:
            kept = self._known.get(pause.lane)
            if kept is None or pause.lane not in self._probing:
                kept = _Known(pause, clock.monotonic() + (pause.until - now).total_seconds())
            known[pause.lane] = kept
        self._known = known
        self._probing &= known.keys() | self._noting

    def _forget_probes(self) -> None:
        """Whatever became of a probe: after its lease anybody may try, this process among them."""
        held = {lane for lane in self._probing if (known := self._known.get(lane)) and not known.over}
        self._probing &= held | self._noting

    async def _may_try(self, known: _Known) -> bool:
        """A pause is over: whether to go on, by a probe unless nothing was wrong that one would have to find out."""
        pause, lease = known.pause, self._lease
        if pause.asked_for:
            if await self._threads.transaction(lambda conn: pauses.run_out(conn, pause)):
                self._known.pop(pause.lane, None)
                return True
        elif taken := await self._threads.transaction(lambda conn: pauses.take_probe(conn, pause, lease)):
            known.pause, known.until = taken, clock.monotonic() + lease.total_seconds()
            self._probing.add(pause.lane)
            return True
        self._look_at = 0.0
        return False

    async def _give_up_probe(self, lane: str) -> None:
        known = self._known.get(lane)
        self._probing.discard(lane)
        if known is not None:
            await self._threads.transaction(lambda conn: pauses.not_needed(conn, known.pause))
            known.until = clock.monotonic() + _LOOK_EVERY

    async def _note_down(self, lane: str, code: str, detail: str) -> None:
        known, probed, channel = self._known.get(lane), lane in self._probing, self._channel
        self._probing.discard(lane)

        def write(conn: Connection) -> bool:
            if known is not None and probed:
                return pauses.in_vain(conn, known.pause, code=code, detail=detail)
            return pauses.begin(conn, channel, lane, code=code, detail=detail)

        news = await self._threads.transaction(write)
        self._look_at = 0.0
        if news and not probed:
            telemetry.paused(channel)
            log.warning(
                "%s is down (%s: %s): its deliveries wait, none loses an attempt",
                self._name(lane),
                code,
                detail,
                extra=telemetry.about(channel=channel),
            )
        elif news:
            log.info(
                "%s is still down (%s: %s)",
                self._name(lane),
                code,
                detail,
                extra=telemetry.about(channel=channel),
            )

    async def _note_answer(self, lane: str) -> None:
        self._probing.discard(lane)
        ended = await self._threads.transaction(lambda conn: pauses.end(conn, self._channel, lane))
        self._known.pop(lane, None)
        self._look_at = 0.0
        if ended is not None:
            extra = telemetry.about(channel=self._channel)
            log.warning("%s is back, after %d probes", self._name(lane), ended.probes + 1, extra=extra)

    def _name(self, lane: str) -> str:
        return f"{self._channel} ({lane})" if lane else self._channel

    def _write(self, lane: str, work: Coroutine[None, None, None]) -> None:
        self._noting.add(lane)
        task = asyncio.create_task(self._safely(lane, work))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _safely(self, lane: str, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except DatabaseAway as error:
            log.warning("the pause of %s could not be written: %s", self._name(lane), error)
        finally:
            self._noting.discard(lane)
