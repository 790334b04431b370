from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from clarion.store.commits import after_commit


class Heard:
    """How often it was called, and what was committed by then, as another connection sees it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.seen: list[int] = []

    def __call__(self) -> None:
        with self._engine.connect() as other:
            self.seen.append(other.execute(sa.text("SELECT count(*) FROM orders")).scalar_one())


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[sa.Engine]:
    made = sa.create_engine(make_url(empty_database_url).set(drivername=_driver(empty_database_url)))
    with made.begin() as conn:
        conn.execute(sa.text("CREATE TABLE orders (name TEXT)"))
    yield made
    made.dispose()


@pytest.fixture
def heard(engine: sa.Engine) -> Heard:
    return Heard(engine)


def _driver(url: str) -> str:
    return "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"


ORDER = sa.text("INSERT INTO orders VALUES ('a')")


def test_it_is_called_once_when_there_is_something_to_see(engine: sa.Engine, heard: Heard) -> None:
    with engine.connect() as conn:
        conn.execute(ORDER)
        after_commit(conn, heard)
        after_commit(conn, heard)
        assert heard.seen == []
        conn.commit()
        assert heard.seen == [1]
        conn.execute(ORDER)
        conn.commit()
    assert heard.seen == [1]


def test_of_a_session(engine: sa.Engine, heard: Heard) -> None:
    with Session(engine) as session, session.begin():
        session.execute(ORDER)
        with session.begin_nested():
            after_commit(session, heard)
        assert heard.seen == []
    assert heard.seen == [1]


def test_what_is_rolled_back_is_not_told(engine: sa.Engine, heard: Heard) -> None:
    with engine.connect() as conn:
        conn.execute(ORDER)
        after_commit(conn, heard)
        conn.rollback()
    assert heard.seen == []


def test_two_callers_on_one_engine(engine: sa.Engine, heard: Heard) -> None:
    other = Heard(engine)
    with engine.connect() as one, engine.connect() as two:
        for conn, then in ((one, heard), (two, other)):
            conn.execute(sa.text("SELECT 1"))
            after_commit(conn, then)
        one.commit()
        assert (heard.seen, other.seen) == ([0], [])
        two.commit()
        assert other.seen == [0]


def test_what_it_raises_is_kept_from_the_host(engine: sa.Engine) -> None:
    def fails() -> None:
        raise RuntimeError("not the host's business")

    with engine.begin() as conn:
        conn.execute(ORDER)
        after_commit(conn, fails)
    with engine.connect() as conn:
        assert conn.execute(sa.text("SELECT count(*) FROM orders")).scalar_one() == 1


def test_a_driver_that_commits_each_statement(engine: sa.Engine, heard: Heard) -> None:
    """Of another transaction of a driver's nobody says when it is committed."""
    raw = engine.raw_connection()
    conn = raw.driver_connection
    assert conn is not None
    conn.execute("INSERT INTO orders VALUES ('a')")
    after_commit(conn, heard)
    after_commit(conn.cursor(), heard)
    assert heard.seen == []
    conn.commit()
    assert heard.seen == []
    if isinstance(conn, psycopg.Connection):
        conn.autocommit = True
    else:
        conn.isolation_level = None
    conn.execute("INSERT INTO orders VALUES ('b')")
    after_commit(conn, heard)
    after_commit(conn.cursor(), heard)
    assert heard.seen == [2, 2]
    raw.invalidate()


def test_what_is_no_connection_is_passed_over(heard: Heard) -> None:
    after_commit(object(), heard)
    assert heard.seen == []
