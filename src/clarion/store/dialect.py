"""Every difference between SQLite and PostgreSQL, in one place. The rest of the store is written once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause, Select

from clarion import clock
from clarion.store import copying
from clarion.store.types import Instant, Json, from_micros, to_json, to_micros

# PostgreSQL: deadlock_detected, serialization_failure, lock_not_available, and what a restart says.
_PG_AGAIN = {"40P01", "40001", "55P03"}


def is_postgresql(conn: Connection) -> bool:
    return conn.dialect.name == "postgresql"


def now(conn: Connection) -> ColumnElement[datetime]:
    """The instant to compare due times and leases with: the database's own clock where machines share it.

    The same throughout a transaction. A test's journey (see `clock`) is added, or its standing clock taken.
    """
    if is_postgresql(conn) and not clock.stands_still():
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
    dialect = _dialect(on)
    return _arrays(types, rows) if dialect.name == "postgresql" else _json_rows(dialect, types, rows)


def _dialect(on: Connection | Dialect) -> Dialect:
    return on.dialect if isinstance(on, Connection) else on


def _arrays(types: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> FromClause:
    columns = list(zip(*rows, strict=True)) or [()] * len(types)
    return _unnested(
        types, [_array(values, kind) for values, kind in zip(columns, types.values(), strict=True)]
    )


def _unnested(types: Mapping[str, Any], arrays: Sequence[ColumnElement[Any]]) -> FromClause:
    names = [sa.column(name, kind) for name, kind in types.items()]
    return sa.func.unnest(*arrays).table_valued(*names).render_derived(name="batch")


def _array(values: Sequence[Any], kind: Any) -> ColumnElement[Any]:
    """As text where that is plain: psycopg takes five times as long to write the elements one by one."""
    if isinstance(sa.types.to_instance(kind), _AS_TEXT):
        return _cast(sa.literal(_as_text(values, kind), sa.Text), kind)
    return sa.bindparam(None, list(values), postgresql.ARRAY(kind, dimensions=1))


def _cast(written: ColumnElement[str], kind: Any) -> ColumnElement[Any]:
    if isinstance(sa.types.to_instance(kind), sa.Text):  # a cast takes no collation
        kind = sa.Text
    return sa.cast(written, postgresql.ARRAY(kind, dimensions=1))


_hex = attrgetter("hex")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _json_rows(dialect: Dialect, types: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> FromClause:
    return _from_json(types, sa.literal(_json_of(dialect, types, rows), sa.Text))


def _json_of(dialect: Dialect, types: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> str:
    ready = [stored(dialect, kind) for kind in types.values()]
    return json.dumps([[store(value) for value, store in zip(row, ready, strict=True)] for row in rows])


def _from_json(types: Mapping[str, Any], given: ColumnElement[str]) -> FromClause:
    each = sa.func.json_each(given).table_valued("value", name="each")
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


def batch_of_parameters(name: str, types: Mapping[str, Any]) -> FromClause:
    """A `batch` for a dialect of this name, whose rows are given when the statement is run: see `batch_values`."""
    if name == "postgresql":
        given = [sa.bindparam(f"batch_{n}", type_=sa.Text) for n in range(len(types))]
        return _unnested(types, [_cast(one, kind) for one, kind in zip(given, types.values(), strict=True)])
    return _from_json(types, sa.bindparam("batch_0", type_=sa.Text))


def batch_values(
    on: Connection | Dialect, types: Mapping[str, Any], rows: Sequence[Sequence[Any]]
) -> dict[str, Any]:
    """These rows as the parameters of `batch_of_parameters`."""
    dialect = _dialect(on)
    if dialect.name == "postgresql":
        return columns_values({f"batch_{n}": kind for n, kind in enumerate(types.values())}, rows)
    return {"batch_0": _json_of(dialect, types, rows)}


def columns_values(types: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> dict[str, str]:
    """These rows for PostgreSQL, as an array for each column, by name."""
    columns = zip(zip(*rows, strict=True), types.items(), strict=True)
    return {name: _as_text(values, kind) for values, (name, kind) in columns}


def members(conn: Connection, name: str) -> Select[Any]:
    """The texts in the parameter `name`, which is given as `members_value`."""
    given = sa.bindparam(name, type_=sa.Text)
    if is_postgresql(conn):
        return sa.select(sa.func.unnest(sa.cast(given, postgresql.ARRAY(sa.Text))))
    return sa.select(sa.func.json_each(given).table_valued("value").c.value)


def members_value(conn: Connection, texts: Sequence[str]) -> str:
    return _as_text(texts, sa.Text) if is_postgresql(conn) else json.dumps(list(texts))


_AS_TEXT = (sa.Text, sa.Uuid, sa.Integer, Instant, Json)


def _as_text(values: Sequence[Any], kind: Any) -> str:
    """An array of one of these types as PostgreSQL reads it."""
    kind = sa.types.to_instance(kind)
    if isinstance(kind, sa.Text) and values and None not in values and copying.has_none_of('"\\', values):
        return '{"' + '","'.join(values) + '"}'
    return "{" + ",".join(copying.written(values, _element(kind), "NULL")) + "}"


def _element(kind: Any) -> Callable[[Any], str]:
    match kind:
        case Json():
            return lambda value: _quoted(to_json(value))
        case sa.Text():
            return _quoted
        case sa.Uuid():
            return _hex
        case sa.Integer():
            return lambda value: format(value, "d")
        case Instant():
            return lambda value: value.isoformat()
    raise TypeError(f"no array of type {kind!r} is written as text")


def reader(dialect: Dialect, kind: Any) -> Callable[[Any], Any] | None:
    """How a value of this type is read from what the driver returns; none, if it is that already."""
    kind = sa.types.to_instance(kind)
    if isinstance(kind, Instant):  # as it does itself, in a quarter of the time
        return _instant_of[dialect.name]
    if isinstance(kind, Json):
        return _json_of_text
    process: Callable[[Any], Any] | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return process


_instant_of: Mapping[str, Callable[[Any], datetime | None]] = {
    "postgresql": lambda value: None if value is None else value.astimezone(UTC),
    "sqlite": lambda value: None if value is None else from_micros(value),
}


def _json_of_text(value: str | None) -> Any:
    return None if value is None else json.loads(value)


def _micros_of_instant(value: datetime | None) -> int | None:
    return None if value is None else to_micros(value)


def _text_of_json(value: Any) -> str | None:
    return None if value is None else to_json(value)


def stored(dialect: Dialect, kind: Any) -> Callable[[Any], Any]:
    """How a value of this type is handed to the driver."""
    return writer(dialect, kind) or (lambda value: value)


def writer(dialect: Dialect, kind: Any) -> Callable[[Any], Any] | None:
    """How a value of this type is handed to the driver; none, if as it is."""
    kind = sa.types.to_instance(kind)
    if isinstance(kind, Instant) and dialect.name == "postgresql":
        return None
    if isinstance(kind, Json):
        return _text_of_json
    if isinstance(kind, Instant):
        return _micros_of_instant
    process: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return process


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


def worth_retrying(error: sa.exc.DBAPIError) -> bool:
    """Whether the same transaction may succeed when it is simply run again."""
    original = error.orig
    state = getattr(original, "sqlstate", None)
    if state in _PG_AGAIN:
        return True
    code = getattr(original, "sqlite_errorname", "") or ""
    return code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def now_text(conn: Connection) -> tuple[str, dict[str, Any]]:
    """`now` for a statement written as text, and the parameters it needs."""
    if is_postgresql(conn):
        if clock.stands_still():
            return "CAST(:now AS timestamptz)", {"now": clock.now()}
        return "(now() + CAST(:journey AS interval))", {"journey": clock.journey()}
    return ":now", {"now": to_micros(clock.now())}


def span(conn: Connection, length: timedelta) -> Any:
    """A length of time to add to an instant in a statement written as text."""
    return length if is_postgresql(conn) else length // timedelta(microseconds=1)


# The rows that are due in each lane, at most :each a lane: the highest level first, the oldest of it first.
# PostgreSQL passes over rows that another process is claiming; SQLite has one writer at a time, and would forget their
# order, but in an array: it matters in the last lane, of which there may be room for some only.
PICK = {
    "postgresql": """
        SELECT row.here FROM open CROSS JOIN LATERAL (
            SELECT one.here FROM {levels} CROSS JOIN LATERAL (
                SELECT ctid AS here FROM {table} WHERE {due} ORDER BY due_at LIMIT :each
                FOR NO KEY UPDATE SKIP LOCKED
            ) AS one LIMIT :each
        ) AS row LIMIT :most""",
    "sqlite": """
        SELECT row.value AS here FROM open CROSS JOIN json_each((
            SELECT json_group_array(one.here) FROM (
                SELECT one.rowid AS here FROM {levels} CROSS JOIN {table} AS one
                WHERE one.rowid IN (SELECT rowid FROM {table} WHERE {due} ORDER BY due_at LIMIT :each)
                ORDER BY levels.level DESC, one.due_at LIMIT :each
            ) AS one
        )) AS row LIMIT :most""",
}
GIVEN = {
    "postgresql": "SELECT unnest(CAST(:given AS text[]))",
    "sqlite": "SELECT value FROM json_each(:given)",
}
AT_PICKED = {
    "postgresql": "ctid = ANY (ARRAY(SELECT here FROM picked))",
    "sqlite": "rowid IN (SELECT here FROM picked)",
}
# The oldest changes without a number, at most :most, get those behind :newest, and stand among the numbered ones then.
# On PostgreSQL in one statement: what is committed between two, the second would remove and the first not have moved.
_CHANGE = "tenant, at, kind, recipient, row_id, body"
_NUMBER = f"INSERT INTO clarion_changes (n, {_CHANGE}) SELECT :newest + row_number() OVER (ORDER BY id), {_CHANGE} FROM"
_FIRST = "FROM clarion_unnumbered_changes ORDER BY id LIMIT :most"
_REMOVE = "DELETE FROM clarion_unnumbered_changes WHERE"
MOVE_NUMBERED: Mapping[str, Sequence[str]] = {
    "postgresql": [
        f"WITH moved AS ({_REMOVE} ctid = ANY (ARRAY(SELECT ctid {_FIRST})) RETURNING *) {_NUMBER} moved"
    ],
    "sqlite": [f"{_NUMBER} (SELECT * {_FIRST})", f"{_REMOVE} id IN (SELECT id {_FIRST})"],
}
# The oldest counts that are not folded, at most :most, are added to those of their minute, quarter, hour and day.
_COUNTED = "what, channel, type, code"
_ADD = f"INSERT INTO clarion_tallies AS t (tenant, minutes, minute, {_COUNTED}, number)"
_SUMS = f"SELECT tenant, minutes, minute - minute % minutes AS first, {_COUNTED}, CAST(sum(number) AS bigint)"
_LONG = "(SELECT 1 AS minutes UNION ALL SELECT 15 UNION ALL SELECT 60 UNION ALL SELECT 1440) AS long"
_BY = f"GROUP BY tenant, minutes, minute - minute % minutes, {_COUNTED}"
_TO_THE_OTHERS = f"""ON CONFLICT (tenant, minutes, minute, {_COUNTED})
    DO UPDATE SET number = t.number + excluded.number"""
_OLDEST = "FROM clarion_unfolded_tallies ORDER BY id LIMIT :most"
FOLD: Mapping[str, Sequence[str]] = {
    "postgresql": [
        f"""WITH moved AS (
            DELETE FROM clarion_unfolded_tallies
            WHERE ctid = ANY (ARRAY(SELECT ctid {_OLDEST} FOR UPDATE SKIP LOCKED)) RETURNING *
        ), folded AS (
            {_ADD} {_SUMS} FROM moved CROSS JOIN {_LONG} {_BY} ORDER BY tenant, minutes, first, {_COUNTED} {_TO_THE_OTHERS}
        ) SELECT count(*) FROM moved"""  # noqa: S608 - our schema's names
    ],
    "sqlite": [
        f"""{_ADD} {_SUMS} FROM clarion_unfolded_tallies CROSS JOIN {_LONG} WHERE id IN (SELECT id {_OLDEST})
            {_BY} {_TO_THE_OTHERS}""",
        f"DELETE FROM clarion_unfolded_tallies WHERE id IN (SELECT id {_OLDEST})",  # noqa: S608 - as above
    ],
}
