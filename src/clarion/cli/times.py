"""Times as they are written on a command line."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from clarion import clock
from clarion.cli.ending import misused

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_AGO = re.compile(r"([0-9]{1,6})([mhd])")


def instant(option: str, given: str | None) -> datetime | None:
    """`2025-06-01T10:00:00+02:00`."""
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError as error:
        misused(f"{option} {given!r}: {error}")
    if at.tzinfo is None:
        misused(f"{option} {given!r} lacks its offset from UTC; write {given}Z, or {given}+02:00")
    return at


def past_instant(option: str, given: str | None) -> datetime | None:
    """The same, or how long ago: `90m`, `2h`, `3d`."""
    ago = None if given is None else _AGO.fullmatch(given)
    if ago is None:
        return instant(option, given)
    try:
        return clock.now() - int(ago[1]) * _UNITS[ago[2]]
    except OverflowError:
        misused(f"{option} {given!r} lies before the calendar begins")


def duration(option: str, given: str) -> timedelta:
    """How long: `90m`, `2h`, `3d`; up to a year."""
    found = _AGO.fullmatch(given)
    if found is None:
        misused(f"{option} {given!r}: write how long, such as 90m, 2h or 3d")
    lasts = int(found[1]) * _UNITS[found[2]]
    if not timedelta() < lasts <= timedelta(days=366):
        misused(f"{option} {given!r}: more than nothing, and at most a year")
    return lasts
