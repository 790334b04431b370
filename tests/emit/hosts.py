"""Applications to emit from: each speaks to its database in another way, and all are used alike.

A host has a table `orders(name)` of its own, which it writes in the transaction that it emits in.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import psycopg
import psycopg2
import psycopg2.extensions
import psycopg2.extras
import sqlalchemy as sa
from psycopg.rows import class_row, dict_row, scalar_row
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from clarion import Clarion
from clarion.event import EventFields
from tests.support.postgres import Postgres


class Host:
    """An application's connection. `conn` is what it hands to `emit`."""

    conn: Any
    raw: Any  # the driver's own connection, for tracing SQLite

    def run(self, sql: str) -> None:
        raise NotImplementedError

    def value(self, sql: str) -> Any:
        raise NotImplementedError

    def begin(self) -> None:
        """Nothing, where a transaction begins by itself."""

    def commit(self) -> None:
        raise NotImplementedError

    def rollback(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def wait(self, result: Any) -> Any:
        return result

    def trace(self, callback: Callable[[str], object] | None) -> None:
        self.raw.set_trace_callback(callback)

    def emit(self, clarion: Clarion, type: str, *, outbox: bool = False, **fields: Any) -> UUID:
        return self.wait(clarion.emit(self.conn, type, outbox=outbox, **fields))  # type: ignore[no-any-return]

    def emit_many(
        self, clarion: Clarion, batch: list[tuple[str, EventFields]], *, outbox: bool = False
    ) -> list[UUID]:
        return self.wait(clarion.emit_many(self.conn, batch, outbox=outbox))  # type: ignore[no-any-return]


# ── SQLAlchemy ───────────────────────────────────────────────────────────────────────────────────────────


class SqlAlchemy(Host):
    def __init__(self, url: URL, made: Callable[[sa.Engine], Any] = sa.Engine.connect) -> None:
        self.engine = sa.create_engine(url)
        self.conn = made(self.engine)

    @property
    def raw(self) -> Any:  # type: ignore[override]
        connection = self.conn if isinstance(self.conn, sa.Connection) else self.conn.connection()
        return connection.connection.driver_connection

    def run(self, sql: str) -> None:
        self.conn.execute(sa.text(sql))

    def value(self, sql: str) -> Any:
        return self.conn.execute(sa.text(sql)).scalar_one()

    def commit(self) -> None:
        self.conn.commit()

    def rollback(self) -> None:
        self.conn.rollback()

    def close(self) -> None:
        self.conn.close()
        self.engine.dispose()


class AsyncSqlAlchemy(Host):
    def __init__(self, url: URL, made: Callable[[Any], Any]) -> None:
        self.runner = asyncio.Runner()
        self.engine = create_async_engine(url)
        self.conn = made(self.engine)
        if not isinstance(self.conn, AsyncSession):
            self.wait(self.conn.start())

    def wait(self, result: Any) -> Any:
        async def waited() -> Any:
            return await result

        return self.runner.run(waited())

    def trace(self, callback: Callable[[str], object] | None) -> None:
        async def set_callback() -> None:
            conn = await self.conn.connection() if isinstance(self.conn, AsyncSession) else self.conn
            driver = (await conn.get_raw_connection()).driver_connection
            await driver.set_trace_callback(callback)

        self.runner.run(set_callback())

    def run(self, sql: str) -> None:
        self.wait(self.conn.execute(sa.text(sql)))

    def value(self, sql: str) -> Any:
        return self.wait(self.conn.execute(sa.text(sql))).scalar_one()

    def commit(self) -> None:
        self.wait(self.conn.commit())

    def rollback(self) -> None:
        self.wait(self.conn.rollback())

    def close(self) -> None:
        self.wait(self.conn.close())
        self.wait(self.engine.dispose())
        self.runner.close()


# ── Drivers by themselves ────────────────────────────────────────────────────────────────────────────────


class Driver(Host):
    """`made` gives what the application hands over: the connection, or a cursor of it."""

    def __init__(self, raw: Any, made: Callable[[Any], Any] = lambda raw: raw, *, begin: str = "") -> None:
        self.raw, self.conn, self._begin = raw, made(raw), begin

    def begin(self) -> None:
        if self._begin:
            self.run(self._begin)

    def run(self, sql: str) -> None:
        cursor = self.raw.cursor()
        cursor.execute(sql)
        cursor.close()

    def value(self, sql: str) -> Any:
        """The first column, whatever this connection makes of rows."""
        cursor = self.raw.cursor()
        cursor.execute(sql)
        row = cursor.fetchone()
        cursor.close()
        if isinstance(row, Mapping):
            return next(iter(row.values()))
        return row[0] if isinstance(row, tuple | sqlite3.Row) else getattr(row, "value", row)

    def commit(self) -> None:
        self.run("COMMIT") if self._begin else self.raw.commit()

    def rollback(self) -> None:
        self.run("ROLLBACK") if self._begin else self.raw.rollback()

    def close(self) -> None:
        self.raw.close()


class Record:
    """What an application may make of each row; the names of its columns are those of a query of ours."""

    def __init__(self, **columns: object) -> None:
        self.value = next(iter(columns.values()))


# ── Django ───────────────────────────────────────────────────────────────────────────────────────────────


class Django(Host):
    """`transaction.atomic()` and a raw cursor, on a database of its own alias."""

    def __init__(self, url: URL, *, debug: bool = False) -> None:
        self.connections, self.transaction, self.settings = _django()
        self.connections.databases[ALIAS] = self.connections.databases["default"] | _django_settings(url)
        self.settings.DEBUG = debug
        self.wrapper = self.connections[ALIAS]
        self.cursor = self.wrapper.cursor()
        self.conn = self.cursor
        self.atomic: Any = None

    @property
    def raw(self) -> Any:  # type: ignore[override]
        return self.wrapper.connection

    def begin(self) -> None:
        self.atomic = self.transaction.atomic(using=ALIAS)
        self.atomic.__enter__()

    def run(self, sql: str) -> None:
        with self.wrapper.cursor() as cursor:
            cursor.execute(sql)

    def value(self, sql: str) -> Any:
        with self.wrapper.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    def commit(self) -> None:
        if self.atomic:
            atomic, self.atomic = self.atomic, None
            atomic.__exit__(None, None, None)

    def rollback(self) -> None:
        if self.atomic:
            atomic, self.atomic = self.atomic, None
            self.transaction.set_rollback(True, using=ALIAS)
            atomic.__exit__(None, None, None)

    def close(self) -> None:
        self.rollback()
        self.cursor.close()
        self.wrapper.close()
        self.settings.DEBUG = False
        del self.connections[ALIAS], self.connections.databases[ALIAS]


ALIAS = "host"


def _django() -> tuple[Any, Any, Any]:
    import django
    from django.conf import settings

    if not settings.configured:
        default = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        settings.configure(DATABASES={"default": default}, USE_TZ=True)
        django.setup()
    from django.db import connections, transaction

    return connections, transaction, settings


def _django_settings(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database,
        "USER": url.username,
        "HOST": url.query["host"],
    }


# ── All of them ──────────────────────────────────────────────────────────────────────────────────────────


def scoped(engine: sa.Engine) -> Any:
    return scoped_session(sessionmaker(engine))


def _psycopg(url: URL, **options: Any) -> Any:
    return psycopg.connect(**_libpq(url), **options)


def _psycopg2(url: URL, **options: Any) -> Any:
    return psycopg2.connect(**_libpq(url), **options)


def _libpq(url: URL) -> dict[str, Any]:
    return {"host": url.query["host"], "user": url.username, "dbname": url.database}


def _sqlite(url: URL, **options: Any) -> sqlite3.Connection:
    return sqlite3.connect(str(url.database), **options)


def _with_rows(connection: sqlite3.Connection, row_factory: Any) -> sqlite3.Connection:
    connection.row_factory = row_factory
    return connection


def _as_dict(cursor: sqlite3.Cursor, row: tuple[object, ...]) -> dict[str, object]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def _cursor(connection: Any) -> Any:
    return connection.cursor()


_ASYNC = {
    "aiosqlite": "sqlite+aiosqlite",
    "asyncpg": "postgresql+asyncpg",
    "psycopg async": "postgresql+psycopg_async",
}
_CONNECTION, _SESSION = (lambda engine: engine.connect()), AsyncSession

OPENERS: dict[str, dict[str, Callable[[URL], Host]]] = {
    "sqlite": {
        "SQLAlchemy connection": SqlAlchemy,
        "SQLAlchemy session": lambda url: SqlAlchemy(url, Session),
        "SQLAlchemy scoped session": lambda url: SqlAlchemy(url, scoped),
        "aiosqlite connection": lambda url: AsyncSqlAlchemy(_on(url, "aiosqlite"), _CONNECTION),
        "aiosqlite session": lambda url: AsyncSqlAlchemy(_on(url, "aiosqlite"), _SESSION),
        "sqlite3 connection": lambda url: Driver(_sqlite(url)),
        "sqlite3 connection, IMMEDIATE": lambda url: Driver(_sqlite(url, isolation_level="IMMEDIATE")),
        "sqlite3 connection, own BEGIN": lambda url: Driver(
            _sqlite(url, isolation_level=None), begin="BEGIN IMMEDIATE"
        ),
        "sqlite3 connection, Row": lambda url: Driver(_with_rows(_sqlite(url), sqlite3.Row)),
        "sqlite3 cursor": lambda url: Driver(_sqlite(url), _cursor),
        "sqlite3 cursor, dict": lambda url: Driver(_with_rows(_sqlite(url), _as_dict), _cursor),
        "Django cursor": Django,
        "Django cursor, DEBUG": lambda url: Django(url, debug=True),
    },
    "postgresql": {
        "SQLAlchemy connection": SqlAlchemy,
        "SQLAlchemy session": lambda url: SqlAlchemy(url, Session),
        "SQLAlchemy scoped session": lambda url: SqlAlchemy(url, scoped),
        "SQLAlchemy on psycopg2": lambda url: SqlAlchemy(url.set(drivername="postgresql+psycopg2")),
        "asyncpg connection": lambda url: AsyncSqlAlchemy(_on(url, "asyncpg"), _CONNECTION),
        "asyncpg session": lambda url: AsyncSqlAlchemy(_on(url, "asyncpg"), _SESSION),
        "psycopg async connection": lambda url: AsyncSqlAlchemy(_on(url, "psycopg async"), _CONNECTION),
        "psycopg async session": lambda url: AsyncSqlAlchemy(_on(url, "psycopg async"), _SESSION),
        "psycopg connection": lambda url: Driver(_psycopg(url)),
        "psycopg connection, dict_row": lambda url: Driver(_psycopg(url, row_factory=dict_row)),
        "psycopg connection, class_row": lambda url: Driver(_psycopg(url, row_factory=class_row(Record))),
        "psycopg connection, scalar_row": lambda url: Driver(_psycopg(url, row_factory=scalar_row)),
        "psycopg connection, autocommit": lambda url: Driver(_psycopg(url, autocommit=True), begin="BEGIN"),
        "psycopg connection, RawCursor": lambda url: Driver(_psycopg(url, cursor_factory=psycopg.RawCursor)),
        "psycopg connection, ClientCursor": lambda url: Driver(
            _psycopg(url, cursor_factory=psycopg.ClientCursor)
        ),
        "psycopg cursor": lambda url: Driver(_psycopg(url), _cursor),
        "psycopg cursor, dict_row": lambda url: Driver(_psycopg(url, row_factory=dict_row), _cursor),
        "psycopg2 connection": lambda url: Driver(_psycopg2(url)),
        "psycopg2 connection, dict": lambda url: Driver(
            _psycopg2(url, cursor_factory=psycopg2.extras.RealDictCursor)
        ),
        "psycopg2 cursor": lambda url: Driver(_psycopg2(url), _cursor),
        "Django cursor": Django,
        "Django cursor, DEBUG": lambda url: Django(url, debug=True),
    },
}
KINDS = [(database, kind) for database, openers in OPENERS.items() for kind in openers]


def _on(url: URL, driver: str) -> URL:
    return url.set(drivername=_ASYNC[driver])


def open_host(database: str, kind: str, url: str) -> Host:
    return OPENERS[database][kind](make_url(url))


class Statements:
    """Counts what reaches the database from one host: by SQLite's own trace, or PostgreSQL's own log."""

    def __init__(self, host: Host, server: Postgres | None) -> None:
        self._host, self._server = host, server
        self._seen: list[str] = []

    def __enter__(self) -> list[str]:
        if self._server is None:
            self._host.trace(self._seen.append)
        else:
            self._pid = self._host.value("SELECT pg_backend_pid() AS value")
            self._host.run("SET LOCAL log_statement = 'all'")
            self._from = len(self._server.log())
        return self._seen

    def __exit__(self, *_: object) -> None:
        if self._server is None:
            self._host.trace(None)
            return
        logged = self._server.log()[self._from :]
        line = re.compile(rf"\[{self._pid}\] LOG:  (?:statement|execute [^:]*): (.*)")
        self._seen += line.findall(logged)
