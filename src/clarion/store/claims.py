"""Claiming due rows under a lease, fairly over lanes: the one query behind events to walk and deliveries to send.

A lane is a run of rows that must not keep others waiting: a tenant's events, or its deliveries through one
provider. A claim visits lanes in turn by skipping through an index, and takes a few rows of each, so a lane
with a million rows ahead delays no other.

A row whose lease ran out is not claimed: its loss is counted and it rests for a moment. Rows that have ever
been lost are claimed alone, by `claim_lost`, for one of them may be what killed the process.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect, Row

from clarion.delivery import LOSSES_ALLOWED, wait_after_loss
from clarion.store import dialect
from clarion.store.prepared import Prepared
from clarion.store.types import Instant

LANES_A_VISIT = 256

_VISITED = """
WITH RECURSIVE lanes(lane, n) AS (
    SELECT min({lane}), 1 FROM {table} WHERE {within} AND {lane} > :after
    UNION ALL
    SELECT (SELECT min({lane}) FROM {table} WHERE {within} AND {lane} > lanes.lane), n + 1
    FROM lanes WHERE lane IS NOT NULL AND n < :lanes
)"""

_OPEN = "{visited}, open(lane) AS MATERIALIZED (SELECT lane FROM lanes WHERE lane IS NOT NULL AND {open})"

_GIVEN = "WITH open(lane) AS MATERIALIZED ({given})"

_LAST = "{visited} SELECT lane FROM lanes WHERE n = :lanes"

_ALL = "{lanes} SELECT lane FROM open ORDER BY lane"

_CLAIM = """
{lanes}, picked AS MATERIALIZED ({pick})
UPDATE {table} SET
    {fence} = {fence} + 1,
    losses = CASE WHEN lease_until IS NULL THEN losses ELSE losses + 1 END,{since}
    due_at = CASE WHEN lease_until IS NULL THEN due_at ELSE {now} + :rest END,
    lease_until = CASE WHEN lease_until IS NULL THEN {now} + :lease END
WHERE {at_picked}
RETURNING {columns}
"""

_SINCE = """
    {column} = CASE WHEN lease_until IS NULL THEN {column} ELSE coalesce({column}, due_at) END,"""

_DUE = """{within} AND {lane} = open.lane AND {level} AND due_at <= {now}
            AND (lease_until IS NULL OR lease_until <= {now})"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimable:
    """A table whose rows are claimed: its lanes, what its partial indexes hold, and its fencing counter."""

    table: sa.Table
    lane: str
    fence: str
    within: str  # the condition of the index of rows never lost
    lost: str  # the condition of the index of rows that were
    levels: str = "(SELECT 0 AS level) AS levels"
    level: str = "1 = 1"
    open: str = "1 = 1"  # whether {lane} may be claimed from
    since: str | None = None  # the column that keeps when a lost row was due first


def claim(
    conn: Connection,
    source: Claimable,
    *,
    most: int,
    each: int,
    lease: timedelta,
    after: str = "",
    lanes: Sequence[str] | None = None,
    **parameters: Any,
) -> Sequence[Any]:
    """Up to `most` due rows, `each` of a lane, beginning behind the lane `after`; or of just these lanes, open or not.

    Rows returned with a `lease_until` are now ours, fenced by the counter they come with; those without one
    had lost their lease and rest now. Each row has `now` as well.
    """
    now, instant = dialect.now_text(conn)
    where = (
        {"lanes": LANES_A_VISIT, "after": after}
        if lanes is None
        else {"given": dialect.members_value(conn, lanes)}
    )
    values = {
        "most": most,
        "each": each,
        **where,
        "lease": dialect.span(conn, lease),
        "rest": dialect.span(conn, wait_after_loss(1)),
        **instant,
        **parameters,
    }
    statement, row = _prepared(source, conn.dialect, now, given=lanes is not None)
    return list(map(row, statement.rows(conn, values)))


