"""Walking along an index, some rows at a time, until a page is full or enough was looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import ids
from clarion.position import Position
from clarion.sought import Filter, Total
from clarion.store import dialect

LOOKED_AT = 5000  # rows at most for one page, where a filter lets little pass
COUNTED = 10_000  # rows at most for a total
_CHUNKS = (500, 1500, 3000)
HIGHEST = UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True)
class Looked:
    """The next rows of a walk. `then`: behind which it goes on, if it does."""

    rows: Sequence[Position]
    then: Position | None


Next = Callable[[Connection, Position | None, int], Looked]  # behind this row, about so many
Passing = Callable[[Connection, Sequence[UUID]], Collection[UUID]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """`next`: along the index. `passing`: which of these rows the rest of the filter lets pass; `None`: all."""

    next: Next
    passing: Passing | None = None


@dataclass(slots=True)
class Found:
    """The ids on a page, in order. `then`: as of `Looked`."""

    ids: list[UUID] = field(default_factory=list)
    then: Position | None = None


def find(conn: Connection, walk: Walk, *, after: Position | None, most: int) -> Found:
    """The next rows that pass; fewer, with more behind them, where much had to be looked at."""
    dialect.without_sorting(conn)
    found, place, looked_at = Found(), after, 0
    sizes = iter((most + 1, *_CHUNKS) if walk.passing is None else _CHUNKS)
    while looked_at < LOOKED_AT and (size := next(sizes, None)) is not None:
        looked = walk.next(conn, place, size)
        looked_at += size
        for row in _that_pass(conn, walk, looked.rows):
            if len(found.ids) == most:
                return found
            found.ids.append(row.id)
            found.then = row
        place = found.then = looked.then
        if place is None:
            return found
    return found


def count(conn: Connection, walk: Walk) -> Total:
    """How many pass, among so many rows at most."""
    dialect.without_sorting(conn)
    number, place, left = 0, None, COUNTED if walk.passing is None else LOOKED_AT
    while left > 0:
        looked = walk.next(conn, place, min(left, _CHUNKS[-1]))
        number += len(_that_pass(conn, walk, looked.rows))
        left -= _CHUNKS[-1]
        place = looked.then
        if place is None:
            return Total(number, exact=True)
    return Total(number, exact=False)


def _that_pass(conn: Connection, walk: Walk, rows: Sequence[Position]) -> Sequence[Position]:
    if walk.passing is None or not rows:
        return rows
    kept = set(walk.passing(conn, [row.id for row in rows]))
    return [row for row in rows if row.id in kept]


# ── Walks that several have ──────────────────────────────────────────────────────────────────────────────


def only(id: UUID) -> Next:
    """The row of this id, if there is one: what passes says so."""
    return lambda _conn, after, _most: Looked(() if after else (Position(id=id),), None)


def by_id(column: sa.Column[Any], where: Sequence[Any], wanted: Filter) -> Next:
    """The rows of a table, the newest first, by the index of their ids, or by a partial one `where` only some are."""
    bounds = made_between(column, wanted.since, wanted.until)

    def next_(conn: Connection, after: Position | None, most: int) -> Looked:
        behind = [] if after is None else [column < after.id]
        chosen = sa.select(column).where(*where, *bounds, *behind).order_by(column.desc()).limit(most)
        return of_ids(list(conn.execute(chosen).scalars()), most)

    return next_


def of_ids(found: Sequence[UUID], most: int) -> Looked:
    rows = [Position(id=id) for id in found]
    return Looked(rows, rows[-1] if len(rows) == most else None)


def made_between(
    column: sa.Column[Any], since: datetime | None, until: datetime | None
) -> list[sa.ColumnElement[bool]]:
    """By the time in their ids, to the millisecond."""
    found: list[sa.ColumnElement[bool]] = []
    if since is not None:
        found.append(column >= ids.from_parts(_milliseconds(since), 0))
    if until is not None:
        found.append(column < ids.from_parts(_milliseconds(until) + bool(until.microsecond % 1000), 0))
    return found


def _milliseconds(at: datetime) -> int:
    return max(0, int(at.timestamp() * 1000))


def batch_of(conn: Connection, tenant: str, of: Sequence[UUID]) -> sa.FromClause:
    return dialect.batch(conn, {"tenant_": sa.Text, "id_": sa.Uuid}, [(tenant, id) for id in of])
