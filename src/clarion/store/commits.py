"""When a host's transaction is committed, so that workers are woken then, and not before there is anything to find."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.orm import Session, scoped_session

_THEN = "clarion_after_commit"  # in the `info` of a driver's connection: what to call
_IDLE = 0  # of PostgreSQL's states of a transaction: there is none

_telling: WeakSet[Dialect] = WeakSet()


def after_commit(conn: object, then: Callable[[], None]) -> None:
    """Call `then` once what this connection has in hand is committed, in the thread that commits it.

    It may be called once too often, after the transaction that follows one which was rolled back. Never is it
    where nobody says that there was a commit: of a driver's own connection, unless it commits each statement.
    Nothing raises here, for the transaction is not ours.
    """
    with suppress(Exception):
        if isinstance(conn, Session | scoped_session):
            conn = conn.connection()
        if isinstance(conn, Connection):
            if conn.dialect not in _telling:
                _let_tell(conn.dialect)
            conn.info.setdefault(_THEN, set()).add(then)
        elif on_commit := getattr(getattr(conn, "db", None), "on_commit", None):  # a Django cursor
            on_commit(then, robust=True)
        elif _committed(conn):
            then()


def _let_tell(dialect: Dialect) -> None:
    """SQLAlchemy's own event comes before the commit, when a worker would look and find nothing."""
    _telling.add(dialect)
    commit = dialect.do_commit

    def do_commit(connection: Any) -> None:
        commit(connection)
        with suppress(Exception):
            for then in connection.info.pop(_THEN, ()):
                then()

    dialect.do_commit = do_commit  # type: ignore[method-assign, assignment]  # of this engine's dialect only


def _committed(conn: Any) -> bool:
    """Whether a driver's connection, or the one of its cursor, commits each statement by itself."""
    conn = getattr(conn, "connection", conn)
    in_transaction = getattr(conn, "in_transaction", None)  # sqlite3
    if in_transaction is not None:
        return not in_transaction
    return bool(conn.info.transaction_status == _IDLE)
