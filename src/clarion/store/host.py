"""Joining a transaction that belongs to the application, whatever it talks to its database with.

A SQLAlchemy connection or session; a DB-API connection or cursor of `sqlite3`, `psycopg` or `psycopg2`; a
Django cursor. (Asynchronous SQLAlchemy arrives here through `run_sync`.) One statement is run in one round
trip; nothing is committed.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.orm import Session, scoped_session

from clarion.errors import HostTransaction, InvalidInput, NotMigrated
from clarion.store import driver
from clarion.store.schema import PREFIX

# Dialects that only write SQL, for transactions that are not SQLAlchemy's.
_SQLITE = sqlite_dialect.dialect(paramstyle="named")
_DJANGO_SQLITE = sqlite_dialect.dialect(paramstyle="pyformat")
_POSTGRESQL: Dialect = psycopg_dialect.dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
_WRITERS: Mapping[str, Dialect] = {"pysqlite": _SQLITE, "psycopg": _POSTGRESQL}  # of SQLAlchemy's drivers

_BEGIN_IMMEDIATE = (
    "SQLite refused to let this transaction write: either it began by reading and another connection has written "
    "since, which no waiting can mend, or another connection wrote for longer than this one waits. Begin it with "
    "BEGIN IMMEDIATE (sqlite3: isolation_level='IMMEDIATE'; Django: OPTIONS {'transaction_mode': 'IMMEDIATE'}; "
    "SQLAlchemy: a 'begin' listener), which waits before it reads; roll this one back and run it again."
)

Build = Callable[[Dialect], tuple[sa.Executable, Mapping[str, Any]]]


def execute(conn: object, build: Build) -> list[tuple[Any, ...]]:
    """Run the statement that `build` makes for this dialect; its rows.

    A statement that comes with values is taken for one of a few that are made once: its SQL is kept. Raises `HostTransaction`, `NotMigrated`, `InvalidInput`; other errors are the caller's own driver's, as they are:
    a serialization failure, for instance, which the caller retries with the whole transaction.
    """
    if isinstance(conn, Session | scoped_session):
        conn = conn.connection()
    try:
        if isinstance(conn, Connection):
            return _on_sqlalchemy(conn, build)
        return _on_driver(conn, build)
    except Exception as error:
        if remedy := _remedy(error):
            raise remedy from error
        raise


def _on_sqlalchemy(conn: Connection, build: Build) -> list[tuple[Any, ...]]:
    """Where nobody would notice on the driver beneath it, in half the time."""
    dialect = _WRITERS.get(conn.dialect.driver)
    if dialect is not None and driver.unheard(conn):
        statement, values = build(dialect)
        if values:
            written = _written(statement, dialect)
            return driver.fetch(conn, written.sql, written.parameters(values, _as_it_is))
    statement, values = build(_known(conn.dialect))
    return [tuple(row) for row in conn.execute(statement, dict(values))]


def _known(dialect: Dialect) -> Dialect:
    if dialect.name in ("sqlite", "postgresql"):
        return dialect
    raise InvalidInput(f"cannot emit on a database of {dialect.name}: Clarion knows SQLite and PostgreSQL")


def _on_driver(conn: object, build: Build) -> list[tuple[Any, ...]]:
    cursor, dialect, plain = _cursor(conn)
    try:
        statement, values = build(dialect)
        written = _written(statement, dialect) if values else _Written(statement, dialect)
        cursor.execute(written.sql, written.parameters(values, plain))
        return [tuple(row) for row in cursor.fetchall()]
    finally:
        cursor.close()


class _Written:
    """A statement as a driver takes it, which SQLAlchemy needs several times as long to write as the driver to run."""

    def __init__(self, statement: sa.Executable, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        self.sql: str = compiled.string
        processors = compiled._bind_processors  # noqa: SLF001 - what SQLAlchemy itself applies before a driver
        self._parameters = [
            (name, value, processors.get(name))
            for name, value in compiled.construct_params(_check=False).items()
        ]

    def parameters(self, values: Mapping[str, Any], plain: Callable[[Any], Any]) -> dict[str, Any]:
        """These values, and for the others those of the statement itself."""
        return {
            name: plain(process(value) if process is not None else value)
            for name, own, process in self._parameters
            for value in (values.get(name, own),)
        }


_written = lru_cache(maxsize=64)(_Written)


def _cursor(conn: Any) -> tuple[Any, Dialect, Callable[[Any], Any]]:
    """A cursor of our own on the caller's connection, how its SQL is written, and its values made plain.

    Of our own, because the caller's may hold rows not yet read, make objects of rows, or be on the server.
    """
    vendor = getattr(getattr(conn, "db", None), "vendor", None)  # a Django cursor
    if vendor is not None and vendor in ("sqlite", "postgresql"):
        return conn.db.cursor(), _DJANGO_SQLITE if vendor == "sqlite" else _POSTGRESQL, _as_it_is
    conn = conn.connection if isinstance(conn, sqlite3.Cursor) else conn
    if isinstance(conn, sqlite3.Connection):
        cursor = conn.cursor()
        cursor.row_factory = None
        return cursor, _SQLITE, _as_it_is
    if psycopg := sys.modules.get("psycopg"):
        conn = conn.connection if isinstance(conn, psycopg.Cursor) else conn
        if isinstance(conn, psycopg.Connection):
            return psycopg.Cursor(conn, row_factory=psycopg.rows.tuple_row), _POSTGRESQL, _as_it_is
    if psycopg2 := sys.modules.get("psycopg2"):
        extensions = psycopg2.extensions
        conn = conn.connection if isinstance(conn, extensions.cursor) else conn
        if isinstance(conn, extensions.connection):
            return conn.cursor(cursor_factory=extensions.cursor), _POSTGRESQL, _without_uuids
    raise InvalidInput(
        f"cannot emit on {type(conn).__module__}.{type(conn).__qualname__}: pass a SQLAlchemy connection or session, "
        "a sqlite3 or psycopg connection, or a Django cursor"
    )


def _as_it_is(value: Any) -> Any:
    return value


def _without_uuids(value: Any) -> Any:
    """psycopg2 takes ids as text, unless its connection was taught otherwise."""
    if isinstance(value, list):
        return [_without_uuids(item) for item in value]
    return str(value) if isinstance(value, UUID) else value


def _remedy(error: Exception) -> Exception | None:
    """Our own error for what the host can mend, else `None`."""
    original = getattr(error, "orig", None) or error.__cause__ or error
    sqlite_code = getattr(original, "sqlite_errorname", None) or getattr(error, "sqlite_errorname", "") or ""
    if sqlite_code.startswith("SQLITE_BUSY"):
        return HostTransaction(_BEGIN_IMMEDIATE)
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if state == "42P01" or f"no such table: {PREFIX}" in str(original):
        option = " --outbox" if f"{PREFIX}outbox" in str(original) else ""
        return NotMigrated(
            f"{original}".splitlines()[0] + f"; run `clarion migrate{option}` on this database"
        )
    if state == "25P02":
        return HostTransaction(
            "an earlier statement failed and PostgreSQL has ended this transaction: roll it back first"
        )
    return None
