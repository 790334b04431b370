"""Every difference between SQLite and PostgreSQL, in one place. The rest of the store is written once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause, Select

from clarion import clock
from clarion.store.types import Instant, to_micros

# PostgreSQL: deadlock_detected, serialization_failure, lock_not_available, and what a restart says.
_PG_AGAIN = {"40P01", "40001", "55P03"}
_PG_AWAY = {"57P01", "57P02", "57P03"}


def is_postgresql(conn: Connection) -> bool:
    return conn.dialect.name == "postgresql"


def now(conn: Connection) -> ColumnElement[datetime]:
    """The instant to compare due times and leases with: the database's own clock where machines share it.

    The same throughout a transaction. A test's journey (see `clock`) is added.
    """
    if is_postgresql(conn):
        journey = sa.literal(clock.journey(), sa.Interval)
        return sa.type_coerce(sa.func.now() + journey, Instant)
    return sa.literal(clock.now(), Instant)


def read_now(conn: Connection) -> datetime:
    """`now` as a value; costs a round trip on PostgreSQL."""
    return conn.execute(sa.select(now(conn))).scalar_one() if is_postgresql(conn) else clock.now()


def after(conn: Connection, seconds: ColumnElement[Any] | float) -> ColumnElement[datetime]:
    """`now` plus so many seconds, which may be a column's value."""
    if is_postgresql(conn):
        interval = sa.func.make_interval(0, 0, 0, 0, 0, 0, sa.cast(seconds, sa.Double))
        return sa.type_coerce(now(conn) + interval, Instant)
    micros = sa.cast(sa.cast(seconds, sa.Double) * 1_000_000, sa.BigInteger)
    return sa.type_coerce(sa.literal(to_micros(clock.now()), sa.BigInteger) + micros, Instant)


def batch(on: Connection | Dialect, types: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> FromClause:
    """`rows` as a table named `batch` with these columns and types: a parameter per column, or just one."""
    dialect = on.dialect if isinstance(on, Connection) else on
    return _arrays(types, rows) if dialect.name == "postgresql" else _json_rows(dialect, types, rows)


def _arrays(types: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> FromClause:
    columns = list(zip(*rows, strict=True)) or [()] * len(types)
    arrays = [
        sa.bindparam(None, list(values), postgresql.ARRAY(kind, dimensions=1))
        for values, kind in zip(columns, types.values(), strict=True)
    ]
    names = [sa.column(name, kind) for name, kind in types.items()]
    return sa.func.unnest(*arrays).table_valued(*names).render_derived(name="batch")


def _json_rows(dialect: Dialect, types: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> FromClause:
    stored = [_stored(dialect, kind) for kind in types.values()]
    plain = [[store(value) for value, store in zip(row, stored, strict=True)] for row in rows]
    each = sa.func.json_each(sa.literal(json.dumps(plain), sa.Text)).table_valued("value", name="each")
    return (
        sa.select(
            *(
                sa.type_coerce(sa.func.json_extract(each.c.value, f"$[{n}]"), kind).label(name)
                for n, (name, kind) in enumerate(types.items())
            )
        )
        .select_from(each)
        .subquery("batch")
    )


def _stored(dialect: Dialect, kind: Any) -> Callable[[Any], Any]:
    """How a value of this type is handed to the driver."""
    return _processor(dialect, kind) or (lambda value: value)


def _processor(dialect: Dialect, kind: Any) -> Callable[[Any], Any] | None:
    kind = sa.types.to_instance(kind)
    if isinstance(kind, Instant) and dialect.name == "postgresql":
        return None
    process: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return process


def look_up(
    conn: Connection,
    rows: FromClause,
    found: Select[Any],
    *,
    lock: bool = False,
) -> Select[Any]:
    """All columns of `rows` with those of `found`, a select with conditions that refer to `rows`.

    On PostgreSQL as `LATERAL (… OFFSET 0)`: an index look-up per row, whatever the planner believes about a
    table that was never analysed; anything else has been seen to take seconds instead of milliseconds.
    """
    if is_postgresql(conn):
        if lock:
            found = found.with_for_update(key_share=True)
        lateral = found.correlate(rows).offset(0).lateral("found")
        return sa.select(*rows.c, *lateral.c).select_from(rows.join(lateral, sa.true()))
    return found.add_columns(*rows.c)


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


def insert_many(
    conn: Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Many new rows, the quickest way: COPY, or one prepared statement."""
    if not rows:
        return
    ready = _all_stored(conn.dialect, [table.c[name].type for name in columns], rows)
    names = ", ".join(conn.dialect.identifier_preparer.quote(name) for name in columns)
    if is_postgresql(conn):
        driver: Any = conn.connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in ready:
                copy.write_row(row)
    else:
        marks = ", ".join("?" * len(columns))
        conn.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", ready)  # noqa: S608 - our schema's names


def _all_stored(
    dialect: Dialect, types: Sequence[Any], rows: Sequence[Sequence[Any]]
) -> Sequence[Sequence[Any]]:
    """Column by column, and most columns as they are: a page is tens of thousands of values."""
    ready: list[Any] = list(zip(*rows, strict=True))
    for n, kind in enumerate(types):
        process = _processor(dialect, kind)
        if process is not None:
            ready[n] = [process(value) for value in ready[n]]
    return list(zip(*ready, strict=True))


def worth_retrying(error: sa.exc.DBAPIError) -> bool:
    """Whether the same transaction may succeed when it is simply run again."""
    original = error.orig
    state = getattr(original, "sqlstate", None)
    if state in _PG_AGAIN:
        return True
    code = getattr(original, "sqlite_errorname", "") or ""
    return code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def connection_lost(error: sa.exc.DBAPIError) -> bool:
    """Whether the database went away: the transaction is gone, a new connection may find it back."""
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _PG_AWAY


def now_text(conn: Connection) -> tuple[str, dict[str, Any]]:
    """`now` for a statement written as text, and the parameters it needs."""
    if is_postgresql(conn):
        return "(now() + CAST(:journey AS interval))", {"journey": clock.journey()}
    return ":now", {"now": to_micros(clock.now())}


def span(conn: Connection, length: timedelta) -> Any:
    """A length of time to add to an instant in a statement written as text."""
    return length if is_postgresql(conn) else length // timedelta(microseconds=1)


# The rows that are due in each lane, at most :each a lane: the highest level first, the oldest of it first.
# PostgreSQL passes over rows that another process is claiming; SQLite has one writer at a time.
PICK = {
    "postgresql": """
        SELECT row.here FROM lanes CROSS JOIN LATERAL (
            SELECT one.here FROM {levels} CROSS JOIN LATERAL (
                SELECT ctid AS here FROM {table} WHERE {due} ORDER BY due_at LIMIT :each
                FOR NO KEY UPDATE SKIP LOCKED
            ) AS one LIMIT :each
        ) AS row WHERE lanes.lane IS NOT NULL LIMIT :most""",
    "sqlite": """
        SELECT row.rowid AS here FROM lanes CROSS JOIN {table} AS row
        WHERE lanes.lane IS NOT NULL AND row.rowid IN (
            SELECT one.rowid FROM {levels} CROSS JOIN {table} AS one
            WHERE one.rowid IN (SELECT rowid FROM {table} WHERE {due} ORDER BY due_at LIMIT :each)
            ORDER BY levels.level DESC, one.due_at LIMIT :each
        ) LIMIT :most""",
}
AT_PICKED = {
    "postgresql": "ctid = ANY (ARRAY(SELECT here FROM picked))",
    "sqlite": "rowid IN (SELECT here FROM picked)",
}
