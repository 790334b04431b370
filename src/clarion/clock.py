"""The only place where time is read, so that tests can travel.

Instants are aware and in UTC. Where several machines share a database, leases and due times use the
database's clock (see `store.dialect.now`), to which the same journey is added.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_journey = timedelta()


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC) + _journey


def monotonic() -> float:
    """Seconds that never jump, for measuring what is left of a lease."""
    return time.monotonic() + _journey.total_seconds()


def journey() -> timedelta:
    """How far this process has travelled from real time; zero outside tests."""
    return _journey


def travel(by: timedelta) -> None:
    """Move this process's time forward, or back; for tests."""
    global _journey  # noqa: PLW0603 - time is the one thing that is global
    _journey += by
