"""What waits of one tenant, counted as far as it costs little. Of the whole installation: see `backlog`.

A tenant with less than `MOST` is counted to the last; of one with more, each channel is counted up to so many, where an
index leads to its rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.severity import Severity
from clarion.store import dialect
from clarion.store.schema import events, queue

MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """`due`: of those that wait, those whose time has come and that nobody has in hand; `oldest`: since when.

    With `waiting_more` or `due_more` it are at least so many.
    """

    waiting: int = 0
    waiting_more: bool = False
    due: int = 0
    due_more: bool = False
    oldest: datetime | None = None


def of_events(conn: Connection, tenant: str) -> Waiting:
    """Of events whose audience is not all decided on, the oldest first."""
    some = (
        sa.select(events.c.due_at, events.c.lease_until)
        .where(events.c.tenant == tenant, events.c.due_at.is_not(None), events.c.losses == 0)
        .order_by(events.c.due_at)
        .limit(MOST + 1)
        .subquery("some")
    )
    return _waiting(_count(conn, some)[None], cut=True)


def of_channels(conn: Connection, tenant: str, plain: Collection[str]) -> dict[str, Waiting]:
    """By channel; `plain` are those that have one lane for a tenant."""
    some = (
        sa.select(queue.c.channel, queue.c.due_at, queue.c.lease_until)
        .where(queue.c.tenant == tenant)
        .order_by(queue.c.delivery_id)
        .limit(MOST + 1)
        .subquery("some")
    )
    counted = _count(conn, some, some.c.channel)
    cut = sum(row.waiting for row in counted.values()) > MOST
    found = {str(channel): _waiting(row, cut=cut, all_more=cut) for channel, row in counted.items()}
    if cut:
        found |= {channel: _of_lane(conn, tenant, channel) for channel in plain}
    return {channel: one for channel, one in found.items() if one.waiting}


def _of_lane(conn: Connection, tenant: str, channel: str) -> Waiting:
    """Of each priority the first to be due."""
    q = queue.c
    its = (q.channel == channel, q.lane == tenant, q.tenant == tenant, sa.text("losses = 0"))
    levels = [
        sa.select(q.due_at, q.lease_until)
        .where(*its, q.priority == severity.value)
        .order_by(q.due_at)
        .limit(MOST + 1)
        .subquery()
        for severity in Severity
    ]
    some = sa.union_all(*(sa.select(level) for level in levels)).subquery("some")
    return _waiting(_count(conn, some)[None], cut=True)


def _count(
    conn: Connection, some: sa.Subquery, by: sa.ColumnElement[str] | None = None
) -> Mapping[str | None, Any]:
    """(waiting, due, oldest), by channel where they have one."""
    now = dialect.now(conn)
    free = sa.or_(some.c.lease_until.is_(None), some.c.lease_until <= now)
    due = sa.case((sa.and_(free, some.c.due_at <= now), some.c.due_at))
    numbers = (
        sa.func.count().label("waiting"),
        sa.func.count(due).label("due"),
        sa.func.min(due).label("oldest"),
    )
    name = sa.null().label("name") if by is None else by.label("name")
    counted = sa.select(name, *numbers).select_from(some)
    rows: Iterable[Any] = conn.execute(counted if by is None else counted.group_by(by))
    return {row.name: row for row in rows}


def _waiting(row: Any, *, cut: bool, all_more: bool = False) -> Waiting:
    """`cut`: it was counted up to a number. `all_more`: of all channels together, so that any may have more."""
    return Waiting(
        waiting=min(row.waiting, MOST),
        waiting_more=all_more or (cut and row.waiting > MOST),
        due=min(row.due, MOST),
        due_more=all_more or (cut and row.due > MOST),
        oldest=row.oldest,
    )
