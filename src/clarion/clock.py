"""The only place where time is read, so that tests can travel.

Instants are aware and in UTC. Where several machines share a database, leases and due times use the
database's clock (see `store.dialect.now`), to which the same journey is added.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_journey = timedelta()
_seconds = 0.0  # the same
_still: tuple[datetime, float] | None = None  # where both clocks stand, if they do


def now() -> datetime:
    """The wall clock, in UTC."""
    return (datetime.now(UTC) if _still is None else _still[0]) + _journey


def monotonic() -> float:
    """Seconds that never jump, for measuring what is left of a lease."""
    return (time.monotonic() if _still is None else _still[1]) + _seconds


def journey() -> timedelta:
    """How far this process has travelled from real time; zero outside tests."""
    return _journey


def travel(by: timedelta) -> None:
    """Move this process's time forward, or back; for tests."""
    global _journey, _seconds  # noqa: PLW0603 - time is the one thing that is global
    _journey += by
    _seconds = _journey.total_seconds()


def stand_still(still: bool = True) -> None:
    """Let this process's time stand, so that it only travels; or let it go again. For tests."""
    global _still  # noqa: PLW0603 - as above
    _still = (datetime.now(UTC), time.monotonic()) if still else None


def stands_still() -> bool:
    return _still is not None
