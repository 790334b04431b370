from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion
from clarion.store.schema import events, outbox
from tests.emit.hosts import Host, Statements, open_host

TYPE = "cl.merged"


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


def outbox_rows(conn: sa.Connection) -> list[Any]:
    return list(conn.execute(sa.select(outbox).order_by(outbox.c.emitted_at, outbox.c.id)).all())
