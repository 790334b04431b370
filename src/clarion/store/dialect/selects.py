"""Looking rows up and writing them, so that each planner takes the index that there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause, Select

from clarion.store.dialect.product import is_postgresql


def look_up(
    conn: Connection,
    rows: FromClause,
    found: Select[Any],
    *,
    lock: bool = False,
    skip_locked: bool = False,
) -> Select[Any]:
    """All columns of `rows` with those of `found`, a select with conditions that refer to `rows`.

    `lock`: they stay as they are; what somebody else has locked is waited for, or left out with `skip_locked`. On PostgreSQL as `LATERAL (… OFFSET 0)`: an index look-up per row, whatever the planner believes about a
    table that was never analysed; anything else has been seen to take seconds instead of milliseconds.
    """
    if is_postgresql(conn):
        if lock:
            found = found.with_for_update(key_share=True, skip_locked=skip_locked)
        lateral = found.correlate(rows).offset(0).lateral("found")
        return sa.select(*rows.c, *lateral.c).select_from(rows.join(lateral, sa.true()))
    return found.with_only_columns(*rows.c, *found.selected_columns)


def newest_each(
    conn: Connection,
    rows: FromClause,
    columns: Sequence[sa.Column[Any]],
    where: Sequence[Any],
    *,
    by: sa.Column[Any],
    most: int,
) -> Select[Any]:
    """All columns of `rows`, each with these columns of the rows `where`, the highest `by` first, at most so many."""
    table = by.table
    if is_postgresql(conn):
        first = sa.select(*columns).where(*where).order_by(by.desc()).limit(most)
        lateral = first.correlate(rows).lateral("found")
        return sa.select(*rows.c, *lateral.c).select_from(rows.join(lateral, sa.true()))
    here: ColumnElement[int] = sa.literal_column("rowid")
    first = sa.select(here).select_from(table).where(*where).order_by(by.desc()).limit(most)
    one = table.alias("one")
    among = sa.literal_column("one.rowid").in_(first.correlate(rows))
    of_each = sa.select(*rows.c, *(one.c[column.key] for column in columns))
    return of_each.select_from(rows.join(one, among)).order_by(one.c[by.key].desc())


def without_sorting(conn: Connection) -> None:
    """Have PostgreSQL read pages in the order of an index, for the rest of this transaction.

    Of a table that was never analysed it believes that a handful of rows is left, and for every page sorts all that are.
    Where it must sort all the same, it takes that for so dear that it would compile the statement first, for 200 ms.
    """
    if is_postgresql(conn):
        conn.exec_driver_sql("SELECT set_config('enable_sort', 'off', true), set_config('jit', 'off', true)")


def begins(conn: Connection, column: sa.Column[str], text: str) -> list[ColumnElement[bool]]:
    """Whether a text begins with these bytes, as an index leads to: PostgreSQL's is of `text_pattern_ops`."""
    first, last = ("~>=~", "~<~") if is_postgresql(conn) else (">=", "<")
    highest = text + chr(0x10FFFF)
    return [column.bool_op(first)(text), column.bool_op(last)(highest)]


def row_address(conn: Connection, table: FromClause) -> ColumnElement[Any]:
    """Where a row lies right now: only of use inside one statement or under a lock."""
    name = "ctid" if is_postgresql(conn) else "rowid"
    return sa.literal_column(f"{table.description}.{name}").label("here")


def at_addresses(conn: Connection, table: FromClause, addresses: Select[Any]) -> ColumnElement[bool]:
    """Whether a row of `table` lies at one of `addresses` (a select of `row_address`)."""
    here = row_address(conn, table).element
    if is_postgresql(conn):
        return sa.type_coerce(here == sa.any_(sa.func.array(addresses.scalar_subquery())), sa.Boolean)
    return sa.type_coerce(here.in_(addresses), sa.Boolean)


def insert(conn: Connection, table: sa.Table) -> postgresql.Insert | sqlite_dialect.Insert:
    """An INSERT that knows ON CONFLICT."""
    return postgresql.insert(table) if is_postgresql(conn) else sqlite_dialect.insert(table)
