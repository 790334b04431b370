from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from clarion import Clarion
from clarion.store.schema import events, withdrawals
from tests.conftest import copy_sqlite
from tests.emit.hosts import Host, Statements, open_host
from tests.support.postgres import Postgres

TYPE = "cl.merged"


@pytest.fixture(scope="module")
def shared_sqlite(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("emit") / "clarion.db"
    copy_sqlite(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def shared_postgresql(postgres: Postgres, migrated_postgres: str) -> Iterator[str]:
    name = f"emit_{uuid4().hex}"
    yield postgres.create_database(name, str(make_url(migrated_postgres).database))
    postgres.drop_database(name)


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest) -> str:
    """One database for all tests of a module, emptied: there are hundreds, and a database each takes its time."""
    url: str = request.getfixturevalue(f"shared_{database}")
    engine = sa.create_engine(url)
    with engine.begin() as conn:
        conn.execute(sa.delete(events))
        conn.execute(sa.delete(withdrawals))
        conn.execute(sa.text("DROP TABLE IF EXISTS orders"))
    engine.dispose()
    return url


@pytest.fixture
def clarion(database_url: str) -> Iterator[Clarion]:
    """An application that declares one type of event, on a database where it has a table of its own."""
    app = Clarion(database_url)
    app.type(TYPE, channels=("inbox", "email"))
    with app.database.engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE orders (name TEXT)"))
    yield app
    app.close()


@pytest.fixture
def kind() -> str:
    """Which host; tests name it by parameter."""
    return "SQLAlchemy connection"


@pytest.fixture
def host(database: str, kind: str, database_url: str, clarion: Clarion) -> Iterator[Host]:
    opened = open_host(database, kind, database_url)
    yield opened
    opened.close()


@pytest.fixture
def another(database: str, kind: str, database_url: str, clarion: Clarion) -> Iterator[Host]:
    """A second connection of the same application."""
    opened = open_host(database, "SQLAlchemy connection", database_url)
    yield opened
    opened.close()


@pytest.fixture
def statements(database: str, host: Host, request: pytest.FixtureRequest) -> Statements:
    server = request.getfixturevalue("postgres") if database == "postgresql" else None
    return Statements(host, server)


@pytest.fixture
def stored(clarion: Clarion) -> Callable[[], list[Any]]:
    """The events that are committed, oldest first, as another connection sees them."""
    return lambda: clarion.database.read(
        lambda conn: list(conn.execute(sa.select(events).order_by(events.c.emitted_at, events.c.id)).all())
    )


@pytest.fixture
def orders(clarion: Clarion) -> Callable[[], list[str]]:
    """What the application itself has committed."""
    return lambda: clarion.database.read(
        lambda conn: list(conn.execute(sa.text("SELECT name FROM orders ORDER BY name")).scalars())
    )
