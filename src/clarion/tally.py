"""What is counted over time, and what the numbers of a range say: totals, points without gaps, percentiles. Pure.

A count belongs to a minute, numbered from 1970. Of it `what` says what happened, `code` why; where that is `LATENCY`, the
code is the upper bound of a bucket, in milliseconds, and empty behind the last one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

Key = tuple[str, int, str, str, str, str]  # tenant, minute, what, channel, type, code
Counts = Counter[Key]

EVENT, TOLD, HELD, REFUSED, LATENCY = "event", "told", "held", "refused", "latency"
ATTEMPTS = frozenset({"sent", "retry", "failed", "down"})
RETRIES = frozenset({"retry", "down"})

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOUNDS = (10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 21_600_000, 86_400_000)  # fmt: skip
_CODES = [*map(str, _BOUNDS), ""]
_IN_TIME = [timedelta(milliseconds=bound) for bound in _BOUNDS]
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,40}")


def minute_of(at: datetime) -> int:
    return (at - _EPOCH) // _MINUTE


def instant_of(minute: int) -> datetime:
    return _EPOCH + minute * _MINUTE


def bucket_of(latency: timedelta) -> str:
    """The code of the bucket in which it is counted."""
    return _CODES[bisect_left(_IN_TIME, latency)]


def word(code: str | None) -> str:
    """A code as it is counted: what is no short word might be another each time."""
    if code is None:
        return ""
    return code if _WORD.fullmatch(code) else "other"


# ── What a range says ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """`told`, `refused`: decisions, one for each notification and channel. `attempts` of all that were sent, failed or
    are tried again, which are the `retries`. The others are ends of deliveries."""

    events: int = 0
    told: int = 0
    refused: int = 0
    sent: int = 0
    failed: int = 0
    suppressed: int = 0
    cancelled: int = 0
    attempts: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """From when a delivery was due first until it was sent; exact to its bucket. `None` where nothing was sent."""

    number: int = 0
    p50: timedelta | None = None
    p95: timedelta | None = None
    p99: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What happened from `at` until the next point."""

    at: datetime
    numbers: Numbers = Numbers()
    latency: Latency = Latency()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    name: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What happened in a range, with one point for each step, the oldest first.

    `gates`: what held or refused decisions, by gate. `codes`: what attempts failed with. Of both, the most first.
    """

    totals: Numbers
    latency: Latency
    points: tuple[Point, ...]
    gates: tuple[Counted, ...]
    codes: tuple[Counted, ...]


Summed = TypeVar("Summed", bound=Summary)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatistics(Summary):
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeStatistics:
    type: str
    totals: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics(Summary):
    """What happened from `since` to `until`, in all, by channel and by type."""

    since: datetime
    until: datetime
    step: timedelta
    channels: tuple[ChannelStatistics, ...]
    types: tuple[TypeStatistics, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """`step` in minutes; `first` and `last`, which is without, are multiples of it."""

    first: int
    last: int
    step: int


@dataclass(frozen=True, slots=True)
class Row:
    """So many, from `minute` on for a step."""

    minute: int
    what: str
    channel: str
    code: str
    number: int


def statistics(
    span: Span, rows: Iterable[Row], by_type: Mapping[str, Counter[str]], *, types: int
) -> Statistics:
    """Of all rows in the span; `by_type`: how often what happened, of which so many `types` are shown."""
    every, of_channel = _Sums(), dict[str, _Sums]()
    for row in rows:
        every.add(row)
        if row.channel:
            if row.channel not in of_channel:
                of_channel[row.channel] = _Sums()
            of_channel[row.channel].add(row)
    busiest = sorted(by_type.items(), key=lambda one: (-one[1].total(), one[0]))[:types]
    return every.summary(
        span,
        Statistics,
        since=instant_of(span.first),
        until=instant_of(span.last),
        step=span.step * _MINUTE,
        channels=tuple(
            sums.summary(span, ChannelStatistics, channel=name) for name, sums in sorted(of_channel.items())
        ),
        types=tuple(TypeStatistics(type=name, totals=numbers(total)) for name, total in busiest),
    )


class _Sums:
    """Of some rows: in all, and at each point."""

    def __init__(self) -> None:
        self.total, self.late, self.gates, self.codes = (Counter[str]() for _ in range(4))
        self._at: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._late_at: defaultdict[int, Counter[str]] = defaultdict(Counter)

    def add(self, row: Row) -> None:
        if row.what == LATENCY:
            self.late[row.code] += row.number
            self._late_at[row.minute][row.code] += row.number
            return
        self.total[row.what] += row.number
        self._at[row.minute][row.what] += row.number
        if row.what in {HELD, REFUSED}:
            self.gates[row.code] += row.number
        elif row.what in ATTEMPTS and row.code:
            self.codes[row.code] += row.number

    def summary(self, span: Span, form: Callable[..., Summed], **more: object) -> Summed:
        """`more`: what this form of a `Summary` has besides."""
        return form(
            totals=numbers(self.total),
            latency=latency(self.late),
            points=self._points(span),
            gates=_most_first(self.gates),
            codes=_most_first(self.codes),
            **more,
        )

    def _points(self, span: Span) -> tuple[Point, ...]:
        nothing: Counter[str] = Counter()
        return tuple(
            Point(
                at=instant_of(minute),
                numbers=numbers(self._at.get(minute, nothing)),
                latency=latency(self._late_at.get(minute, nothing)),
            )
            for minute in range(span.first, span.last, span.step)
        )


def numbers(of: Counter[str]) -> Numbers:
    """`of`: how often what happened."""
    return Numbers(
        events=of[EVENT],
        told=of[TOLD] + of[HELD],
        refused=of[REFUSED],
        sent=of["sent"],
        failed=of["failed"],
        suppressed=of["suppressed"],
        cancelled=of["cancelled"],
        attempts=sum(of[what] for what in ATTEMPTS),
        retries=sum(of[what] for what in RETRIES),
    )


def latency(of: Counter[str]) -> Latency:
    """`of`: how many in each bucket."""
    number = of.total()
    if not number:
        return Latency()
    at = percentiles(of)
    return Latency(number=number, p50=at(0.5), p95=at(0.95), p99=at(0.99))


def percentiles(of: Counter[str]) -> Callable[[float], timedelta]:
    """The time within which this share was sent, as if those of a bucket were spread over it evenly.

    Of what is behind the last bound, that bound: it was at least so long.
    """
    bounds = [0, *sorted({*_BOUNDS, *(int(code) for code in of if code)})]
    filled = [(lower, upper, here) for lower, upper in pairwise(bounds) if (here := of.get(str(upper), 0))]
    total = of.total()

    def at(share: float) -> timedelta:
        wanted, passed = share * total, 0
        for lower, upper, here in filled:
            if passed + here >= wanted:
                return timedelta(milliseconds=lower + (upper - lower) * (wanted - passed) / here)
            passed += here
        return timedelta(milliseconds=bounds[-1])

    return at


def _most_first(of: Counter[str]) -> tuple[Counted, ...]:
    ordered = sorted(of.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Counted(name=name, number=number) for name, number in ordered if number)


# ── Which numbers are kept ───────────────────────────────────────────────────────────────────────────────

MINUTE, QUARTER, HOUR, DAY = 1, 15, 60, 24 * 60  # as `dialect.FOLD` has them
KEPT = {
    MINUTE: timedelta(days=3),
    QUARTER: timedelta(days=14),
    HOUR: timedelta(days=90),
    DAY: timedelta(days=3 * 365),
}
_STEPS = (1, 5, 15, 30, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY, 30 * DAY)
_POINTS = 120  # at most, where nobody says the step


def span_of(since: datetime, until: datetime, step: timedelta | None, now: datetime) -> Span:
    """The whole steps that this range touches. What is too old for its step is there in longer ones."""
    first, last = minute_of(since), max(minute_of(until - timedelta(microseconds=1)), minute_of(since))
    least = next((grain for grain, kept in KEPT.items() if since >= now - kept), DAY)
    if step is None:
        wanted = next((one for one in _STEPS if (last - first) // one < _POINTS), _STEPS[-1])
    else:
        wanted = step // _MINUTE
    length = -(-wanted // least) * least
    return Span(first=first - first % length, last=last - last % length + length, step=length)


def grain_of(span: Span) -> int:
    """The longest of those that are kept which a step is made of: it is read quickest."""
    return next(grain for grain in (DAY, HOUR, QUARTER, MINUTE) if not span.step % grain)
