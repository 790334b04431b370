"""F4: an application on SQLite beside another writer. Nothing is lost; what it must change is said."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from clarion import Clarion, HostTransaction
from tests.emit.conftest import TYPE
from tests.emit.hosts import ALIAS, Django, Driver, Host, SqlAlchemy

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def sqlalchemy(url: str, begin: str) -> Host:
    host = SqlAlchemy(make_url(url), _not_connected)
    sa.event.listen(host.engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
    sa.event.listen(host.engine, "begin", lambda conn: conn.exec_driver_sql(begin))
    host.conn = host.engine.connect()
    return host


def _not_connected(_engine: sa.Engine) -> Any:
    return None


def driver(url: str, begin: str) -> Host:
    return Driver(sqlite3.connect(str(make_url(url).database), isolation_level=None), begin=begin)


def django(url: str, begin: str) -> Host:
    host = Django(make_url(url))
    host.wrapper.transaction_mode = begin.partition(" ")[2] or None
    return host


@pytest.fixture(params=[sqlalchemy, driver, django], ids=["SQLAlchemy", "sqlite3", "Django"])
def opened(
    request: pytest.FixtureRequest, clarion: Clarion, database_url: str
) -> Iterator[Callable[[str], Host]]:
    hosts: list[Host] = []

    def open_with(begin: str) -> Host:
        hosts.append(request.param(database_url, begin))
        return hosts[-1]

    yield open_with
    for host in hosts:
        host.close()


@pytest.fixture
def writer(clarion: Clarion, database_url: str) -> Iterator[Callable[[str], None]]:
    """Another application, which writes and commits at once."""
    with closing(sqlite3.connect(str(make_url(database_url).database))) as connection:

        def write(name: str) -> None:
            with connection:
                connection.execute("INSERT INTO orders VALUES (?)", (name,))

        yield write


def test_a_deferred_transaction_that_has_read_is_told_how_to_begin(
    opened: Callable[[str], Host],
    writer: Callable[[str], None],
    clarion: Clarion,
    stored: Callable[[], list[Any]],
    orders: Callable[[], list[str]],
) -> None:
    host = opened("BEGIN")
    host.begin()
    assert host.value("SELECT count(*) FROM orders") == 0
    writer("meanwhile")
    with pytest.raises(HostTransaction, match=r"BEGIN IMMEDIATE.*roll this one back and run it again"):
        host.emit(clarion, TYPE, key="k")
    host.rollback()
    assert (orders(), stored()) == (["meanwhile"], [])
    host.begin()
    id = host.emit(clarion, TYPE, key="k")
    host.commit()
    assert [row.id for row in stored()] == [id]


def test_an_immediate_transaction_that_has_read_emits(
    opened: Callable[[str], Host], clarion: Clarion, stored: Callable[[], list[Any]]
) -> None:
    host = opened("BEGIN IMMEDIATE")
    host.begin()
    assert host.value("SELECT count(*) FROM orders") == 0
    id = host.emit(clarion, TYPE, key="k")
    host.run("INSERT INTO orders VALUES ('mine')")
    host.commit()
    assert [row.id for row in stored()] == [id]


def test_one_that_waited_in_vain_is_told_so(
    clarion: Clarion, database_url: str, stored: Callable[[], list[Any]]
) -> None:
    path = str(make_url(database_url).database)
    with closing(sqlite3.connect(path, timeout=0)) as host, closing(sqlite3.connect(path)) as writer:
        writer.execute("INSERT INTO orders VALUES ('slow')")
        with pytest.raises(HostTransaction, match="another connection wrote for longer than this one waits"):
            clarion.emit(host, TYPE)
        writer.commit()
        id = clarion.emit(host, TYPE)
        host.commit()
    assert [row.id for row in stored()] == [id]


def test_a_rollback_journal_instead_of_a_write_ahead_log_will_do(tmp_path: Path) -> None:
    """The outbox of an application that never heard of WAL."""
    from clarion.store import migrate

    url = f"sqlite:///{tmp_path / 'app.db'}"
    migrate.create_outbox(url)
    app = Clarion(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    app.type(TYPE)
    with closing(sqlite3.connect(tmp_path / "app.db")) as host:
        host.execute("PRAGMA journal_mode = DELETE")
        host.execute("BEGIN")
        app.emit(host, TYPE, key="k", outbox=True)
        host.commit()
        assert host.execute("SELECT count(*) FROM clarion_outbox").fetchone() == (1,)
    app.close()


def test_the_alias_of_django_is_free_again() -> None:
    """The fixtures of this folder leave nothing behind for the next test."""
    from django.db import connections

    assert ALIAS not in connections.databases