@cache
def _prepared(
    source: Claimable, made_for: Dialect, now: str, *, given: bool
) -> tuple[Prepared, Callable[[Sequence[Any]], Any]]:
    """The statement, and how a row of it is read."""
    statement = Prepared(made_for, _statement(source, made_for.name, now, given=given))
    row: Any = namedtuple("Row", statement.columns)  # type: ignore[misc]  # noqa: PYI024
    return statement, row._make


def _statement(source: Claimable, name: str, now: str, *, given: bool) -> sa.TextualSelect:
    """The text with its columns' types, so that rows come back as from any other select."""
    words = {
        "table": source.table.name,
        "lane": source.lane,
        "within": source.within,
        "fence": source.fence,
        "since": "" if source.since is None else _SINCE.format(column=source.since),
        "now": now,
        "levels": source.levels,
        "level": source.level,
    }
    due = _DUE.format(**words)
    statement = _CLAIM.format(
        **words,
        lanes=_GIVEN.format(given=dialect.GIVEN[name]) if given else _open(source),
        pick=dialect.PICK[name].format(**words, due=due),
        at_picked=dialect.AT_PICKED[name],
        columns=", ".join(f'"{column.name}"' for column in source.table.c) + f", {now} AS now_",
    )
    return sa.text(statement).columns(*source.table.c, sa.column("now_", Instant))


def visit_ends(
    conn: Connection, source: Claimable, *, after: str, most: int = LANES_A_VISIT, **parameters: Any
) -> str:
    """The last of `most` lanes that a claim beginning behind `after` visits; empty if it gets to the end of them.

    Where a claim found less than it may take, the next one begins there: lanes in which nothing is due yet
    would hide those behind them otherwise.
    """
    statement = _LAST.format(visited=_visited(source))
    found = conn.execute(sa.text(statement), {"after": after, "lanes": most, **parameters})
    return found.scalar() or ""


def open_lanes(conn: Connection, source: Claimable, *, after: str, most: int, **parameters: Any) -> list[str]:
    """The lanes behind `after` that may be claimed from, of the next `most` in which something waits."""
    found = conn.execute(
        sa.text(_ALL.format(lanes=_open(source))), {"after": after, "lanes": most, **parameters}
    )
    return list(found.scalars())


def claim_lost(
    conn: Connection, source: Claimable, *, lease: timedelta, **parameters: Any
) -> Row[Any] | None:
    """One due row that has lost a lease before, claimed alone; or one that lost it again, put to rest.

    As with `claim`, it is ours if it has a `lease_until`.
    """
    table, now = source.table, dialect.now(conn)
    open_ = source.open.format(lane=f"{table.name}.{source.lane}")
    found = conn.execute(
        sa.select(table.c.tenant, table.c[_id(table)], table.c.losses, table.c.lease_until)
        .where(sa.text(f"{source.lost} AND {open_}").bindparams(**parameters))
        .where(table.c.due_at <= now)
        .where(sa.or_(table.c.lease_until.is_(None), table.c.lease_until <= now))
        .order_by(table.c.due_at)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True)
    ).first()
    if found is None:
        return None
    changes: dict[str, Any] = {source.fence: table.c[source.fence] + 1}
    if found.lease_until is None:
        changes["lease_until"] = dialect.after(conn, lease.total_seconds())
    else:
        losses = found.losses + 1
        rest = wait_after_loss(losses).total_seconds() if losses <= LOSSES_ALLOWED else 0.0
        changes |= {"losses": losses, "lease_until": None, "due_at": dialect.after(conn, rest)}
        if source.since is not None:
            changes[source.since] = sa.func.coalesce(table.c[source.since], table.c.due_at)
    return conn.execute(
        sa.update(table)
        .where(table.c.tenant == found.tenant, table.c[_id(table)] == found[1])
        .values(changes)
        .returning(*table.c, dialect.now(conn).label("now_"))
    ).one()


def _visited(source: Claimable) -> str:
    return _VISITED.format(table=source.table.name, lane=source.lane, within=source.within)


def _open(source: Claimable) -> str:
    return _OPEN.format(visited=_visited(source), open=source.open.format(lane="lanes.lane"))


def _id(table: sa.Table) -> str:
    return str(table.primary_key.columns.keys()[1])
