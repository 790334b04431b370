"""What the queue and the outcomes ought to hold: a plain dictionary, changed by the rules of the design alone.

It never asks the database when anything happened: it knows between which two instants it was, and takes over the
exact one when it compares, once it has found it to lie there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from clarion.delivery import Claim, Result, State

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
LEASE = 30 * SECOND
MAX_AGE = 3 * DAY
MOST_LOSSES = 3
RETRY_WAITS = (10 * SECOND, 90 * SECOND)
HELD_FOR = 45 * SECOND
ROUNDING = timedelta(milliseconds=1)

Key = tuple[str, UUID]  # tenant, delivery


class Span(NamedTuple):
    """When something was, or will be: between these two instants."""

    first: datetime
    last: datetime

    def later(self, least: timedelta, most: timedelta | None = None) -> Span:
        return Span(self.first + least, self.last + (least if most is None else most))

    def holds(self, at: datetime) -> bool:
        return self.first - ROUNDING <= at <= self.last + ROUNDING


class Past(NamedTuple):
    """An outcome, but for its words to people."""

    result: Result
    final: bool
    code: str | None
    attempt: int


@dataclass(slots=True)
class Waiting:
    """What is left to do of a delivery."""

    due: Span
    claims: int = 0
    attempts: int = 0
    losses: int = 0
    lease: Span | None = None
    cancelled: str | None = None


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One that was accepted; `waiting` until it is over."""

    number: int
    key: Key
    event: UUID
    notification: UUID
    recipient: str
    lane: str
    severity: int
    waiting: Waiting | None
    past: dict[int, Past] = field(default_factory=dict)
    last: Span | None = None  # its newest outcome
    withdrawn: bool = False

    @property
    def end(self) -> Past | None:
        return next((past for past in self.past.values() if past.final), None)


@dataclass(slots=True, kw_only=True)
class Told:
    """An event. `withdrawn`: for everybody."""

    tenant: str
    id: UUID
    subject: str
    at: datetime
    withdrawn: bool = False


class Meaning(NamedTuple):
    """What a claim came to, and what that means: it waits from `least` to `most`, or it is the end."""

    result: Result
    code: str | None = None
    spent: bool = False
    least: timedelta | None = None
    most: timedelta | None = None


def meaning(word: str, claim: Claim) -> Meaning:
    """The rules of the design for what may become of a claim."""
    match word:
        case "sent":
            return Meaning(Result.SENT, spent=True)
        case "refused":
            return Meaning(Result.FAILED, "smtp_550", spent=True)
        case "suppressed":
            return Meaning(Result.SUPPRESSED, "muted")
        case "given back":
            return Meaning(Result.GIVEN_BACK, None, least=timedelta())
        case "held":
            return Meaning(Result.HELD, "quiet_hours", least=HELD_FOR)
        case "down":
            wait = min(2 ** (claim.fence - 1), 60) * SECOND
            return Meaning(Result.DOWN, "refused", least=0.8 * wait, most=1.2 * wait)
        case "busy" if claim.attempts < len(RETRY_WAITS):
            return Meaning(Result.RETRY, "busy", spent=True, least=RETRY_WAITS[claim.attempts])
        case "busy":
            return Meaning(Result.FAILED, "busy", spent=True)
    raise AssertionError(word)


WORDS = ("sent", "refused", "suppressed", "given back", "held", "down", "busy")


