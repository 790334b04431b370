"""Charts as SVG, computed here: a value by series for each stretch of time. Time runs evenly, whatever clocks do.

Also as a table, which needs no eyes and no pointer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from clarion.web.console import times
from clarion.web.console.times import Zone

Value = float | None
Points = Sequence[tuple[datetime, Mapping[str, Value]]]

WIDTH, HEIGHT = 560.0, 170.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 552.0, 8.0, 150.0
_LABELS = 7
_STEPS = tuple(
    timedelta(minutes=n) for n in (1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 43_200)
)
_SPANS = (0.1, 0.2, 0.4, 1, 2, 4, 10, 20, 40, 60, 120, 240, 600, 1200, 2400, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 172_800)  # fmt: skip
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """`path`: of the bars, or of the line. `total`: of what is counted."""

    name: str
    path: str
    total: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A stretch of time, with its values as they are written."""

    since: datetime
    until: datetime
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """`ticks`, `grid`: where, and what stands there. `brush`: milliseconds and places, for the script."""

    title: str
    kind: str
    series: tuple[Series, ...]
    ticks: tuple[tuple[float, str], ...]
    grid: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]
    summary: str
    brush: str
    marks: str
    empty: bool

    width, height = WIDTH, HEIGHT
    left, right, top, bottom = LEFT, RIGHT, TOP, BOTTOM


def chart(
    title: str,
    points: Points,
    *,
    until: datetime,
    zone: Zone,
    kind: Literal["bars", "lines"] = "bars",
    unit: Literal["", "s"] = "",
) -> Chart:
    """`points`: when each begins, the oldest first, and its values by series, all of the same. `until`: where the
    last ends. `bars` stand upon one another, `lines` beside. `unit`: seconds, or what is counted."""
    write = _seconds if unit == "s" else _count
    names = list(points[0][1]) if points else []
    since = points[0][0] if points else until - _DAY
    ends = [*(at for at, _ in points[1:]), until][: len(points)]
    top = (_nice_span if unit == "s" else _nice)(_highest(points, kind))
    x = _scale(since, until)
    rows = tuple(
        Row(since=at, until=end, values=tuple(write(values[name]) for name in names))
        for (at, values), end in zip(points, ends, strict=True)
    )
    draw = _bars if kind == "bars" else _lines
    paths = draw(points, ends, names, x, top) if points else {}
    totals = {name: sum(values[name] or 0 for _, values in points) for name in names}
    return Chart(
        title=title,
        kind=kind,
        series=tuple(
            Series(name=name, path=paths[name], total=write(totals[name]) if kind == "bars" else None)
            for name in names
        ),
        ticks=tuple((x(at), label) for at, label in _ticks(since, until, zone.info)),
        grid=tuple((_y(top * part, top), write(top * part)) for part in (0, 0.5, 1)),
        rows=rows,
        summary=_summary(title, points, names, totals, kind, write),
        brush=f"{_ms(since)} {_ms(until)} {LEFT:g} {RIGHT:g}",
        marks=json.dumps([[round(x(row.since), 1), _mark(row, names, zone)] for row in rows]),
        empty=not any(value for _, values in points for value in values.values()),
    )


# ── Drawing ──────────────────────────────────────────────────────────────────────────────────────────────


def _bars(
    points: Points, ends: Sequence[datetime], names: Sequence[str], x: Callable[[datetime], float], top: float
) -> dict[str, str]:
    paths: dict[str, list[str]] = {name: [] for name in names}
    for (at, values), end in zip(points, ends, strict=True):
        left, right, below = x(at), x(end), 0.0
        gap = min(1.5, (right - left) * 0.2)
        for name in names:
            value = values[name] or 0
            if value <= 0:
                continue
            high, low = _y(below + value, top), _y(below, top)
            paths[name].append(f"M{left:.1f} {low:.1f}V{high:.1f}H{right - gap:.1f}V{low:.1f}z")
            below += value
    return {name: "".join(parts) for name, parts in paths.items()}


