"""The line of time as a drawing: a lane for the event and for each channel, a mark for each moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clarion.story import Story
from clarion.timeline import Moment
from clarion.web.console.times import Zone

WIDTH = 1000
LANE = 30
LEFT = 90
RIGHT = 20
TOP = 8
MARKS = 400  # at most so many: one behind the other they say no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    x: float
    y: float
    tone: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    x: float
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """From the first to the last of those that stand alike."""

    x: float
    y: float
    width: float
    tone: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    width: int
    height: int
    left: int
    right: int
    lanes: tuple[tuple[str, float], ...]
    marks: tuple[Mark, ...]
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]


_TONES = {"sent": "good", "failed": "bad", "waiting": "waiting", "sending": "waiting"}


def drawn(story: Story, zone: Zone, *, crowd: bool) -> Scale | None:
    """`None` where there is but one instant: nothing lies between. `crowd`: with bars for those who are not on the page."""
    moments = story.moments[:MARKS]
    ends = list(story.standing.deliveries) if crowd else []
    at = [m.at for m in moments] + [t for one in ends for t in (one.first, one.last) if t is not None]
    if not at or max(at) - min(at) < timedelta(milliseconds=1):
        return None
    since, until = min(at), max(at)
    names = list(
        dict.fromkeys(["event", *(m.channel or "event" for m in moments), *(e.channel for e in ends)])
    )
    lanes = {name: TOP + LANE * n + LANE / 2 for n, name in enumerate(names)}

    def x(when: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * ((when - since) / (until - since)), 1)

    return Scale(
        width=WIDTH,
        height=TOP + LANE * len(names) + 24,
        left=LEFT,
        right=WIDTH - RIGHT,
        lanes=tuple(lanes.items()),
        marks=tuple(_mark(m, x(m.at), lanes[m.channel or "event"]) for m in moments),
        bars=tuple(
            Bar(
                x=x(one.first),
                y=lanes[one.channel],
                width=max(3.0, round(x(one.last) - x(one.first), 1)),
                tone=_TONES.get(one.state, "quiet"),
                said=f"{one.number:,} {one.state}",
            )
            for one in ends
            if one.first is not None and one.last is not None
        ),
        ticks=tuple(Tick(x=x(when), said=_label(when, until - since, zone)) for when in _ticks(since, until)),
    )


def _mark(moment: Moment, x: float, y: float) -> Mark:
    who = f"{moment.recipient}: " if moment.recipient else ""
    return Mark(x=x, y=y, tone=moment.tone, said=f"{who}{moment.said}")


def _label(at: datetime, whole: timedelta, zone: Zone) -> str:
    local = at.astimezone(zone.info)
    if whole < timedelta(seconds=10):
        return f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
    return f"{local:%H:%M:%S}" if whole < timedelta(hours=1) else f"{local:%d %b %H:%M}"


def _ticks(since: datetime, until: datetime) -> Sequence[datetime]:
    return [since + (until - since) * n / 4 for n in range(5)]
