"""How much of their caps the workers have used, as rows: who claims under a cap locks them, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.cap import Cap, Meter
from clarion.store import dialect, rows
from clarion.store.schema import meters, permits

_KEY = ("channel", "lane")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def lock(
    conn: Connection, channel: str, capped: Mapping[str, Cap], worker: UUID
) -> tuple[dict[str, Meter], datetime]:
    """The meter of each of these lanes, the whole channel's being the empty one; and the database's time.

    In the order of the lanes, so that two workers never wait for each other; and read once they are locked.
    """
    keys = [(channel, lane) for lane in sorted(capped)]
    # An update that changes nothing locks what stands, and nobody can remove it between two statements.
    fresh = [(*key, _NEVER) for key in keys]
    rows.write(conn, meters, (*_KEY, "spent_until"), fresh, key=_KEY, update=("lane",))
    found = rows.find(conn, meters, _KEY, keys, ("lane", "spent_until"))
    now = dialect.read_now(conn)
    result = {row.lane: Meter(capped[row.lane], row.spent_until) for row in found}
    if any(cap.at_once is not None for cap in capped.values()):
        for lane, number in _elsewhere(conn, channel, keys, worker, now).items():
            result[lane].elsewhere = number
    return result, now


def write(
    conn: Connection,
    channel: str,
    known: Mapping[str, Meter],
    in_hand: Mapping[str, int],
    worker: UUID,
    now: datetime,
    lease: timedelta,
) -> None:
    """What was spent, and what this worker has in hand now, until its lease ends."""
    ordered = sorted(known.items())
    spent = [
        (channel, lane, meter.spent_until) for lane, meter in ordered if meter.cap.per_second is not None
    ]
    rows.write(conn, meters, (*_KEY, "spent_until"), spent, key=_KEY, update=("spent_until",))
    bounded = [lane for lane, meter in ordered if meter.cap.at_once is not None]
    held = [(channel, lane, worker, in_hand.get(lane, 0), now + lease) for lane in bounded]
    columns = (*_KEY, "worker", "number", "until")
    rows.write(conn, permits, columns, held, key=(*_KEY, "worker"), update=("number", "until"))


def forget(conn: Connection, channel: str, worker: UUID) -> None:
    """A worker has nothing in hand any more."""
    conn.execute(sa.delete(permits).where(permits.c.channel == channel, permits.c.worker == worker))


def remove_unused(conn: Connection, before: datetime) -> int:
    """Meters that are full again and permits that are void, since before this instant; how many those were."""
    gone = conn.execute(sa.delete(permits).where(permits.c.until < before)).rowcount
    return gone + conn.execute(sa.delete(meters).where(meters.c.spent_until < before)).rowcount


def _elsewhere(
    conn: Connection, channel: str, keys: Sequence[tuple[str, str]], worker: UUID, now: datetime
) -> dict[str, int]:
    batch = dialect.batch(conn, {"channel_": sa.Text, "lane_": sa.Text}, keys)
    same = (permits.c.channel == batch.c.channel_, permits.c.lane == batch.c.lane_)
    found = conn.execute(
        sa.select(permits.c.lane, sa.func.sum(permits.c.number).label("number"))
        .select_from(permits.join(batch, sa.and_(*same)))
        .where(permits.c.channel == channel, permits.c.worker != worker, permits.c.until > now)
        .group_by(permits.c.lane)
    )
    return {row.lane: int(row.number) for row in found}
