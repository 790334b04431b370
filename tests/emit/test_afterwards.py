"""Resolving, withdrawing, cancelling and moving in the transaction of every kind of application."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from clarion import Clarion, HostTransaction, InvalidInput, NotMigrated
from clarion.store.schema import events, withdrawals
from tests.emit.conftest import TYPE
from tests.emit.hosts import Host, Statements, open_host
from tests.emit.test_hosts import HARD, on_every_host

TOMORROW = datetime.now(UTC) + timedelta(days=1)
Written = Callable[[], list[tuple[Any, ...]]]


@pytest.fixture
def written(clarion: Clarion) -> Written:
    """The withdrawals that are committed, as another connection sees them."""
    w = withdrawals.c
    chosen = sa.select(w.tenant, w.event_id, w.subject, w.condition, w.recipient).order_by(w.id)
    return lambda: [tuple(row) for row in clarion.database.read(lambda conn: conn.execute(chosen).all())]


def take_back(host: Host, clarion: Clarion, event: UUID) -> None:
    """Each of them once."""
    host.wait(clarion.resolve(host.conn, HARD, tenant=HARD))
    host.wait(clarion.withdraw(host.conn, HARD))
    host.wait(clarion.withdraw(host.conn, HARD, HARD))
    host.wait(clarion.cancel(host.conn, event))


@on_every_host
def test_with_the_transaction_or_not_at_all(host: Host, clarion: Clarion, written: Written) -> None:
    host.begin()
    event = host.emit(clarion, TYPE)
    take_back(host, clarion, event)
    assert written() == []
    host.rollback()
    assert written() == []

    host.begin()
    event = host.emit(clarion, TYPE)
    take_back(host, clarion, event)
    host.commit()
    assert written() == [
        (HARD, None, None, HARD, None),
        ("default", None, HARD, None, None),
        ("default", None, HARD, None, HARD),
        ("default", event, None, None, None),
    ]


@on_every_host
def test_one_statement_each(host: Host, clarion: Clarion, statements: Statements) -> None:
    host.begin()
    event = host.emit(clarion, TYPE, at=TOMORROW)
    for _ in range(2):  # from the second on: on its first, asyncpg asks what the types are
        with statements as traced:
            traced.clear()
            host.wait(clarion.move(host.conn, event, TOMORROW))
            take_back(host, clarion, host.emit(clarion, TYPE))
    seen = [one for one in traced if not one.startswith("SELECT QUOTE(")]  # Django's DEBUG log
    assert [one.split()[0] for one in seen] == ["UPDATE", "INSERT", "INSERT", "INSERT", "INSERT", "INSERT"]
    host.rollback()


@on_every_host
def test_moving_an_event(host: Host, clarion: Clarion, stored: Callable[[], list[Any]]) -> None:
    host.begin()
    event = host.emit(clarion, TYPE, at=TOMORROW)
    host.wait(clarion.move(host.conn, event, TOMORROW + timedelta(days=2)))
    host.commit()
    (row,) = stored()
    assert row.at == row.due_at == TOMORROW + timedelta(days=2)

    host.begin()
    host.wait(clarion.move(host.conn, event, TOMORROW))
    host.rollback()
    assert stored()[0].due_at == TOMORROW + timedelta(days=2)


def test_it_is_moved_to_any_time_that_has_passed(clarion: Clarion, stored: Callable[[], list[Any]]) -> None:
    event = clarion.database.run(lambda conn: clarion.emit(conn, TYPE, at=TOMORROW))
    first = datetime(1, 1, 1, tzinfo=UTC)
    clarion.database.run(lambda conn: clarion.move(conn, event, first))
    assert stored()[0].due_at == first


@on_every_host
def test_what_there_is_not_is_refused_and_the_transaction_alive(
    host: Host, clarion: Clarion, written: Written, orders: Callable[[], list[str]]
) -> None:
    nothing = UUID(int=7)
    host.begin()
    with pytest.raises(InvalidInput, match=rf"there is no event {nothing} in tenant 'default'"):
        host.wait(clarion.cancel(host.conn, nothing))
    with pytest.raises(InvalidInput, match=rf"there is no event {nothing} in tenant 'default'"):
        host.wait(clarion.move(host.conn, nothing, TOMORROW))
    event = host.emit(clarion, TYPE, tenant="acme")
    with pytest.raises(InvalidInput, match="there is no event"):
        host.wait(clarion.cancel(host.conn, event))
    host.run("INSERT INTO orders VALUES ('alive')")
    host.commit()
    assert (written(), orders()) == ([], ["alive"])


REASONS = {
    "its time has come already": {},
    "it was cancelled": {"at": TOMORROW},
    "more than 25 days after it was emitted": {"at": TOMORROW},
    "it expires before": {"at": TOMORROW, "expires_at": TOMORROW + timedelta(hours=1)},
}


@on_every_host
@pytest.mark.parametrize("why", REASONS)
def test_what_cannot_be_moved_says_why(host: Host, clarion: Clarion, why: str) -> None:
    host.begin()
    event = host.emit(clarion, TYPE, **REASONS[why])
    if why == "it was cancelled":
        host.wait(clarion.cancel(host.conn, event))
    host.commit()
    long_ago = datetime.now(UTC) - timedelta(days=24)
    changed: dict[str, dict[str, Any]] = {
        "its time has come already": {"walks": 1},
        "more than 25 days after it was emitted": {"emitted_at": long_ago},
    }
    if why in changed:
        clarion.database.run(lambda conn: conn.execute(sa.update(events).values(changed[why])))
    host.begin()
    with pytest.raises(InvalidInput, match=f"cannot be moved to .*{why}"):
        host.wait(clarion.move(host.conn, event, TOMORROW + timedelta(days=2)))
    host.rollback()


@on_every_host
def test_without_tables_it_says_what_to_run(
    clarion: Clarion, database: str, kind: str, empty_database_url: str
) -> None:
    empty = open_host(database, kind, empty_database_url)
    try:
        empty.begin()
        with pytest.raises(NotMigrated, match=r"clarion_withdrawals.*run `clarion migrate`"):
            empty.wait(clarion.resolve(empty.conn, "disk"))
    finally:
        empty.rollback()
        empty.close()


@pytest.mark.parametrize(
    ("database", "kind"), [("postgresql", "psycopg connection")], ids=["psycopg"], indirect=["database"]
)
def test_a_failed_transaction_is_named(host: Host, clarion: Clarion) -> None:
    host.begin()
    with pytest.raises(Exception, match="division by zero"):
        host.run("SELECT 1/0")
    with pytest.raises(HostTransaction, match="roll it back first"):
        clarion.resolve(host.conn, "disk")
    host.rollback()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("database", "driver"),
    [("sqlite", "sqlite+aiosqlite"), ("postgresql", "postgresql+asyncpg")],
    indirect=["database"],
)
async def test_awaited_in_an_async_session(
    clarion: Clarion, database_url: str, driver: str, written: Written
) -> None:
    engine = create_async_engine(make_url(database_url).set(drivername=driver))
    async with AsyncSession(engine) as session, session.begin():
        event = await clarion.emit(session, TYPE, at=TOMORROW)
        await clarion.move(session, event, TOMORROW + timedelta(hours=1))
        await clarion.resolve(session, "disk")
        await clarion.withdraw(session, "vm/1", "ann")
        await clarion.cancel(session, event)
        with pytest.raises(InvalidInput, match="condition is empty"):  # before it is awaited
            clarion.resolve(session, " ")
    await engine.dispose()
    assert len(written()) == 3


NAIVE = datetime(2027, 1, 1)  # noqa: DTZ001 - that is what is wrong with it


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c, conn: c.resolve(conn, ""), "condition is empty"),
        (lambda c, conn: c.resolve(conn, None), "condition must be text, got None"),
        (lambda c, conn: c.resolve(conn, "x" * 256), "condition has 256 characters"),
        (lambda c, conn: c.resolve(conn, "disk", tenant=""), "tenant is empty"),
        (lambda c, conn: c.withdraw(conn, 5), "subject must be text, got 5"),
        (lambda c, conn: c.withdraw(conn, "cl/1", "a\nb"), "recipient .* holds the control character"),
        (lambda c, conn: c.withdraw(conn, "cl/1", ""), "recipient is empty"),
        (lambda c, conn: c.cancel(conn, "comment/7"), "the UUID that emit returned, got 'comment/7'"),
        (lambda c, conn: c.move(conn, UUID(int=7), None), "at must be an aware datetime"),
        (lambda c, conn: c.move(conn, UUID(int=7), NAIVE), "at must be an aware datetime"),
        (lambda c, conn: c.move(conn, UUID(int=7), TOMORROW + timedelta(days=30)), "more than 25 days ahead"),
        (lambda c, conn: c.resolve(None, "disk"), "pass a SQLAlchemy connection or session"),
    ],
    ids=range(12),
)
def test_wrong_arguments_are_named(
    clarion: Clarion, host: Host, call: Callable[[Any, Any], object], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        call(clarion, host.conn)
