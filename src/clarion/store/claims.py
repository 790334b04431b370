"""Claiming due rows under a lease, fairly over lanes: the one query behind events to walk and deliveries to send.

A lane is a run of rows that must not keep others waiting: a tenant's events, or its deliveries through one
provider. A claim visits lanes in turn by skipping through an index, and takes a few rows of each, so a lane
with a million rows ahead delays no other.

A row whose lease ran out is not claimed: its loss is counted and it rests for a moment. Rows that have ever
been lost are claimed alone, by `claim_lost`, for one of them may be what killed the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.delivery import LOSSES_ALLOWED, wait_after_loss
from clarion.store import dialect

LANES_A_VISIT = 256

_LANES = """
WITH RECURSIVE lanes(lane, n) AS (
    SELECT min({lane}), 1 FROM {table} WHERE {within} AND {lane} > :after
    UNION ALL
    SELECT (SELECT min({lane}) FROM {table} WHERE {within} AND {lane} > lanes.lane), n + 1
    FROM lanes WHERE lane IS NOT NULL AND n < :lanes
)"""

_CLAIM = (
    _LANES
    + """, picked AS {materialized} ({pick})
UPDATE {table} SET
    {fence} = {fence} + 1,
    losses = CASE WHEN lease_until IS NULL THEN losses ELSE losses + 1 END,
    due_at = CASE WHEN lease_until IS NULL THEN due_at ELSE {now} + :rest END,
    lease_until = CASE WHEN lease_until IS NULL THEN {now} + :lease END
WHERE {at_picked}
RETURNING {columns}
"""
)

_VISITED = "{lanes} SELECT lane FROM lanes WHERE n = :lanes"

_DUE = """{within} AND {lane} = lanes.lane AND {level} AND due_at <= {now}
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


def claim(
    conn: Connection,
    source: Claimable,
    *,
    most: int,
    each: int,
    lease: timedelta,
    after: str = "",
    **parameters: Any,
) -> Sequence[Row[Any]]:
    """Up to `most` due rows, `each` of a lane, beginning behind the lane `after`.

    Rows returned with a `lease_until` are now ours, fenced by the counter they come with; those without one
    had lost their lease and rest now. Each row has `now` as well.
    """
    now, instant = dialect.now_text(conn)
    name = conn.dialect.name
    words = {
        "table": source.table.name,
        "lane": source.lane,
        "within": source.within,
        "fence": source.fence,
        "now": now,
        "levels": source.levels,
        "level": source.level,
    }
    due = _DUE.format(**words)
    statement = _CLAIM.format(
        **words,
        pick=dialect.PICK[name].format(**words, due=due),
        at_picked=dialect.AT_PICKED[name],
        materialized="MATERIALIZED",
        columns=", ".join(f'"{column.name}"' for column in source.table.c) + f", {now} AS now_",
    )
    rows = conn.execute(
        _typed(statement, source.table, conn),
        {
            "most": most,
            "each": each,
            "lanes": LANES_A_VISIT,
            "after": after,
            "lease": dialect.span(conn, lease),
            "rest": dialect.span(conn, wait_after_loss(1)),
            **instant,
            **parameters,
        },
    )
    return rows.all()


def visit_ends(conn: Connection, source: Claimable, *, after: str, **parameters: Any) -> str:
    """The last lane that a claim beginning behind `after` visits; empty if it gets to the end of them.

    Where a claim found less than it may take, the next one begins there: lanes in which nothing is due yet
    would hide those behind them otherwise.
    """
    lanes = _LANES.format(table=source.table.name, lane=source.lane, within=source.within)
    statement = _VISITED.format(lanes=lanes)
    found = conn.execute(sa.text(statement), {"after": after, "lanes": LANES_A_VISIT, **parameters})
    return found.scalar() or ""


def claim_lost(
    conn: Connection, source: Claimable, *, lease: timedelta, **parameters: Any
) -> Row[Any] | None:
    """One due row that has lost a lease before, claimed alone; or one that lost it again, put to rest.

    As with `claim`, it is ours if it has a `lease_until`.
    """
    table, now = source.table, dialect.now(conn)
    found = conn.execute(
        sa.select(table.c.tenant, table.c[_id(table)], table.c.losses, table.c.lease_until)
        .where(sa.text(source.lost).bindparams(**parameters), table.c.due_at <= now)
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
    return conn.execute(
        sa.update(table)
        .where(table.c.tenant == found.tenant, table.c[_id(table)] == found[1])
        .values(changes)
        .returning(*table.c, dialect.now(conn).label("now_"))
    ).one()


def _id(table: sa.Table) -> str:
    return str(table.primary_key.columns.keys()[1])


def _typed(statement: str, table: sa.Table, conn: Connection) -> Any:
    """The text with its columns' types, so that rows come back as from any other select."""
    from clarion.store.types import Instant

    return sa.text(statement).columns(*table.c, sa.column("now_", Instant))
