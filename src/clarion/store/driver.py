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


_NOTICED = (
    "before_execute",
    "after_execute",
    "before_cursor_execute",
    "after_cursor_execute",
)
_CHANGED = ("do_execute", "do_execute_no_params", "do_executemany", "handle_error")


def unheard(conn: Connection) -> bool:
    """Whether the driver may be asked in the middle of a transaction of the application's: one is going on, and
    nobody listens to what SQLAlchemy runs, logs it, or has it changed."""
    transaction = conn.get_transaction()
    if transaction is None or not transaction.is_active:
        return False
    if conn._echo or "schema_translate_map" in conn.get_execution_options():  # noqa: SLF001 - has no other name
        return False
    return not (
        any(getattr(conn.dispatch, name) for name in _NOTICED)
        or any(getattr(conn.dialect.dispatch, name) for name in _CHANGED)
    )


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
