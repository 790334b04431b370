"""Many rows, or texts, as parameters of a statement: arrays on PostgreSQL, JSON on SQLite."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause, Select

from clarion.store import copying
from clarion.store.dialect.product import is_postgresql
from clarion.store.dialect.values import stored, writer
from clarion.store.types import Instant, Json, to_json


def batch(on: Connection | Dialect, types: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> FromClause:
    """`rows` as a table named `batch` with these columns and types: a parameter per column, or just one."""
    dialect = _dialect(on)
    return _arrays(types, rows) if dialect.name == "postgresql" else _json_rows(dialect, types, rows)


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


def batch_of_columns(
    on: Connection | Dialect, types: Mapping[str, Any], columns: Sequence[Sequence[Any]]
) -> dict[str, Any]:
    """The same for rows whose values are given column by column, which is quicker for many."""
    dialect = _dialect(on)
    each = zip(columns, types.values(), strict=True)
    if dialect.name == "postgresql":
        return {f"batch_{n}": _as_text(values, kind) for n, (values, kind) in enumerate(each)}
    ready = [_all_stored(dialect, values, kind) for values, kind in each]
    return {"batch_0": json.dumps(list(zip(*ready, strict=True)))}


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


def _json_rows(dialect: Dialect, types: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> FromClause:
    return _from_json(types, sa.literal(_json_of(dialect, types, rows), sa.Text))


def _json_of(dialect: Dialect, types: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> str:
    ready = [stored(dialect, kind) for kind in types.values()]
    return json.dumps([[store(value) for value, store in zip(row, ready, strict=True)] for row in rows])


def _all_stored(dialect: Dialect, values: Sequence[Any], kind: Any) -> Sequence[Any]:
    store = writer(dialect, kind)
    return values if store is None else list(map(_each_once(store), values))


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


_AS_TEXT = (sa.Text, sa.Uuid, sa.Integer, Instant, Json)


def _as_text(values: Sequence[Any], kind: Any) -> str:
    """An array of one of these types as PostgreSQL reads it."""
    kind = sa.types.to_instance(kind)
    if isinstance(kind, sa.Text) and (quick := _all_quoted(values)) is not None:
        return quick
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
            return _each_once(datetime.isoformat)
    raise TypeError(f"no array of type {kind!r} is written as text")


_hex = attrgetter("hex")


_BETWEEN, _NONE = "\x1f", "\x1e"  # in hardly any text, and in none of JSON


def _all_quoted(values: Sequence[str | None]) -> str | None:
    """An array of texts, quoted all at once; `None` where that cannot be done."""
    missing = values.count(None)
    if missing == len(values):
        return "{" + ",".join(["NULL"] * missing) + "}"
    together = _BETWEEN.join(
        cast(Sequence[str], values) if not missing else [_NONE if one is None else one for one in values]
    )
    if together.count(_BETWEEN) != len(values) - 1 or together.count(_NONE) != missing:
        return None
    array = "{" + _quoted(together).replace(_BETWEEN, '","') + "}"
    return array.replace(f'"{_NONE}"', "NULL") if missing else array


def _each_once(write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """For columns of which many values are the very same."""
    known: dict[int, Any] = {}

    def once(value: Any) -> Any:
        found = known.get(id(value))
        if found is None:
            found = known[id(value)] = write(value)
        return found

    return once


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