class Model:
    """The dictionary, and what each step makes of it."""

    def __init__(self) -> None:
        self.deliveries: dict[Key, Delivery] = {}
        self.events: dict[UUID, Told] = {}

    def waiting(self) -> list[tuple[Delivery, Waiting]]:
        return [(d, d.waiting) for d in self.deliveries.values() if d.waiting is not None]

    def claimable(self, now: Span, *, lost: bool) -> tuple[list[Delivery], list[Delivery]]:
        """Whose turn it is, of those that lost a lease or of the others: surely, and perhaps."""
        of_kind = [(d, w) for d, w in self.waiting() if (w.losses > 0) == lost]
        surely = [
            d
            for d, w in of_kind
            if w.due.last <= now.first and (w.lease is None or w.lease.last <= now.first)
        ]
        perhaps = [
            d
            for d, w in of_kind
            if w.due.first <= now.last and (w.lease is None or w.lease.first <= now.last)
        ]
        return surely, perhaps

    # ── What a claim makes of a delivery ─────────────────────────────────────────────────────────────────

    def picked(self, delivery: Delivery, now: Span) -> bool:
        """A claim came to this one: leased now, or put to rest if a lease had run out. Whether it is leased."""
        w = delivery.waiting
        assert w is not None
        w.claims += 1
        if w.lease is None:
            w.lease = now.later(LEASE)
            return True
        w.losses += 1
        if w.cancelled is not None:
            self._end(delivery, Past(Result.CANCELLED, True, w.cancelled, w.attempts), now)
        elif w.losses > MOST_LOSSES:
            self._end(delivery, Past(Result.FAILED, True, "lease_lost", w.attempts), now)
        else:
            w.lease, w.due = None, now.later(2 ** (w.losses - 1) * SECOND)
            self._remember(delivery, Past(Result.LOST, False, "lease_lost", w.attempts), now)
        return False

    def is_open(self, claim: Claim) -> bool:
        """Whether this claim has come to nothing yet, and no later one took its place."""
        delivery = self.deliveries.get(claim.key)
        w = None if delivery is None else delivery.waiting
        return w is not None and w.claims == claim.fence and w.lease is not None

    def settled(self, claim: Claim, meant: Meaning, now: Span) -> None:
        delivery = self.deliveries[claim.key]
        w = delivery.waiting
        assert w is not None
        w.attempts += int(meant.spent)
        if w.cancelled is not None and meant.result is not Result.SENT:
            self._end(delivery, Past(Result.CANCELLED, True, w.cancelled, w.attempts), now)
        elif meant.least is None:
            self._end(delivery, Past(meant.result, True, meant.code, w.attempts), now)
        else:
            w.lease, w.due = None, now.later(meant.least, meant.most)
            self._remember(delivery, Past(meant.result, False, meant.code, w.attempts), now)

    # ── What people make of it ───────────────────────────────────────────────────────────────────────────

    def withdrawn(
        self, events: Iterable[Told], recipient: str | None, code: str, now: Span, still: Collection[Key]
    ) -> None:
        """These were taken back. `still`: what is in the queue, for leases that run out at that very moment."""
        for event in events:
            for d in self.deliveries.values():
                if d.event != event.id or d.withdrawn or recipient not in {None, d.recipient}:
                    continue
                d.withdrawn = True
                if d.waiting is not None:
                    self._cancelled(d, d.waiting, code, now, still)
            event.withdrawn |= recipient is None

    def _cancelled(self, d: Delivery, w: Waiting, code: str, now: Span, still: Collection[Key]) -> None:
        leased = w.lease is not None and w.lease.first > now.last
        perhaps = w.lease is not None and w.lease.last > now.first
        if leased or (perhaps and d.key in still):
            w.cancelled = code
        else:
            w.claims += 1
            self._end(d, Past(Result.CANCELLED, True, code, w.attempts), now)

    def replayable(
        self, tenant: str, states: Collection[State], now: datetime, *, past_max_age: bool
    ) -> list[Delivery]:
        return [
            d
            for d in self.deliveries.values()
            if d.key[0] == tenant
            and d.end is not None
            and State(d.end.result) in states
            and not d.withdrawn
            and (past_max_age or now < self.events[d.event].at + MAX_AGE)
        ]

    def replayed(self, delivery: Delivery, now: Span) -> None:
        claim, end = max(delivery.past), delivery.end
        assert end is not None
        delivery.past[claim] = end._replace(final=False)
        delivery.waiting = Waiting(now, claims=claim + 1, losses=int(end.code == "lease_lost"))
        self._remember(delivery, Past(Result.REPLAYED, False, None, 0), now)

    def over(self, event: UUID, before: datetime) -> bool:
        """Whether nothing of this event is later than that, or still to come."""
        of_it = [d for d in self.deliveries.values() if d.event == event]
        return self.events[event].at < before and all(
            d.waiting is None and d.last is not None and d.last.last < before for d in of_it
        )

    def pruned(self, event: UUID) -> None:
        del self.events[event]
        self.deliveries = {key: d for key, d in self.deliveries.items() if d.event != event}

    # ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────────

    def _remember(self, delivery: Delivery, past: Past, now: Span) -> None:
        assert delivery.waiting is not None
        assert delivery.waiting.claims not in delivery.past
        delivery.past[delivery.waiting.claims], delivery.last = past, now

    def _end(self, delivery: Delivery, past: Past, now: Span) -> None:
        self._remember(delivery, past, now)
        delivery.waiting = None
