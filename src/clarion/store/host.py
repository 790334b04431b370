"""Joining a transaction that belongs to the application, whatever it talks to its database with.

A SQLAlchemy connection or session; a DB-API connection or cursor of `sqlite3`, `psycopg` or `psycopg2`; a
Django cursor. (Asynchronous SQLAlchemy arrives here through `run_sync`.) One statement is run in one round
trip; nothing is committed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.orm import Session

from clarion.errors import HostTransaction, InvalidInput, NotMigrated

# Dialects that only write SQL, for transactions that are not SQLAlchemy's.
_SQLITE = sqlite_dialect.dialect(paramstyle="named")
_DJANGO_SQLITE = sqlite_dialect.dialect(paramstyle="pyformat")
_POSTGRESQL: Dialect = psycopg_dialect.dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy

_BEGIN_IMMEDIATE = (
    "SQLite refused to let this transaction write, because it began by reading while another connection "
    "wrote; waiting cannot help. Begin it with BEGIN IMMEDIATE (sqlite3: isolation_level='IMMEDIATE'; Django: "
    "OPTIONS {'transaction_mode': 'IMMEDIATE'}; SQLAlchemy: a 'begin' listener) and run it again."
)

Build = Callable[[Dialect], tuple[sa.Executable, Mapping[str, Any]]]


def execute(conn: object, build: Build) -> list[tuple[Any, ...]]:
    """Run the statement that `build` makes for this dialect; its rows. Raises `HostTransaction`, `NotMigrated`."""
    if isinstance(conn, Session):
        conn = conn.connection()
    try:
        if isinstance(conn, Connection):
            statement, values = build(conn.dialect)
            return [tuple(row) for row in conn.execute(statement, dict(values))]
        return _on_driver(conn, build)
    except Exception as error:
        if remedy := _remedy(error):
            raise remedy from error
        raise


def _on_driver(conn: Any, build: Build) -> list[tuple[Any, ...]]:
    cursor, own, dialect = _cursor(conn)
    statement, values = build(dialect)
    compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    processors = compiled._bind_processors  # noqa: SLF001 - what SQLAlchemy itself applies before a driver
    parameters = {
        name: processors[name](value) if name in processors else value
        for name, value in compiled.construct_params(dict(values)).items()
    }
    try:
        cursor.execute(compiled.string, parameters)
        return [tuple(row.values()) if isinstance(row, Mapping) else tuple(row) for row in cursor.fetchall()]
    finally:
        if own:
            cursor.close()


def _cursor(conn: Any) -> tuple[Any, bool, Dialect]:
    """A cursor, whether it is ours to close, and how its SQL is written."""
    vendor = getattr(getattr(conn, "db", None), "vendor", None)  # a Django cursor
    if vendor is not None and vendor in ("sqlite", "postgresql"):
        return conn, False, _DJANGO_SQLITE if vendor == "sqlite" else _POSTGRESQL
    if isinstance(conn, sqlite3.Connection):
        return conn.cursor(), True, _SQLITE
    if isinstance(conn, sqlite3.Cursor):
        return conn, False, _SQLITE
    if type(conn).__module__.split(".")[0] in ("psycopg", "psycopg2") and not _asynchronous(conn):
        own = hasattr(conn, "cursor")
        return (conn.cursor() if own else conn), own, _POSTGRESQL
    raise InvalidInput(
        f"cannot emit on {type(conn).__module__}.{type(conn).__qualname__}: pass a SQLAlchemy connection or session, "
        "a sqlite3 or psycopg connection, or a Django cursor"
    )


def _asynchronous(conn: object) -> bool:
    return type(conn).__name__.startswith("Async")


def _remedy(error: Exception) -> Exception | None:
    """Our own error for what the host can mend, else `None`."""
    original = getattr(error, "orig", None) or error.__cause__ or error
    sqlite_code = getattr(original, "sqlite_errorname", None) or getattr(error, "sqlite_errorname", "") or ""
    if sqlite_code.startswith("SQLITE_BUSY"):
        return HostTransaction(_BEGIN_IMMEDIATE)
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if state == "42P01" or "no such table: clarion_" in str(original):
        return NotMigrated(f"{original}".splitlines()[0] + "; run `clarion migrate` on this database")
    if state == "25P02":
        return HostTransaction(
            "an earlier statement failed and PostgreSQL has ended this transaction: roll it back first"
        )
    return None
