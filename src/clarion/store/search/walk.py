"""Walking along an index, some rows at a time, until a page is full or enough was looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
SCATTERED = 1200  # the same where what the filter asks of each row lies anywhere, as of what failed
COUNTED = 10_000  # rows at most for a total
_CHUNKS = (200, 1000, 3800)
HIGHEST = UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True)
class Looked:
    """Rows in order. `then`: the last that was looked at, if there may be others behind it."""

    rows: Sequence[Position]
    then: Position | None


Chunk = Callable[
    [Position | None, int], sa.Select[Any]
]  # of the next rows: `tenant_`, `id_`, and `at_` if by that
Next = Callable[[Connection, Position | None, int], Looked]  # the same, where it takes more than a statement
Passing = Callable[
    [Connection, sa.FromClause], sa.Select[Any]
]  # of rows with `tenant_` and `id_`, those that pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Along an index, by one of the two; and what of it passes: without `passing`, all. `most`: that is looked at."""

    tenant: str
    most: int = LOOKED_AT
    chunk: Chunk | None = None
    next: Next | None = None
    passing: Passing | None = None


@dataclass(slots=True)
class Found:
    """The ids on a page, in order. `then`: as of `Looked`."""

    ids: list[UUID] = field(default_factory=list)
    then: Position | None = None


def find(conn: Connection, walk: Walk, *, after: Position | None, most: int) -> Found:
    """The next rows that pass; fewer, with more behind them, where much had to be looked at."""
    dialect.without_sorting(conn)
    found = Found(then=after)
    left = walk.most
    for size in (most + 1,) if walk.passing is None else _CHUNKS:
        looked = _look(conn, walk, found.then, size)
        left -= size
        for row in looked.rows:
            if len(found.ids) == most:
                return found
            found.ids.append(row.id)
            found.then = row
        found.then = looked.then
        if looked.then is None or left <= 0:
            break
    return found


def count(conn: Connection, walk: Walk) -> Total:
    """How many pass, among so many rows at most."""
    dialect.without_sorting(conn)
    if walk.chunk is None:
        looked = _look(conn, walk, None, SCATTERED)
        return Total(len(looked.rows), exact=looked.then is None)
    most = COUNTED if walk.passing is None else walk.most
    chosen = walk.chunk(None, most)
    passing = chosen if walk.passing is None else walk.passing(conn, chosen.subquery("looked"))
    number = conn.execute(sa.select(sa.func.count()).select_from(passing.subquery("passing"))).scalar_one()
    more = conn.execute(chosen.offset(most).limit(1)).first() is not None
    return Total(number, exact=not more)


def _look(conn: Connection, walk: Walk, after: Position | None, size: int) -> Looked:
    """The next rows, those that pass."""
    if walk.chunk is None:
        assert walk.next is not None, "a walk has one of the two"  # noqa: S101
        looked = walk.next(conn, after, size)
        return looked if walk.passing is None else _that_pass(conn, walk, walk.passing, looked)
    chosen = walk.chunk(after, size)
    if walk.passing is None:
        rows = [_position(row) for row in conn.execute(chosen)]
        return Looked(rows, rows[-1] if len(rows) == size else None)
    passing = walk.passing(conn, chosen.subquery("looked"))
    kept = sorted((_position(row) for row in conn.execute(passing)), key=_newest_first)
    last = conn.execute(chosen.offset(size - 1).limit(1)).first()
    return Looked(kept, None if last is None else _position(last))


def _position(row: Any) -> Position:
    return Position(id=row.id_, at=getattr(row, "at_", None))


def _newest_first(row: Position) -> tuple[float, int]:
    return 0.0 if row.at is None else -row.at.timestamp(), -row.id.int


def _that_pass(conn: Connection, walk: Walk, passing: Passing, looked: Looked) -> Looked:
    batch = batch_of(conn, walk.tenant, [row.id for row in looked.rows])
    kept = {row.id_ for row in conn.execute(passing(conn, batch))} if looked.rows else ()
    return Looked([row for row in looked.rows if row.id in kept], looked.then)


# ── Walks that several have ──────────────────────────────────────────────────────────────────────────────


def only(id: UUID) -> Next:
    """The row of this id, if there is one: what passes says so."""
    return lambda _conn, after, _most: Looked(() if after else (Position(id=id),), None)


def by_id(column: sa.Column[Any], where: Sequence[Any], wanted: Filter) -> Chunk:
    """The rows of a table, the newest first, by the index of their ids, or by a partial one `where` only some are."""
    bounds = made_between(column, wanted.since, wanted.until)

    def chunk(after: Position | None, most: int) -> sa.Select[Any]:
        behind = [] if after is None else [column < after.id]
        chosen = sa.select(column.table.c.tenant.label("tenant_"), column.label("id_"))
        return chosen.where(*where, *bounds, *behind).order_by(column.desc()).limit(most)

    return chunk


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
