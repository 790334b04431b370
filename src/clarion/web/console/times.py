"""Times on a page: in whose zone they stand, from when to when a page looks, and how they are written and read.

A URL holds instants in UTC or how long ago, so that it means the same to everybody; what is typed without an offset
is meant in the zone of the page. An hour that a clock goes through twice is its first pass, one that it leaps over
lies behind the leap; where a written time could be either of two, its offset stands with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from clarion import clock
from clarion.errors import InvalidInput, shown
from clarion.event import instant

MINE = "mine"
_SPAN = re.compile(r"([0-9]{1,9})(s|m|h|d|w)")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_LONGEST = timedelta(days=366)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """In which zone a page shows times. `name`: of the IANA database. `asked`: as the URL says it, if it does."""

    name: str
    info: tzinfo
    asked: str | None = None

    @property
    def is_mine(self) -> bool:
        """The viewer's own, as their browser told it; UTC until it has."""
        return self.asked is None


def zone(asked: str | None, browser: str | None) -> Zone:
    """`asked`: `UTC` or another name, or nothing or `mine` for the browser's. Raises `InvalidInput`."""
    if asked is not None and asked != MINE:
        found = _known(asked)
        if found is None:
            raise InvalidInput(f"zone {shown(asked)} is not known; write it such as UTC or Europe/Paris")
        return Zone(name=asked, info=found, asked=asked)
    own = None if browser is None else _known(browser)
    return Zone(name="UTC", info=UTC) if own is None or browser is None else Zone(name=browser, info=own)


def _known(name: str) -> tzinfo | None:
    if name == "UTC":
        return UTC
    if len(name) > 64 or not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # the last is ZoneInfoNotFoundError
        return None


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────


def parse(name: str, text: str, zone: tzinfo) -> datetime:
    """`2025-06-01T10:00`, `2025-06-01 10:00:00+02:00`, `2025-06-01`, `-90m`, `now`. Raises `InvalidInput`."""
    if text == "now":
        return clock.now()
    if text.startswith("-") and _SPAN.fullmatch(text[1:]):
        return clock.now() - span(name, text[1:])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"{name} {shown(text)} is no time; write it such as 2025-06-01T10:00, or -2h"
        ) from None
    try:
        found = instant(name, at if at.tzinfo is not None else at.replace(tzinfo=zone))
    except OverflowError:
        found = None
    if found is None:
        raise InvalidInput(f"{name} {shown(text)} is outside the years 1 to 9999")
    return found


def span(name: str, text: str) -> timedelta:
    """`30s`, `90m`, `2h`, `3d`, `1w`; more than nothing, and at most a year. Raises `InvalidInput`."""
    found = _SPAN.fullmatch(text)
    lasts = int(found[1]) * _UNITS[found[2]] if found and int(found[1]) < 10**8 else timedelta()
    if not timedelta() < lasts <= _LONGEST:
        raise InvalidInput(
            f"{name} {shown(text)}: write how long, such as 30s, 90m, 2h or 3d; at most a year"
        )
    return lasts


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """From when to when a page looks. `asked_from`, `asked_to`: as they stand in the URL, so that `-1h` goes along."""

    since: datetime
    until: datetime
    asked_from: str
    asked_to: str | None

    @property
    def is_open(self) -> bool:
        """Whether it goes on to the present, whenever that is."""
        return self.asked_to is None


def range_of(asked_from: str | None, asked_to: str | None, zone: tzinfo, default: str) -> Range:
    """Raises `InvalidInput`."""
    now = clock.now()
    since = parse("from", asked_from or default, zone)
    until = now if asked_to is None else parse("to", asked_to, zone)
    if since >= until:
        raise InvalidInput(f"from {in_url(since)} does not lie before to {in_url(until)}; swap them")
    return Range(
        since=since,
        until=until,
        asked_from=_kept(asked_from or default, since),
        asked_to=None if asked_to is None else _kept(asked_to, until),
    )


def _kept(asked: str, found: datetime) -> str:
    return asked if asked.startswith("-") or asked == "now" else in_url(found)


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────


def in_url(at: datetime) -> str:
    """`2025-06-01T08:00:00Z`."""
    exact = "milliseconds" if at.microsecond else "seconds"
    return at.astimezone(UTC).isoformat(timespec=exact).replace("+00:00", "Z")


def written(at: datetime, zone: tzinfo, *, exact: bool = False) -> str:
    """`2025-06-01 10:00:00`, with its offset where the clock shows that twice."""
    local = at.astimezone(zone)
    shown = local if _shown_twice(local) else local.replace(tzinfo=None)
    return shown.isoformat(" ", timespec="milliseconds" if exact else "seconds")


def in_input(at: datetime, zone: tzinfo) -> str:
    """As an input of the kind `datetime-local` takes it."""
    return at.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")


def _shown_twice(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def long(span: timedelta) -> str:
    """`3 d 4 h`, `12 min`, `40 s`, `0.35 s`: the two largest units."""
    if span < timedelta(seconds=10):
        return f"{max(span, timedelta()).total_seconds():.3g} s"
    seconds, parts = int(span.total_seconds()), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])
