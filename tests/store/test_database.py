"""Our own transactions: run again, whole, when the database says that they collided (F4)."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url

from clarion import ConfigError
from clarion.store.database import TRIES, Database

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def impatient(database: str, database_url: str) -> Iterator[Database]:
    """On SQLite it does not wait for a lock, so that a collision is seen at once."""
    opened = Database(database_url)
    if database == "sqlite":
        sa.event.listen(opened.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 0"))
    with opened.engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE numbers (n INTEGER)"))
    yield opened
    opened.close()


def put(conn: Connection) -> int:
    conn.execute(sa.text("INSERT INTO numbers VALUES (1)"))
    return 1


def count(database: Database) -> int:
    return database.read(lambda conn: int(conn.execute(sa.text("SELECT count(*) FROM numbers")).scalar_one()))


class Collisions(logging.Handler):
    """Lets a test wait until a transaction has collided."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seen = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.set()


@pytest.fixture
def collisions() -> Iterator[Collisions]:
    log, handler = logging.getLogger("clarion.store.database"), Collisions()
    log.addHandler(handler)
    before = log.level
    log.setLevel(logging.DEBUG)
    yield handler
    log.setLevel(before)
    log.removeHandler(handler)


@on_sqlite
def test_busy_is_tried_again_until_it_is_free(
    impatient: Database, database_url: str, collisions: Collisions
) -> None:
    results: list[int] = []
    path = str(make_url(database_url).database)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer = threading.Thread(target=lambda: results.append(impatient.run(put)))
        writer.start()
        assert collisions.seen.wait(30)
        assert count(impatient) == 0, "reading waits for no writer"
        other.execute("ROLLBACK")
        writer.join(30)
    assert results == [1]
    assert count(impatient) == 1


@on_sqlite
def test_busy_for_ever_is_an_error_in_the_end(
    impatient: Database, database_url: str, collisions: Collisions
) -> None:
    path = str(make_url(database_url).database)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sa.exc.OperationalError, match="locked"):
            impatient.run(put)
        other.execute("ROLLBACK")
    assert count(impatient) == 0


@on_postgresql
def test_a_deadlock_is_run_again(impatient: Database) -> None:
    with impatient.engine.begin() as conn:
        conn.execute(sa.text("INSERT INTO numbers VALUES (1), (2)"))
    both = threading.Barrier(2)
    runs: list[int] = []

    def crosswise(first: int) -> None:
        def work(conn: Connection) -> None:
            runs.append(first)
            again = runs.count(first) > 1
            change = sa.text("UPDATE numbers SET n = n WHERE n = :n")
            conn.execute(sa.text("SET LOCAL deadlock_timeout = '50ms'"))
            conn.execute(change, {"n": first})
            if not again:
                both.wait(30)
            conn.execute(change, {"n": 3 - first})

        impatient.run(work)

    threads = [threading.Thread(target=crosswise, args=(n,)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert len(runs) == 3, "one of them was the victim, and was run once more"


@on_postgresql
def test_a_collision_that_never_ends_is_an_error(impatient: Database) -> None:
    runs: list[int] = []

    def collide(conn: Connection) -> None:
        runs.append(1)
        conn.execute(sa.text("DO $$ BEGIN RAISE EXCEPTION 'always' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(sa.exc.OperationalError) as raised:
        impatient.run(collide)
    assert isinstance(raised.value.orig, psycopg.errors.SerializationFailure)
    assert len(runs) == TRIES


def test_an_error_of_one_s_own_is_not_tried_again_and_leaves_nothing(impatient: Database) -> None:
    runs: list[int] = []

    def fail(conn: Connection) -> None:
        runs.append(put(conn))
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        impatient.run(fail)
    with pytest.raises(sa.exc.DBAPIError):
        impatient.run(lambda conn: conn.execute(sa.text("SELECT nothing FROM nowhere")))
    assert runs == [1]
    assert count(impatient) == 0


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="cannot be shared with workers; name a file"):
        Database(url)


@pytest.mark.parametrize("url", ["mysql://u:secret@host/name", "postgresql+asyncpg://u:secret@host/name"])
def test_another_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="use sqlite:///file") as raised:
        Database(url)
    assert "secret" not in str(raised.value)


@on_sqlite
def test_what_is_committed_is_on_the_disk(impatient: Database) -> None:
    settings = impatient.read(
        lambda conn: [
            conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        ]
    )
    assert settings == ["wal", 2]


def test_a_look_up_sees_at_each_statement_what_is_committed_then(database: str, database_url: str) -> None:
    """On SQLite, what was committed when it began; on neither does it hold up a writer."""
    opened = Database(database_url)
    opened.run(lambda conn: conn.execute(sa.text("CREATE TABLE numbers (n INTEGER)")))

    def twice(conn: Connection) -> tuple[int, int]:
        number = sa.text("SELECT count(*) FROM numbers")
        before = conn.execute(number).scalar_one()
        opened.run(put)
        return before, conn.execute(number).scalar_one()

    assert opened.look_up(twice) == (0, 1 if database == "postgresql" else 0)
    assert count(opened) == 1
    opened.run(put)
    assert count(opened) == 2, "a connection that looked up is given back as it was"
    opened.close()


def test_an_engine_that_is_put_in_place_of_its_own_is_used_for_all(database_url: str, tmp_path: Path) -> None:
    opened, other = Database(database_url), Database(f"sqlite:///{tmp_path / 'other.db'}")
    other.run(lambda conn: conn.execute(sa.text("CREATE TABLE numbers (n INTEGER)")))
    opened.engine.dispose()
    opened.engine = other.engine
    opened.run(put)
    number = sa.text("SELECT count(*) FROM numbers")
    assert (
        opened.look_up(lambda conn: conn.execute(number).scalar_one()) == count(opened) == count(other) == 1
    )
    opened.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://u:secret@h/x", "postgresql://u:***@h/x"),
        (
            "postgresql://u@h/x?sslpassword=secret&sslmode=require",
            "postgresql://u@h/x?sslmode=require&sslpassword=***",
        ),
        ("postgresql://u:sec%40ret@h/x?password=secret", "postgresql://u:***@h/x?password=***"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    database = Database(url)
    assert database.shown_url == shown
    database.close()


@pytest.mark.parametrize("url", ["postgresql://u:p@secret@h/x", "oracle://u@h/x?password=secret"])
def test_a_refusal_shows_no_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Database(url)
    assert "secret" not in str(caught.value)


def test_transactions_together_are_one(impatient: Database) -> None:
    def work(fails: bool) -> int:
        impatient.run(put)
        seen = count(impatient)  # what it wrote itself, before it is committed
        impatient.run(put)
        if fails:
            raise RuntimeError
        return seen

    with pytest.raises(RuntimeError):
        impatient.together(lambda: work(fails=True))
    assert count(impatient) == 0, "nothing of it came about"
    assert impatient.together(lambda: work(fails=False)) == 1
    assert count(impatient) == 2
    impatient.run(put)
    assert count(impatient) == 3, "one for itself again"

    def within() -> None:
        impatient.together(lambda: impatient.run(put))
        impatient.run(put)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        impatient.together(within)
    assert count(impatient) == 3
