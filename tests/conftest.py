"""Databases for tests: each test that asks for one runs on SQLite and on PostgreSQL, with a fresh copy."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from clarion import clock
from tests.support.lent import Lent
from tests.support.postgres import FAST, Postgres
from tests.support.postgres_binaries import NoBinaries

DATABASES = ("sqlite", "postgresql")
# What has the slowest modules goes first: all wait for the last one.
SLOWEST = ("browser", "stories", "demo", "workers", "emit", "storm", "cli", "web")
_numbers = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=DATABASES, help="run database tests on this one only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _rank(item.path))
    wanted = config.getoption("--database")
    if not wanted:
        return
    others = [item for item in items if _database_of(item) not in {None, wanted}]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if _database_of(item) in {None, wanted}]


def _rank(path: Path) -> int:
    folder = path.relative_to(Path(__file__).parent).parts[0]
    return SLOWEST.index(folder) if folder in SLOWEST else len(SLOWEST)


def _database_of(item: pytest.Item) -> object:
    if "postgres" in getattr(item, "fixturenames", ()):
        return "postgresql"
    call = getattr(item, "callspec", None)
    return call.params.get("database") if call else None


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def travel() -> Iterator[Callable[[timedelta], None]]:
    """Moves the clock of this process; the test over, it is back."""
    yield clock.travel
    clock.travel(-clock.journey())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL of this test process. Crash tests make their own: `Postgres(FAST)`."""
    try:
        server = Postgres(FAST)
    except NoBinaries as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI runs every test: {missing}", pytrace=False)
        pytest.skip(str(missing))
    with server:
        yield server


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """The name of the database product. Asking for it runs a test once for each."""
    return str(request.param)


@pytest.fixture
def empty_database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it."""
    if database == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        name = f"empty_{next(_numbers)}"
        yield server.create_database(name)
        server.drop_database(name)


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with the tables of Clarion, and no rows."""
    if database == "sqlite":
        path = tmp_path / "clarion.db"
        copy_sqlite(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
    else:
        lent: Lent = request.getfixturevalue("lent_postgres")
        yield lent.lend()
        lent.take_back()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy from; nobody writes to it."""
    from clarion.store.migrate import upgrade

    path = tmp_path_factory.mktemp("migrated") / "clarion.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> str:
    """The URL of a migrated database to copy from; nobody connects to it."""
    from clarion.store.migrate import upgrade

    url = postgres.create_database("migrated")
    upgrade(url)
    return url


@pytest.fixture(scope="session")
def lent_postgres(postgres: Postgres, migrated_postgres: str) -> Lent:
    return Lent(postgres, str(make_url(migrated_postgres).database))


def copy_sqlite(source: Path, target: Path) -> None:
    """By the backup API, which also sees what is still in the write-ahead log."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
