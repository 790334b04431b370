"""What one sender may claim next, and what it has in hand: see `Turn` for a claim itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy.engine import Connection

from clarion import ids, telemetry
from clarion.cap import Cap
from clarion.delivery import Claim
from clarion.store import meters
from clarion.store.outcomes import Settled, Settlement
from clarion.workers import aftermath
from clarion.workers.pausing import Pausing
from clarion.workers.turn import WHOLE, NoRoom, Place, Turn
from clarion.workers.wiring import Threads

log = logging.getLogger(__name__)


class Claiming:
    """Claims for the sender of one channel, in transactions of its own.

    What it remembers changes in the event loop alone, once a transaction is committed: that may be run more than once.
    """

    def __init__(
        self, threads: Threads, channel: str, caps: Mapping[str, Cap], pausing: Pausing, lease: timedelta
    ) -> None:
        self._threads, self._channel, self._pausing = threads, channel, pausing
        self._turn = Turn(
            channel=channel,
            worker=ids.uuid7(),
            lease=lease,
            whole=caps.get("channel"),
            each=caps.get("lane"),
        )
        self._place = Place()
        self.midway = False  # there are lanes that were not looked into, so that it is no time to rest

    @property
    def wait(self) -> timedelta:
        """Until a cap allows more."""
        return self._place.wait

    async def take(self, most: int) -> list[Claim]:
        """Some of each lane that is due, and what is to probe a lane that paused."""
        probes = await self._pausing.lanes_to_probe()
        before = self._place.copy()

        def work(conn: Connection) -> tuple[list[Claim], Place]:
            place = before.copy()
            return self._turn.take(conn, place, most, probes), place

        claims, place = await self._threads.transaction(work)
        self.midway = bool(before.after or place.after)
        self._moved(before, place, claims)
        self._pausing.nothing_claimed(set(probes).difference(claim.lane for claim in claims))
        return claims

    async def take_lost(self) -> Claim | None:
        """One that has lost its lease before, alone."""
        before = self._place.copy()

        def work(conn: Connection) -> tuple[Claim | None, Place, list[Settlement]]:
            place, ended = before.copy(), list[Settlement]()
            return self._turn.take_lost(conn, place, ended), place, ended

        try:
            claim, place, ended = await self._threads.transaction(work)
        except NoRoom:
            return None
        self._moved(before, place, [] if claim is None else [claim])
        self._say_ended(ended)
        return claim

    def ended(self, claim: Claim, *, begun: bool) -> None:
        """A claim has come to its end; `begun`: something may have been sent, so that it counts in a rate."""
        if not self._turn.capped:
            return
        for lane in (WHOLE, claim.lane):
            self._place.in_hand[lane] -= 1
            if not self._place.in_hand[lane]:
                del self._place.in_hand[lane]
            if not begun and (self._turn.whole if lane == WHOLE else self._turn.each) is not None:
                self._place.unspent[lane] += 1

    async def finish(self) -> None:
        """Nothing is in hand any more."""
        if self._place.permits:
            channel, worker = self._channel, self._turn.worker
            await self._threads.transaction(lambda conn: meters.forget(conn, channel, worker))

    def _moved(self, before: Place, after: Place, claims: Iterable[Claim]) -> None:
        """A claim is committed. What came to its end meanwhile counts for the next."""
        mine = self._place
        mine.after, mine.lanes, mine.wait, mine.permits = after.after, after.lanes, after.wait, after.permits
        mine.unspent -= before.unspent - after.unspent
        if self._turn.capped:
            for claim in claims:
                mine.in_hand.update((WHOLE, claim.lane))

    def _say_ended(self, ended: Sequence[Settlement]) -> None:
        """Of what was lost once too often: it may have been what ended the processes that tried it."""
        for one in ended:
            log.warning(
                "delivery %s ended %s: %s",
                one.claim.delivery_id,
                one.outcome.result.value,
                one.outcome.detail,
                extra=telemetry.about(one.event, delivery=one.claim.delivery_id, channel=self._channel),
            )
        if ended:
            at = ended[0].claim.now
            aftermath.of_outcomes(self._threads.hooks, self._channel, Settled(set(), at, ended))
