"""Where the caller's data is in another database: the outbox beside it, with ids that the caller mints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from clarion import Clarion, Conflict, NotMigrated
from clarion.event import EventFields
from clarion.store import migrate
from clarion.store.schema import outbox
from tests.emit.conftest import TYPE
from tests.emit.hosts import KINDS, Host, open_host

HALF: list[tuple[str, str]] = [(d, k) for d, k in KINDS if k in ("SQLAlchemy connection", "aiosqlite session", "asyncpg session", "sqlite3 connection", "psycopg connection", "psycopg2 cursor", "Django cursor")]  # fmt: skip

pytestmark = pytest.mark.parametrize(("database", "kind"), HALF, indirect=["database"])


@pytest.fixture
def elsewhere(tmp_path: Any) -> Iterator[Clarion]:
    """Clarion, whose own database is not the application's; it need not even be reachable."""
    app = Clarion(f"sqlite:///{tmp_path / 'not made yet' / 'clarion.db'}")
    app.type(TYPE)
    yield app
    app.close()


@pytest.fixture
def shop(database: str, kind: str, empty_database_url: str) -> Iterator[Host]:
    """The application, with an outbox in its database."""
    migrate.create_outbox(empty_database_url)
    host = open_host(database, kind, empty_database_url)
    yield host
    host.close()


@pytest.fixture
def waiting(empty_database_url: str) -> Iterator[Callable[[], list[Any]]]:
    engine = sa.create_engine(empty_database_url)

    def rows() -> list[Any]:
        with engine.connect() as conn:
            return list(conn.execute(sa.select(outbox).order_by(outbox.c.id)).all())

    yield rows
    engine.dispose()


def test_it_is_written_with_the_caller_s_transaction(
    shop: Host, elsewhere: Clarion, waiting: Callable[[], list[Any]]
) -> None:
    shop.begin()
    shop.emit(elsewhere, TYPE, key="lost", outbox=True)
    shop.rollback()
    assert waiting() == []
    shop.begin()
    id = shop.emit(elsewhere, TYPE, key="kept", data={"n": 1}, to=["bob"], outbox=True)
    shop.commit()
    (row,) = waiting()
    assert type(id) is UUID
    assert id.version == 7
    assert (row.id, row.key, row.data, row.to) == (id, "kept", {"n": 1}, [["direct", ["bob"]]])


def test_a_key_stands_for_one_event_there_too(
    shop: Host, elsewhere: Clarion, waiting: Callable[[], list[Any]]
) -> None:
    shop.begin()
    first = shop.emit(elsewhere, TYPE, key="k", outbox=True)
    assert shop.emit(elsewhere, TYPE, key="k", outbox=True) == first
    batch: list[tuple[str, EventFields]] = [(TYPE, {"key": "k"}), (TYPE, {"key": "l"}), (TYPE, {})]
    ids = shop.emit_many(elsewhere, batch, outbox=True)
    with pytest.raises(Conflict):
        shop.emit_many(elsewhere, [(TYPE, {"key": "m"}), (TYPE, {"key": "k", "subject": "s"})], outbox=True)
    shop.commit()
    assert ids[0] == first
    assert {row.id for row in waiting()} == set(ids)


def test_the_outbox_may_be_created_again(
    shop: Host, elsewhere: Clarion, empty_database_url: str, waiting: Callable[[], list[Any]]
) -> None:
    shop.begin()
    shop.emit(elsewhere, TYPE, outbox=True)
    shop.commit()
    migrate.create_outbox(empty_database_url)
    assert len(waiting()) == 1


def test_the_events_table_is_not_there(shop: Host, elsewhere: Clarion) -> None:
    shop.begin()
    with pytest.raises(NotMigrated, match="clarion_events"):
        shop.emit(elsewhere, TYPE)
    shop.rollback()


def test_without_an_outbox_it_says_how_to_make_one(
    elsewhere: Clarion, database: str, kind: str, database_url: str
) -> None:
    host = open_host(database, kind, database_url)
    try:
        host.begin()
        with pytest.raises(NotMigrated, match="run `clarion migrate --outbox`"):
            host.emit(elsewhere, TYPE, outbox=True)
    finally:
        host.rollback()
        host.close()
