"""What the driver is asked directly, for statements that run with every batch: SQLAlchemy takes as long as they do.

Its errors are raised as SQLAlchemy raises them. Where somebody listens to what SQLAlchemy runs, it runs these, too.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection


def fetch(conn: Connection, sql: str, parameters: Any) -> list[tuple[Any, ...]]:
    """The rows that a statement answers with, as the driver reads them."""
    if conn.dispatch.before_cursor_execute:
        found = conn.exec_driver_sql(sql, parameters).cursor
        assert found is not None, "it answers with rows"  # noqa: S101
        return list(found.fetchall())
    try:
        cursor = conn.connection.cursor()
        try:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())
        finally:
            cursor.close()
    except conn.dialect.loaded_dbapi.Error as error:
        raise as_sqlalchemy_says(conn, sql, error) from error


def as_sqlalchemy_says(conn: Connection, statement: str, error: Exception) -> BaseException:
    """What the driver itself was asked raises as everything else does: a lost connection is known by it."""
    lost = conn.dialect.is_disconnect(error, conn.connection, None)  # type: ignore[arg-type]  # the driver's
    return sa.exc.DBAPIError.instance(
        statement,
        None,
        error,
        conn.dialect.loaded_dbapi.Error,
        connection_invalidated=lost,
        dialect=conn.dialect,
    )
