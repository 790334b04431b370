"""Times as they are written on a command line."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from clarion import clock
from clarion.cli.ending import misused
from clarion.settings.kinds import UNITS

_AGO = re.compile(r"([0-9]+)([smhd])")


def instant(option: str, given: str | None) -> datetime | None:
    """`2025-06-01T10:00:00+02:00`."""
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        misused(f"{option} {given!r} is no time; write it such as 2025-06-01T10:00:00+02:00")
    if at.tzinfo is None:
        misused(f"{option} {given!r} lacks its offset from UTC; write {given}Z, or {given}+02:00")
    return at


def past_instant(option: str, given: str | None) -> datetime | None:
    """The same, or how long ago: `90m`, `2h`, `3d`."""
    ago = None if given is None else _AGO.fullmatch(given)
    if ago is None:
        return instant(option, given)
    try:
        return clock.now() - int(ago[1]) * UNITS[ago[2]]
    except (OverflowError, ValueError):  # the latter of thousands of digits
        misused(f"{option} {given!r} lies before the calendar begins")


def duration(option: str, given: str) -> timedelta:
    """How long: `90m`, `2h`, `3d`; up to a year."""
    found = _AGO.fullmatch(given)
    if found is None:
        misused(f"{option} {given!r}: write how long, such as 30s, 90m, 2h or 3d")
    try:
        lasts = int(found[1]) * UNITS[found[2]]
    except (OverflowError, ValueError):
        lasts = timedelta.max
    if not timedelta() < lasts <= timedelta(days=366):
        misused(f"{option} {given!r}: more than nothing, and at most a year")
    return lasts
