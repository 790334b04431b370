"""Many new rows at once, the quickest way of each database: COPY, or one prepared statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from clarion.store import copying, driver
from clarion.store.dialect import is_postgresql, writer

Rows = tuple[sa.Table, Sequence[str], Sequence[Sequence[Any]]]  # of a table, with these columns


def many(conn: Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Rows of one table."""
    in_turn(conn, [(table, columns, rows)])


def in_turn(conn: Connection, tables: Iterable[Rows]) -> None:
    """Rows of one table after the other."""
    some = ((table, columns, rows) for table, columns, rows in tables if rows)
    if is_postgresql(conn):
        _copy(conn, some)
        return
    for table, columns, rows in some:
        ready = _all_stored(conn.dialect, [table.c[name].type for name in columns], rows)
        marks = ", ".join("?" * len(columns))
        conn.exec_driver_sql(f"INSERT INTO {_into(conn, table, columns)} VALUES ({marks})", ready)  # noqa: S608 - our schema's names


def _copy(conn: Connection, tables: Iterable[Rows]) -> None:
    """By COPY: while the server writes the rows of one table, those of the next are made and put into words."""
    texts = (
        (_into(conn, table, columns), copying.text([table.c[name].type for name in columns], rows))
        for table, columns, rows in tables
    )
    following = next(texts, None)
    connection: Any = conn.connection
    with connection.cursor() as cursor:
        while following is not None:
            into, text = following
            statement = f"COPY {into} FROM STDIN"
            try:
                with cursor.copy(statement) as copy:
                    copy.write(text)
                    following = next(texts, None)
            except conn.dialect.loaded_dbapi.Error as error:
                raise driver.as_sqlalchemy_says(conn, statement, error) from error


def _into(conn: Connection, table: sa.Table, columns: Sequence[str]) -> str:
    names = ", ".join(conn.dialect.identifier_preparer.quote(name) for name in columns)
    return f"{table.name} ({names})"


def _all_stored(
    dialect: Dialect, types: Sequence[Any], rows: Sequence[Sequence[Any]]
) -> Sequence[Sequence[Any]]:
    """Column by column, and most columns as they are: a page is tens of thousands of values."""
    ready: list[Any] = list(zip(*rows, strict=True))
    for n, kind in enumerate(types):
        process = writer(dialect, kind)
        if process is not None:
            values = ready[n]
            once = copying.all_alike(values)
            ready[n] = [process(values[0])] * len(values) if once else [process(value) for value in values]
    return list(zip(*ready, strict=True))
