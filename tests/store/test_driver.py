"""What the driver is asked directly looks from outside as if SQLAlchemy had done it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from clarion.store import driver
from clarion.store.database import Database
from clarion.store.schema import meters
from tests.store.make import LONG_AGO


def test_rows_come_as_the_driver_reads_them(db: Database) -> None:
    assert db.read(lambda conn: driver.fetch(conn, "SELECT 1, 'a' UNION ALL SELECT 2, 'b'", ())) == [
        (1, "a"),
        (2, "b"),
    ]


def test_it_is_part_of_the_transaction(db: Database) -> None:
    row = sa.insert(meters).values(channel="email", lane="a", spent_until=LONG_AGO)
    db.run(lambda conn: conn.execute(row))

    def remove_and_fail(conn: sa.Connection) -> None:
        assert driver.fetch(conn, "DELETE FROM clarion_meters RETURNING channel", ()) == [("email",)]
        raise LookupError

    with pytest.raises(LookupError):
        db.run(remove_and_fail)
    assert db.read(lambda conn: driver.fetch(conn, "SELECT channel FROM clarion_meters", ())) == [("email",)]


def test_its_errors_are_those_of_sqlalchemy(db: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="clarion_nothing") as raised:
        db.read(lambda conn: driver.fetch(conn, "SELECT * FROM clarion_nothing", ()))
    assert raised.value.statement == "SELECT * FROM clarion_nothing"
    assert not raised.value.connection_invalidated


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_that_was_lost_is_known_by_it(db: Database) -> None:
    def end_myself(conn: sa.Connection) -> None:
        driver.fetch(conn, "SELECT pg_terminate_backend(pg_backend_pid())", ())

    with pytest.raises(sa.exc.OperationalError) as raised:
        db.read(end_myself)
    assert raised.value.connection_invalidated
    assert db.read(lambda conn: driver.fetch(conn, "SELECT 1", ())) == [(1,)]


def test_whoever_listens_hears_it(db: Database) -> None:
    heard = []

    def listen(_c: object, _cursor: object, statement: str, *_: object) -> None:
        heard.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", listen)
    try:
        assert db.read(lambda conn: driver.fetch(conn, "SELECT 1", ())) == [(1,)]
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", listen)
    assert "SELECT 1" in heard


def test_in_a_transaction_of_which_nobody_hears_it_may_be_asked(db: Database) -> None:
    with db.engine.connect() as conn:
        assert not driver.unheard(conn)  # SQLAlchemy has begun none: nobody would commit it
        with conn.begin():
            assert driver.unheard(conn)
            assert not driver.unheard(conn.execution_options(schema_translate_map={None: "elsewhere"}))


@pytest.mark.parametrize("name", ["before_execute", "after_cursor_execute"])
def test_where_somebody_listens_it_may_not(db: Database, name: str) -> None:
    def listen(*_: object) -> None: ...

    sa.event.listen(db.engine, name, listen)
    try:
        assert not db.run(driver.unheard)
    finally:
        sa.event.remove(db.engine, name, listen)
    assert db.run(driver.unheard)


def test_a_transaction_that_was_lost_says_so(db: Database) -> None:
    with db.engine.connect() as conn:
        transaction = conn.begin()
        conn.invalidate()
        with pytest.raises(sa.exc.PendingRollbackError):
            driver.fetch(conn, "SELECT 1", ())
        transaction.rollback()
        assert driver.fetch(conn, "SELECT 1", ()) == [(1,)]
