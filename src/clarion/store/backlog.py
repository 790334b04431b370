"""What waits: how much of it is due, and since when; and whether anything can be written at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.store import dialect
from clarion.store.schema import events, pauses, queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """`due`: of those that wait, those whose time has come and that nobody has in hand; `oldest`: since when."""

    name: str  # of the channel; `events`, where they wait to be walked
    waiting: int
    due: int
    oldest: datetime | None


def of_channels(conn: Connection) -> tuple[list[Backlog], datetime]:
    """Of each channel on which something waits; and the instant to compare with."""
    now = dialect.now(conn)
    free = sa.or_(queue.c.lease_until.is_(None), queue.c.lease_until <= now)
    due = sa.case((sa.and_(free, queue.c.due_at <= now), queue.c.due_at))
    counted = sa.select(queue.c.channel, sa.func.count(), sa.func.count(due), sa.func.min(due))
    rows = conn.execute(counted.group_by(queue.c.channel).order_by(queue.c.channel)).all()
    found = [Backlog(name=name, waiting=all_, due=due, oldest=oldest) for name, all_, due, oldest in rows]
    return found, dialect.read_now(conn)


def waiting_on(conn: Connection, channel: str, *, most: int) -> int:
    """How many wait on this channel, or are being sent; counted up to so many."""
    number = 0
    for losses in ("losses = 0", "losses > 0"):  # in the words of the indexes
        some = sa.select(sa.literal(1)).where(queue.c.channel == channel, sa.text(losses)).limit(most)
        number += conn.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one()
    return min(number, most)


def of_events(conn: Connection) -> tuple[Backlog, datetime]:
    """Of events whose audience is not all decided on; scheduled ones wait, and are not due."""
    now = dialect.now(conn)
    free = sa.or_(events.c.lease_until.is_(None), events.c.lease_until <= now)
    due = sa.case((sa.and_(free, events.c.due_at <= now), events.c.due_at))
    counted = sa.select(sa.func.count(), sa.func.count(due), sa.func.min(due))
    waiting, number, oldest = conn.execute(counted.where(events.c.due_at.is_not(None))).one()
    return Backlog(name="events", waiting=waiting, due=number, oldest=oldest), dialect.read_now(conn)


def try_to_write(conn: Connection) -> None:
    """A change of nothing, which is refused where a change would be. To be rolled back."""
    conn.execute(sa.update(pauses).where(pauses.c.channel == "").values(probes=pauses.c.probes))
