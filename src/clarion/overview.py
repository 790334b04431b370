"""What stands now: what waits, how fast it goes, and when it will be through. A method of `Clarion`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.engine import Connection

from clarion import tally
from clarion.event import DEFAULT_TENANT, required_text
from clarion.lane import Lanes
from clarion.store import dialect, tallies, waiting
from clarion.store.database import Database
from clarion.store.waiting import Waiting
from clarion.tally import Span

_MINUTES = 5  # whole ones, and the one that runs
_ENDS = frozenset({"sent", "failed", "suppressed", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelNow:
    """`drain`: when all that is due will be through, at the rate of the last minutes. `stalled`: something is due, and
    nothing came to an end in that time."""

    channel: str
    backlog: Waiting
    sent_per_minute: float
    failed_per_minute: float
    drain: timedelta | None
    stalled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """`events`: those whose audience is not all decided on."""

    at: datetime
    events: Waiting
    channels: tuple[ChannelNow, ...]


class _Application(Protocol):
    database: Database

    @property
    def channels(self) -> Iterable[str]: ...

    @property
    def lanes(self) -> Lanes: ...


def overview(app: _Application, *, tenant: str = DEFAULT_TENANT) -> Overview:
    """What stands now, of one tenant: its events, and each channel that is configured here or has something waiting."""
    names, lanes = sorted(app.channels), app.lanes
    tenant = required_text("tenant", tenant)

    def read(conn: Connection) -> Overview:
        now = dialect.read_now(conn)
        backlog = waiting.of_channels(conn, tenant, [name for name in names if not lanes.apart(name)])
        ended, minutes = _ended(conn, tenant, now)
        return Overview(
            at=now,
            events=waiting.of_events(conn, tenant),
            channels=tuple(
                _channel(name, backlog.get(name, Waiting()), ended.get(name, Counter()), minutes)
                for name in sorted({*names, *backlog})
            ),
        )

    return app.database.read(read)


def _ended(conn: Connection, tenant: str, now: datetime) -> tuple[dict[str, Counter[str]], float]:
    """How often what happened lately, by channel, and in how many minutes."""
    last = tally.minute_of(now)
    first = last - _MINUTES
    found: dict[str, Counter[str]] = {}
    for row in tallies.read(conn, tenant, Span(first=first, last=last + 1, step=1)):
        found.setdefault(row.channel, Counter())[row.what] += row.number
    return found, (now - tally.instant_of(first)) / timedelta(minutes=1)


def _channel(name: str, backlog: Waiting, ended: Counter[str], minutes: float) -> ChannelNow:
    per_minute = sum(ended[what] for what in _ENDS) / minutes
    return ChannelNow(
        channel=name,
        backlog=backlog,
        sent_per_minute=ended["sent"] / minutes,
        failed_per_minute=ended["failed"] / minutes,
        drain=timedelta(minutes=backlog.due / per_minute) if backlog.due and per_minute else None,
        stalled=bool(backlog.due) and not per_minute,
    )
