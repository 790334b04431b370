"""Clarion's own connection to its database: how it is opened, and how a transaction is run."""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from clarion.errors import ConfigError
from clarion.secret import masked
from clarion.store import dialect, listening
from clarion.store.listening import Heard, Stop
from clarion.store.waker import Waker

log = logging.getLogger(__name__)

Result = TypeVar("Result")

TRIES = 8
FEEDS_DELIVERIES = "clarion_feeds_deliveries"  # of a connection: see `changes`
_BUSY_TIMEOUT = 5.0
_CONNECT_TIMEOUT = 10


class Database:
    """An engine whose transactions are retried, whole, when the database says that they collided."""

    def __init__(
        self, url: str | URL, *, pool: int = 3, feed_deliveries: bool = False, wakeups: bool = True
    ) -> None:
        """`wakeups`: say to other processes when something is due, and hear it from them."""
        self.url = _normal(url)
        self._wakeups = wakeups
        self._options: dict[str, Any] = {FEEDS_DELIVERIES: True} if feed_deliveries else {}
        self._joined = threading.local()
        self.engine = _engine(self.url, pool)

    @property
    def engine(self) -> Engine:
        return self._engine

    @engine.setter
    def engine(self, engine: Engine) -> None:
        alone = {"isolation_level": "AUTOCOMMIT"} if engine.dialect.name == "postgresql" else {}
        self._engine = engine
        self._writing = engine.execution_options(**self._options)
        self._reading = engine.execution_options(clarion_reads=True, postgresql_readonly=True)
        self._looking = engine.execution_options(clarion_reads=True, **alone)
        self.waker = Waker(self._connect if alone and self._wakeups else None)

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """`work` in one transaction, committed when it returns. It may be run more than once."""
        return self._again(work, self._writing)

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """`work` in a transaction that only reads, and so waits for no writer; PostgreSQL sees to it."""
        return self._again(work, self._reading)

    def look_up(self, work: Callable[[Connection], Result]) -> Result:
        """`work` that only reads, where PostgreSQL need not be told of a transaction that would change nothing: each
        statement sees what is committed when it begins, as it does in one."""
        return self._again(work, self._looking)

    def together(self, work: Callable[[], Result]) -> Result:
        """`work`, all of whose transactions on this database are one: they come about together, or not at all."""

        if getattr(self._joined, "conn", None) is not None:  # in one already
            return work()

        def join(conn: Connection) -> Result:
            self._joined.conn = conn
            try:
                return work()
            finally:
                self._joined.conn = None

        return self._again(join, self._writing)

    def _again(self, work: Callable[[Connection], Result], engine: Engine) -> Result:
        joined: Connection | None = getattr(self._joined, "conn", None)
        if joined is not None:
            return work(joined)
        for left in reversed(range(TRIES)):
            try:
                with engine.begin() as conn:
                    return work(conn)
            except sa.exc.DBAPIError as error:
                if not left or not dialect.worth_retrying(error):
                    raise
                log.debug("transaction collided (%s), again", type(error.orig).__name__)
                time.sleep(random.uniform(0.001, 0.01 * 2 ** (TRIES - left)))  # noqa: S311 - spreads, hides nothing
        raise AssertionError("unreachable")

    def listen(self, heard: Heard, stop: Stop) -> None:
        """Hear what becomes due by other processes; blocks until it is to stop, or at once where it is not wanted."""
        if not self._wakeups:
            return
        if self.engine.dialect.name == "postgresql":
            listening.listen(self._connect, self.waker.name, heard, stop)
        else:
            listening.watch(str(self.url.database), heard, stop)

    def _connect(self) -> Any:
        """A connection to PostgreSQL besides the pool's, which commits each statement."""
        arguments, options = self.engine.dialect.create_connect_args(self.url)
        options = {"connect_timeout": _CONNECT_TIMEOUT, **options, "autocommit": True}
        return self.engine.dialect.connect(*arguments, **options)

    @property
    def shown_url(self) -> str:
        """Without any password, and without the driver, which is our choice."""
        return _shown(self.url)

    def close(self) -> None:
        self.waker.close()
        self.engine.dispose()


def _shown(url: URL) -> str:
    return masked(url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False))


def _normal(url: str | URL) -> URL:
    parsed = sa.make_url(url)
    if "@" in (parsed.host or ""):  # what stands before it is the rest of a password, and not to be shown
        raise ConfigError(
            "there is an @ in the name of the database's host; write %40 for an @ in a password"
        )
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return parsed.set(drivername="sqlite+pysqlite")
        case "postgres" | "postgresql" | "postgresql+psycopg":
            return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError(
        f"database {masked(parsed.render_as_string(hide_password=False))!r}: use sqlite:///file.db or postgresql://user@host/name"
    )


def _engine(url: URL, pool: int) -> Engine:
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url, pool_size=pool, max_overflow=2, pool_pre_ping=False)
    if url.database in (None, "", ":memory:"):
        raise ConfigError("an in-memory SQLite database cannot be shared with workers; name a file")
    engine = sa.create_engine(
        url,
        pool_size=pool,
        max_overflow=2,
        connect_args={"timeout": _BUSY_TIMEOUT, "check_same_thread": False},
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536", "temp_store = MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(conn: Connection) -> None:
    """Writers begin IMMEDIATE: a deferred transaction that has read cannot be upgraded beside another writer."""
    reads = conn.get_execution_options().get("clarion_reads", False)
    conn.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
