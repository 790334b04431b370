"""One claim, in one transaction: lanes in turn, within the caps of the channel, which are counted in it as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion.cap import Cap, Meter
from clarion.delivery import Claim
from clarion.store import meters, queue
from clarion.store.outcomes import Settlement

WHOLE = ""  # the lane that stands for all of a channel


class NoRoom(Exception):
    """A cap leaves none for what was claimed: it is as if it had not been."""


@dataclass(slots=True)
class Place:
    """What a sender remembers from one claim to the next. Of a channel without caps, only where it is."""

    after: str = ""  # the lane behind which to go on
    lanes: int = 1  # of which there was something to claim
    in_hand: Counter[str] = field(default_factory=Counter)
    unspent: Counter[str] = field(default_factory=Counter)  # claimed under a cap and then not begun
    permits: Counter[str] = field(default_factory=Counter)  # what it has said that it has in hand
    wait: timedelta = timedelta()  # until a cap allows more

    def copy(self) -> Place:
        return Place(
            self.after, self.lanes, self.in_hand.copy(), self.unspent.copy(), self.permits.copy(), self.wait
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Who claims, for which channel, within which caps."""

    channel: str
    worker: UUID
    lease: timedelta
    whole: Cap | None
    each: Cap | None

    @property
    def capped(self) -> bool:
        """Whether there is a bound to what all workers may begin."""
        return self.whole is not None or self.each is not None

    def take(self, conn: Connection, place: Place, most: int, probes: Sequence[str]) -> list[Claim]:
        """Some of each lane that is due, and one of each lane to probe. Changes the place."""
        place.wait = timedelta()
        if self.capped:
            return self._within_caps(conn, place, most, probes)
        claims = self._claim(conn, place, len(probes), 1, probes) if probes else []
        return claims + self._next_of_each(conn, place, max(0, most - len(claims)))

    def take_lost(self, conn: Connection, place: Place, ended: list[Settlement]) -> Claim | None:
        """One that has lost its lease before; `ended` takes what was lost once too often. Raises `NoRoom`."""
        claim = queue.claim_one_lost(conn, self.channel, lease=self.lease, ended=ended)
        if claim is not None and self.capped and not self._admit(conn, place, claim):
            raise NoRoom
        return claim

    # ── Lanes ────────────────────────────────────────────────────────────────────────────────────────────

    def _next_of_each(self, conn: Connection, place: Place, most: int) -> list[Claim]:
        """What is due, some of each lane; where to go on next time is remembered."""
        if not most:
            return []
        each = max(1, most // place.lanes)
        began_behind = place.after
        claims = self._claim(conn, place, most, each, None)
        place.after = self._ends(conn, place, claims, most)
        if began_behind and not place.after and len(claims) < most:  # the last lane: go on with the first
            some = self._claim(conn, place, most - len(claims), each, None)
            place.after = self._ends(conn, place, some, most - len(claims))
            claims += some
        place.lanes = max(1, len({claim.lane for claim in claims}))
        return claims

    def _ends(self, conn: Connection, place: Place, claims: Sequence[Claim], most: int) -> str:
        """The lane behind which to go on; empty when all have been looked into."""
        if len(claims) == most:
            return max(claim.lane for claim in claims)
        return queue.last_lane(conn, self.channel, after=place.after)

    def _claim(
        self, conn: Connection, place: Place, most: int, each: int, lanes: Sequence[str] | None
    ) -> list[Claim]:
        return queue.claim_due(
            conn, self.channel, most=most, each=each, lease=self.lease, after=place.after, lanes=lanes
        )

    # ── Caps ─────────────────────────────────────────────────────────────────────────────────────────────

    def _within_caps(self, conn: Connection, place: Place, most: int, probes: Sequence[str]) -> list[Claim]:
        """As many as the caps allow, counted and written down in the same transaction."""
        if not queue.anything_waits(conn, self.channel):
            place.after = ""
            return []
        whole = {} if self.whole is None else {WHOLE: self.whole}
        known, now = meters.lock(conn, self.channel, whole, self.worker)
        _return_unspent(place, known, now)
        room = _room(place, known.get(WHOLE), WHOLE, most, now)
        claims: list[Claim] = []
        if room and self.each is None:
            claims = self._claim(conn, place, min(room, len(probes)), 1, probes) if probes else []
            claims += self._next_of_each(conn, place, room - len(claims))
        elif room and self.each is not None:
            claims = self._of_capped_lanes(conn, place, known, self.each, room, probes, now)
        self._charge(conn, place, known, claims, now)
        return claims

    def _of_capped_lanes(
        self,
        conn: Connection,
        place: Place,
        known: dict[str, Meter],
        cap: Cap,
        most: int,
        probes: Sequence[str],
        now: datetime,
    ) -> list[Claim]:
        """Of the next lanes in use, as many of each as its own cap allows: those that allow alike in one statement."""
        lanes = queue.lanes_in_use(conn, self.channel, after=place.after, most=most)
        place.after = queue.last_lane(conn, self.channel, after=place.after, most=most)
        chosen = sorted({*lanes, *probes})
        of_lanes, _ = meters.lock(conn, self.channel, dict.fromkeys(chosen, cap), self.worker)
        _return_unspent(place, of_lanes, now)
        known |= of_lanes
        share = max(1, most // max(1, len(chosen)))
        alike: dict[int, list[str]] = {}
        for lane in chosen:
            room = _room(place, known[lane], lane, 1 if lane in probes else share, now)
            if room:
                alike.setdefault(room, []).append(lane)
        claims: list[Claim] = []
        for each, some in sorted(alike.items()):
            claims += self._claim(conn, place, most - len(claims), each, some)
            if len(claims) >= most:
                break
        return claims

    def _admit(self, conn: Connection, place: Place, claim: Claim) -> bool:
        """Whether the caps allow this one, which is counted then."""
        caps = {WHOLE: self.whole, claim.lane: self.each}
        wanted = {lane: cap for lane, cap in caps.items() if cap is not None}
        known, now = meters.lock(conn, self.channel, wanted, self.worker)
        if not all(meter.room(now, place.in_hand[lane]) for lane, meter in known.items()):
            return False
        self._charge(conn, place, known, [claim], now)
        return True

    def _charge(
        self,
        conn: Connection,
        place: Place,
        known: Mapping[str, Meter],
        claims: Iterable[Claim],
        now: datetime,
    ) -> None:
        taken: Counter[str] = Counter()
        for claim in claims:
            taken.update((WHOLE, claim.lane))
        in_hand = place.in_hand + taken
        changed = {}
        for lane, meter in known.items():
            meter.spend(now, taken[lane])
            if meter.changed or in_hand[lane] or in_hand[lane] != place.permits[lane]:
                changed[lane] = meter
                place.permits[lane] = in_hand[lane]
        meters.write(conn, self.channel, changed, in_hand, self.worker, now, self.lease)


def _room(place: Place, meter: Meter | None, lane: str, most: int, now: datetime) -> int:
    if meter is None:
        return most
    room = min(most, meter.room(now, place.in_hand[lane]))
    if not room:
        place.wait = max(place.wait, meter.wait(now))
    return room


def _return_unspent(place: Place, known: Mapping[str, Meter], now: datetime) -> None:
    for lane, meter in known.items():
        if number := place.unspent.pop(lane, 0):
            meter.spend(now, -number)