def _lines(
    points: Points, ends: Sequence[datetime], names: Sequence[str], x: Callable[[datetime], float], top: float
) -> dict[str, str]:
    """Through the middle of each stretch; a stretch without a value is a gap, one between gaps is a short stroke."""
    paths: dict[str, str] = {}
    for name in names:
        path, joined = "", False
        for (at, values), end in zip(points, ends, strict=True):
            value = values[name]
            if value is None:
                joined = False
                continue
            y = _y(value, top)
            if joined:
                path += f"L{(x(at) + x(end)) / 2:.1f} {y:.1f}"
            else:
                middle, half = (x(at) + x(end)) / 2, min((x(end) - x(at)) / 2, 3)
                path += f"M{middle - half:.1f} {y:.1f}L{middle:.1f} {y:.1f}"
            joined = True
        paths[name] = path
    return paths


def _scale(since: datetime, until: datetime) -> Callable[[datetime], float]:
    whole = (until - since).total_seconds() or 1.0
    return lambda at: LEFT + (at - since).total_seconds() / whole * (RIGHT - LEFT)


def _y(value: float, top: float) -> float:
    return round(BOTTOM - value / top * (BOTTOM - TOP), 1)


def _highest(points: Points, kind: str) -> float:
    join = sum if kind == "bars" else max
    return max(
        (join([value or 0.0 for value in values.values()] or [0.0]) for _, values in points), default=0.0
    )


def _nice(highest: float) -> float:
    """The next of 1, 2, 4, 6, 10, 20, …: half of it is a round number, too."""
    if highest <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(highest))
    return next(part * size for part in (1, 2, 4, 6, 10) if part * size >= highest * 0.999)


def _nice_span(highest: float) -> float:
    """The same of seconds, as people count them."""
    return next((span for span in _SPANS if span >= highest), _nice(highest))


# ── Times below it ───────────────────────────────────────────────────────────────────────────────────────


def _ticks(since: datetime, until: datetime, zone: tzinfo) -> Iterator[tuple[datetime, str]]:
    """Round times of the zone: a day of 23 or 25 hours is that wide, and no hour is marked twice."""
    step = next((one for one in _STEPS if (until - since) / one <= _LABELS), _STEPS[-1])
    local = since.astimezone(zone).replace(tzinfo=None, fold=0)
    begun = datetime(local.year, 1, 1) if step > _DAY else datetime(local.year, local.month, local.day)  # noqa: DTZ001 - on the wall
    wall, last = begun + math.ceil((local - begun) / step) * step, None
    while True:
        at = wall.replace(tzinfo=zone).astimezone(UTC)
        if at > until:
            return
        shown = at.astimezone(zone)
        if at >= since and at != last:
            yield (
                at,
                f"{shown.day} {shown:%b}"
                if step >= _DAY or not (shown.hour or shown.minute)
                else f"{shown:%H:%M}",
            )
        last, wall = at, wall + step


def by_day(points: Points, zone: tzinfo) -> list[tuple[datetime, dict[str, Value]]]:
    """Counts of an hour or so, put together by the days of a zone, which may have 23 or 25 of them."""
    days: list[tuple[datetime, dict[str, Value]]] = []
    for at, values in points:
        midnight = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if not days or days[-1][0].astimezone(zone).date() != midnight.date():
            begun = midnight.astimezone(UTC)
            days.append((max(begun, points[0][0]), dict.fromkeys(values, 0.0)))
        for name, value in values.items():
            days[-1][1][name] = (days[-1][1][name] or 0.0) + (value or 0.0)
    return days


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────


def _count(value: Value) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _seconds(value: Value) -> str:
    return "–" if value is None else times.long(timedelta(seconds=value))


def _mark(row: Row, names: Sequence[str], zone: Zone) -> str:
    said = ", ".join(f"{name} {value}" for name, value in zip(names, row.values, strict=True))
    return f"{times.written(row.since, zone.info)[:16]}: {said}"


def _summary(
    title: str,
    points: Points,
    names: Sequence[str],
    totals: Mapping[str, float],
    kind: str,
    write: Callable[[Value], str],
) -> str:
    """What a picture of it says, in a sentence."""
    if kind == "bars":
        return f"{title}: " + ", ".join(f"{name} {write(totals[name])}" for name in names)
    highest = {name: max((v[name] or 0.0 for _, v in points), default=0.0) for name in names}
    return f"{title}: " + ", ".join(f"{name} at most {write(highest[name])}" for name in names)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
