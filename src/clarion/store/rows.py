"""Many rows by their keys, in one statement whatever their number: found, written, removed.

On both databases each is looked up in the index of the key, whatever the planner believes about the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.store import dialect


def find(
    conn: Connection,
    table: sa.Table,
    key: Sequence[str],
    wanted: Sequence[Sequence[Any]],
    columns: Sequence[str],
    *,
    lock: bool = False,
) -> Sequence[Row[Any]]:
    """These columns of the rows with these keys; locked in the order in which they are `wanted`."""
    if not wanted:
        return ()
    batch, matches = _keys(conn, table, key, wanted)
    found = sa.select(*(table.c[name] for name in columns)).where(matches)
    return conn.execute(dialect.look_up(conn, batch, found, lock=lock)).all()


def write(
    conn: Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    key: Sequence[str],
    update: Iterable[str] = (),
) -> set[Any]:
    """Insert these rows, in their order. Those that stand already stay as they are, but for the columns to `update`.

    Answers, where nothing is to be updated, which are new: the last column of the key of each.
    """
    if not rows:
        return set()
    batch = dialect.batch(conn, {name: table.c[name].type for name in columns}, rows)
    chosen = sa.select(*batch.c).where(sa.true())  # without it, SQLite takes ON CONFLICT for a join's ON
    new = dialect.insert(conn, table).from_select(list(columns), chosen, include_defaults=False)
    if values := {name: new.excluded[name] for name in update}:
        conn.execute(new.on_conflict_do_update(index_elements=list(key), set_=values))
        return set()
    inserted = new.on_conflict_do_nothing(index_elements=list(key)).returning(table.c[key[-1]])
    return set(conn.execute(inserted).scalars())


def remove(conn: Connection, table: sa.Table, key: Sequence[str], gone: Sequence[Sequence[Any]]) -> None:
    """Delete the rows with these keys."""
    if not gone:
        return
    batch, matches = _keys(conn, table, key, gone)
    found = sa.select(dialect.row_address(conn, table)).where(matches)
    here = dialect.look_up(conn, batch, found).subquery("gone").c.here
    conn.execute(sa.delete(table).where(dialect.at_addresses(conn, table, sa.select(here))))


def _keys(
    conn: Connection, table: sa.Table, key: Sequence[str], wanted: Sequence[Sequence[Any]]
) -> tuple[Any, Any]:
    batch = dialect.batch(conn, {f"{name}_": table.c[name].type for name in key}, wanted)
    return batch, sa.and_(*(table.c[name] == batch.c[f"{name}_"] for name in key))
