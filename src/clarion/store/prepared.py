"""Look-ups that run with every batch of deliveries: their SQL is made once, and the driver runs it with other keys.

Building a statement and reading its rows one by one takes SQLAlchemy several times as long as the look-up itself.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql import FromClause

from clarion.store import dialect


class LookUp:
    """Rows by their keys, many keys at once.

    `keys`: the columns of the batch and their types. `find`: the select whose conditions refer to the batch, and to
    parameters of its own: `sa.bindparam(name, type_=…)`. A row has the columns of the batch, then those of the select.
    """

    def __init__(
        self,
        keys: Mapping[str, Any],
        find: Callable[[FromClause, Connection], sa.Select[Any]],
        *,
        lock: bool = False,
    ) -> None:
        self._keys, self._find, self._lock = keys, find, lock
        self._made: dict[tuple[str, str], _Made] = {}  # by database and driver

    def rows(self, conn: Connection, wanted: Sequence[Sequence[Any]], **values: Any) -> list[Any]:
        """What is found, as named tuples; locked, if it is to be, in the order in which it is `wanted`."""
        if not wanted:
            return []
        key = conn.dialect.name, conn.dialect.driver
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(conn)
        return made.run(conn, dialect.batch_values(conn, self._keys, wanted), values)

    def _make(self, conn: Connection) -> _Made:
        batch = dialect.batch_of_parameters(conn, self._keys)
        return _Made(conn, dialect.look_up(conn, batch, self._find(batch, conn), lock=self._lock))


class _Made:
    """The SQL for one kind of database, and how values are handed to its driver and read from it."""

    def __init__(self, conn: Connection, select: sa.Select[Any]) -> None:
        compiled = select.compile(dialect=conn.dialect)
        self._sql = str(compiled)
        self._given = compiled.params
        self._positions = compiled.positiontup if compiled.positional else None
        self._stored = {
            name: dialect.stored(conn.dialect, bound.type) for name, bound in compiled.binds.items()
        }
        columns = list(select.selected_columns)
        row: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]  # noqa: PYI024
        self._row = row._make
        readers = [dialect.reader(conn.dialect, column.type) for column in columns]
        self._readers = [(n, read) for n, read in enumerate(readers) if read is not None]

    def run(self, conn: Connection, keys: Mapping[str, Any], values: Mapping[str, Any]) -> list[Any]:
        given = {**self._given, **{name: self._stored[name](value) for name, value in values.items()}, **keys}
        parameters = given if self._positions is None else tuple(given[name] for name in self._positions)
        found = conn.exec_driver_sql(self._sql, parameters).cursor
        assert found is not None, "it is a select"  # noqa: S101
        rows = found.fetchall()
        if not rows:
            return []
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for n, read in self._readers:
            columns[n] = [read(value) for value in columns[n]]
        return list(map(self._row, zip(*columns, strict=True)))
