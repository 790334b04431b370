"""Statements that run with every batch of deliveries: their SQL is made once, and the driver runs it with other keys.

Building a statement and reading its rows one by one takes SQLAlchemy several times as long as the look-up itself.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql import FromClause

from clarion.store import dialect, driver

_NONE: Mapping[str, Any] = {}


class LookUp:
    """Rows by their keys, many keys at once.

    `keys`: the columns of the batch and their types. `find`: the select whose conditions refer to the batch, and to
    parameters of its own: `sa.bindparam(name, type_=…)`; or several of the same columns, of which all rows are wanted.
    A row has the columns of the batch, all `but` these, then those of the select.
    """

    def __init__(
        self,
        keys: Mapping[str, Any],
        find: Callable[[FromClause, Connection], sa.Select[Any] | Sequence[sa.Select[Any]]],
        *,
        but: Collection[str] = (),
        lock: bool = False,
    ) -> None:
        self._keys, self._find, self._but, self._lock = keys, find, but, lock
        self._made: dict[tuple[str, str], _Made] = {}  # by database and driver

    def rows(self, conn: Connection, wanted: Sequence[Sequence[Any]], **values: Any) -> list[Any]:
        """What is found, as named tuples; locked, if it is to be, in the order in which it is `wanted`."""
        if not wanted:
            return []
        key = conn.dialect.name, conn.dialect.driver
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(conn)
        keys = dialect.batch_values(conn, self._keys, wanted)
        return list(map(made.row, made.statement.rows(conn, values, keys)))

    def _make(self, conn: Connection) -> _Made:
        batch = dialect.batch_of_parameters(conn.dialect.name, self._keys)
        found = self._find(batch, conn)
        if isinstance(found, sa.Select):
            return _Made(conn, self._of_each(conn, batch, found))
        return _Made(conn, sa.union_all(*(self._of_each(conn, batch, one) for one in found)))

    def _of_each(self, conn: Connection, batch: FromClause, select: sa.Select[Any]) -> sa.Select[Any]:
        found = dialect.look_up(conn, batch, select, lock=self._lock)
        shown = [column for column in found.selected_columns if column.key not in self._but]
        return found.with_only_columns(*shown, maintain_column_froms=True)


class Query:
    """A select whose values are given each time: those of its `sa.bindparam(name, type_=…)`. Rows are plain tuples."""

    def __init__(self, select: sa.SelectBase) -> None:
        self._select = select
        self._made: dict[tuple[str, str], Prepared] = {}  # by database and driver

    def rows(self, conn: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        key = conn.dialect.name, conn.dialect.driver
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = Prepared(conn.dialect, self._select)
        return made.rows(conn, values)


class Prepared:
    """The SQL for one kind of database, and how values are handed to its driver and read from it."""

    def __init__(self, made_for: Dialect, statement: sa.SelectBase) -> None:
        compiled = statement.compile(dialect=made_for)
        self._sql = str(compiled)
        self._given = compiled.params
        self._positions = compiled.positiontup if compiled.positional else None
        self._stored = {name: dialect.stored(made_for, bound.type) for name, bound in compiled.binds.items()}
        self.columns = [str(column.key) for column in statement.selected_columns]
        readers = [dialect.reader(made_for, column.type) for column in statement.selected_columns]
        self._readers = [(n, read) for n, read in enumerate(readers) if read is not None]

    def rows(
        self, conn: Connection, values: Mapping[str, Any], ready: Mapping[str, Any] = _NONE
    ) -> list[tuple[Any, ...]]:
        """What is found with these parameters, and with those that are `ready` for the driver."""
        given = {
            **self._given,
            **{name: self._stored[name](value) for name, value in values.items()},
            **ready,
        }
        parameters = given if self._positions is None else tuple([given[name] for name in self._positions])
        rows = driver.fetch(conn, self._sql, parameters)
        if not rows or not self._readers:
            return rows
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for n, read in self._readers:
            columns[n] = [read(value) for value in columns[n]]
        return list(zip(*columns, strict=True))


class _Made:
    """A look-up for one kind of database."""

    def __init__(self, conn: Connection, select: sa.SelectBase) -> None:
        self.statement = Prepared(conn.dialect, select)
        row: Any = namedtuple("Row", self.statement.columns)  # type: ignore[misc]  # noqa: PYI024
        self.row = row._make
