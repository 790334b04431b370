"""The hours in which a recipient is not to be disturbed, by weekday, in the recipient's own time zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from clarion.errors import InvalidInput, UnknownName, shown
from clarion.severity import Severity

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
GROUPS = {"daily": WEEKDAYS, "weekdays": WEEKDAYS[:5], "weekend": WEEKDAYS[5:]}

_DAY = timedelta(days=1)
_SOME_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """From `start` on this weekday (0 is Monday) until `end`: of the same day, or of the next when it is not later.

    `22:00–07:00` ends the next morning; `00:00–00:00` is the whole day.
    """

    weekday: int
    start: time
    end: time

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The instants at which the window of this day begins and ends.

        Where the clock is set back, an hour comes twice: quiet from the first start to the last end. Where it is
        set forward over a start or an end, that falls as much later as the clock was moved.
        """
        last = day if self.end > self.start else day + _DAY
        begins = datetime.combine(day, self.start, zone).astimezone(UTC)
        ends = datetime.combine(last, self.end, zone)
        return begins, max(begins, *(ends.replace(fold=fold).astimezone(UTC) for fold in (0, 1)))


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Windows, and the severity from which on they do not count."""

    windows: tuple[Window, ...]
    passes: Severity = Severity.URGENT

    def until(self, at: datetime, zone_name: str) -> datetime | None:
        """When the quiet that reigns at `at` ends; `None` if it does not reign. Windows that touch are one."""
        zone = _zone(zone_name)
        end: datetime | None = None
        moment = at
        for _ in range(2 * len(self.windows) + 2):  # a week of windows that touch, at most
            ends = [e for b, e in self._around(moment, zone) if b <= moment < e]
            if not ends:
                return end
            moment = end = max(ends)
        return end

    def _around(self, at: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        today = at.astimezone(zone).date()
        for day in (today - _DAY, today):
            for window in self.windows:
                if window.weekday == day.weekday():
                    yield window.on(day, zone)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def parse(written: Mapping[str, Any]) -> QuietHours:
    """`{"daily": ["22:00-07:00"], "weekend": ["00:00-00:00"], "passes": "urgent"}`; raises `InvalidInput`."""
    windows: set[Window] = set()
    for name, spans in written.items():
        if name == "passes":
            continue
        days = GROUPS.get(name, (name,) if name in WEEKDAYS else ())
        if not days:
            raise UnknownName("day of quiet hours", name, [*WEEKDAYS, *GROUPS, "passes"])
        windows |= {
            Window(WEEKDAYS.index(day), *_span(span)) for day in days for span in _listed(name, spans)
        }
    if not windows:
        raise InvalidInput("quiet hours name no window; to have none, set them to None")
    hours = QuietHours(tuple(sorted(windows)), Severity.of(written.get("passes", Severity.URGENT)))
    end = hours.until(_SOME_MONDAY, "UTC")
    if end is not None and end - _SOME_MONDAY >= timedelta(days=7):
        raise InvalidInput(
            "quiet hours cover the whole week, so that nothing would ever be sent; switch channels off, or silence all"
        )
    return hours


def to_json(hours: QuietHours) -> dict[str, Any]:
    """The reverse of `parse`."""
    written: dict[str, Any] = {}
    for window in hours.windows:
        span = f"{window.start:%H:%M}-{window.end:%H:%M}"
        written.setdefault(WEEKDAYS[window.weekday], []).append(span)
    return {**written, "passes": hours.passes.label}


def _listed(name: str, spans: object) -> Iterable[object]:
    if isinstance(spans, str) or not isinstance(spans, Iterable):
        raise InvalidInput(
            f"quiet hours of {name!r} must be a list such as ['22:00-07:00'], got {shown(spans)}"
        )
    return spans


def _span(written: object) -> tuple[time, time]:
    try:
        start, end = str(written).split("-")
        return _time(start), _time(end)
    except ValueError:
        raise InvalidInput(f"{shown(written)} is no span of quiet hours; write it as '22:00-07:00'") from None


def _time(written: str) -> time:
    return datetime.strptime(written.strip(), "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
