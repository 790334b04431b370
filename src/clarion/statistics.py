"""What happened over time, and what failed alike: methods of `Clarion`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy.engine import Connection

from clarion import tally
from clarion.errors import InvalidInput, shown
from clarion.event import DEFAULT_TENANT, instant, required_text
from clarion.store import dialect, tallies
from clarion.store import failures as stored
from clarion.store.database import Database
from clarion.store.failures import Failures
from clarion.tally import Statistics

POINTS = 1500  # in one answer, at most
LOOKED_AT, FAILURES = 2000, 5000  # failures that are looked at: unless said, and at most
_TYPES = 50
_MINUTE, _LONGEST = timedelta(minutes=1), timedelta(days=366)
_EARLIEST, _LATEST = datetime(1972, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
_FAILED_SINCE = timedelta(days=1)


class _Application(Protocol):
    database: Database


def statistics(
    app: _Application,
    *,
    since: datetime,
    until: datetime | None = None,
    step: timedelta | None = None,
    channel: str | None = None,
    type: str | None = None,
    tenant: str = DEFAULT_TENANT,
) -> Statistics:
    """What was emitted, decided, sent, failed and so on from `since` to `until`, which is now unless said.

    For each `step`, of whole minutes, there is a point; unless said there are some dozens. Minutes are kept for 3 days,
    quarters of an hour for 14, hours for 90, days for 3 years: for what is older the steps are longer. `channel`, `type`: only what is of these; how
    long deliveries took is known by channel, not by type. Raises `InvalidInput`.
    """
    begins, ends = _within("since", since), _within("until", until)
    if begins is None:
        raise InvalidInput("since is missing: say from when on, such as datetime(2026, 1, 1, tzinfo=UTC)")
    if step is not None and (step % _MINUTE or not _MINUTE <= step <= _LONGEST):
        raise InvalidInput(f"step is {shown(step)}: it is of whole minutes, from one to a year of them")
    tenant = required_text("tenant", tenant)

    def read(conn: Connection) -> Statistics:
        now = dialect.read_now(conn)
        last = ends or now
        if begins >= last:
            raise InvalidInput(f"the range ends at {last}, which is not after since, {begins}")
        span = tally.span_of(begins, last, step, now)
        if (span.last - span.first) // span.step > POINTS:
            raise InvalidInput(
                f"from {begins} to {last} there are more than {POINTS} steps of {span.step} minutes; "
                "say a longer step, or none"
            )
        found, by_type = tallies.read_with_types(conn, tenant, span, channel=channel, type=type)
        return tally.statistics(span, found, by_type, types=_TYPES)

    return app.database.read(read)


def _within(field: str, value: datetime | None) -> datetime | None:
    """An instant at which something may have been counted, give or take a step."""
    found = instant(field, value)
    if found is not None and not _EARLIEST <= found < _LATEST:
        raise InvalidInput(f"{field} is {found.isoformat()}: it lies in the years 1972 to 2999")
    return found


def failures(
    app: _Application,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    channel: str | None = None,
    most: int = LOOKED_AT,
    tenant: str = DEFAULT_TENANT,
) -> Failures:
    """What failed for good, grouped by what it says; of the last day, unless said.

    The newest are looked at, so many at `most`. Raises `InvalidInput`.
    """
    begins, ends = _within("since", since), _within("until", until)
    if not 1 <= most <= FAILURES:
        raise InvalidInput(f"most is {shown(most)}: it is from 1 to {FAILURES}")
    tenant = required_text("tenant", tenant)

    def read(conn: Connection) -> Failures:
        last = ends or dialect.read_now(conn)
        first = begins or last - _FAILED_SINCE
        if first >= last:
            raise InvalidInput(f"the range ends at {last}, which is not after since, {first}")
        return stored.read(conn, tenant, first, last, channel=channel, most=most)

    return app.database.read(read)
