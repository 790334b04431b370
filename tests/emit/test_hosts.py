"""Emitting in the transaction of every kind of application: with it or not at all, in one round trip."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from clarion import Address, Clarion, Conflict, HostTransaction, InvalidInput, NotMigrated
from clarion.event import EventFields
from clarion.store.walks import event_from
from tests.emit.conftest import TYPE
from tests.emit.hosts import KINDS, Driver, Host, Statements, open_host

on_every_host = pytest.mark.parametrize(
    ("database", "kind"), KINDS, indirect=["database"], ids=[f"{d}-{k}" for d, k in KINDS]
)

TOMORROW = datetime.now(UTC) + timedelta(days=1)
HARD = '100% "it\'s" :name ?1 %s %(x)s {y} $1 \\ — żółć 日本語 \U0001f600'
HOSTILE: EventFields = {
    "tenant": HARD,
    "actor": HARD,
    "subject": HARD,
    "thread": HARD,
    "to": {HARD: [HARD, Address("email", HARD, HARD)]},
    "topic": HARD,
    "key": HARD,
    "condition": HARD,
    "tags": [HARD],
    "channels": ["email"],
    "data": {HARD: [HARD, {"number": 1.5, "nothing": None, "huge": 10**40}]},
    "url": "/" + HARD,
    "correlation_id": HARD,
    "at": TOMORROW,
    "expires_at": TOMORROW + timedelta(microseconds=1),
    "severity": "urgent",
}


@on_every_host
def test_committed_once_rolled_back_never(
    host: Host, clarion: Clarion, stored: Callable[[], list[Any]], orders: Callable[[], list[str]]
) -> None:
    host.begin()
    host.run("INSERT INTO orders VALUES ('first')")
    host.emit(clarion, TYPE, subject="cl/1")
    assert (orders(), stored()) == ([], [])
    host.rollback()
    assert (orders(), stored()) == ([], [])

    host.begin()
    id = host.emit(clarion, TYPE, subject="cl/2")
    assert type(id) is UUID
    host.run("INSERT INTO orders VALUES ('second')")
    assert (orders(), stored()) == ([], [])
    host.commit()
    assert orders() == ["second"]
    assert [(row.id, row.subject) for row in stored()] == [(id, "cl/2")]


@on_every_host
def test_many_are_committed_or_rolled_back_together(
    host: Host, clarion: Clarion, stored: Callable[[], list[Any]]
) -> None:
    batch: list[tuple[str, EventFields]] = [(TYPE, {"subject": f"cl/{n}"}) for n in range(20)]
    host.begin()
    host.emit_many(clarion, batch)
    host.rollback()
    assert stored() == []
    host.begin()
    found = host.emit_many(clarion, batch)
    host.commit()
    assert {row.id: row.subject for row in stored()} == {id: f"cl/{n}" for n, id in enumerate(found)}
    assert len(set(found)) == 20


@on_every_host
def test_one_statement_whether_one_or_many(
    host: Host, clarion: Clarion, statements: Statements, stored: Callable[[], list[Any]]
) -> None:
    host.begin()
    host.emit_many(clarion, [(TYPE, {"key": "one"}), (TYPE, {"key": "two"})])
    with statements as traced:  # from the second on: on its first, asyncpg asks what the types are
        host.emit(clarion, TYPE, key="one")
        host.emit_many(clarion, [(TYPE, {"key": f"many/{n}"}) for n in range(50)])
        host.emit(clarion, TYPE, key="one")
    seen = [
        statement for statement in traced if not statement.startswith("SELECT QUOTE(")
    ]  # Django's DEBUG log
    assert len(seen) == 3, "\n".join(seen)
    assert all(statement.startswith("INSERT INTO clarion_events") for statement in seen)
    host.commit()
    assert len(stored()) == 52


@on_every_host
@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_every_character_of_every_field_survives(
    host: Host, clarion: Clarion, stored: Callable[[], list[Any]], many: bool
) -> None:
    host.begin()
    if many:
        (id, _) = host.emit_many(clarion, [(TYPE, HOSTILE), (TYPE, {"subject": HARD})])
    else:
        id = host.emit(clarion, TYPE, **HOSTILE)
    host.commit()
    (found,) = [event_from(row) for row in stored() if row.id == id]
    for name, value in HOSTILE.items():
        expected: object = value
        if name == "to":
            expected = ((HARD, (HARD, Address("email", HARD, HARD))),)
        elif name in ("tags", "channels"):
            expected = tuple(value)  # type: ignore[call-overload]
        elif name == "severity":
            expected = 3
        assert getattr(found, name) == expected, name


@on_every_host
def test_a_conflict_leaves_the_transaction_alive(
    host: Host, clarion: Clarion, stored: Callable[[], list[Any]], orders: Callable[[], list[str]]
) -> None:
    host.begin()
    first = host.emit(clarion, TYPE, key="k", data={"n": 1})
    assert host.emit(clarion, TYPE, key="k", data={"n": 1}) == first
    with pytest.raises(Conflict, match="key 'k' already stands for another event"):
        host.emit(clarion, TYPE, key="k", data={"n": 2})
    with pytest.raises(Conflict):
        host.emit_many(clarion, [(TYPE, {"key": "new"}), (TYPE, {"key": "k", "data": {"n": 2}}), (TYPE, {})])
    host.run("INSERT INTO orders VALUES ('later')")
    second = host.emit(clarion, TYPE, key="other")
    host.commit()
    assert orders() == ["later"]
    assert {row.id: row.data for row in stored()} == {first: {"n": 1}, second: {}}


@pytest.mark.parametrize(
    ("database", "kind"), [(d, k) for d, k in KINDS if " cursor" in k], indirect=["database"]
)
def test_emitting_leaves_what_the_caller_is_reading_alone(host: Host, clarion: Clarion) -> None:
    host.begin()
    host.conn.execute("SELECT 1 AS value UNION ALL SELECT 2 UNION ALL SELECT 3")
    host.conn.fetchone()
    host.emit(clarion, TYPE)
    assert len(host.conn.fetchall()) == 2
    host.rollback()


@on_every_host
def test_without_tables_it_says_what_to_run(
    clarion: Clarion, database: str, kind: str, empty_database_url: str
) -> None:
    empty = open_host(database, kind, empty_database_url)
    try:
        empty.begin()
        with pytest.raises(NotMigrated, match=r"clarion_events.*run `clarion migrate` on this database"):
            empty.emit(clarion, TYPE)
    finally:
        empty.rollback()
        empty.close()


# ── PostgreSQL's own ways ────────────────────────────────────────────────────────────────────────────────


def failed(host: Host) -> None:
    """Brings the host's transaction to where PostgreSQL refuses everything but a rollback."""
    with pytest.raises(Exception, match="division by zero"):
        host.run("SELECT 1/0")


@pytest.mark.parametrize(
    ("database", "kind"),
    [(d, k) for d, k in KINDS if d == "postgresql" and "autocommit" not in k and "Django" not in k],
    indirect=["database"],
)
def test_a_failed_transaction_is_named(host: Host, clarion: Clarion) -> None:
    host.begin()
    failed(host)
    with pytest.raises(HostTransaction, match="roll it back first"):
        host.emit(clarion, TYPE)
    host.rollback()
    host.emit(clarion, TYPE)
    host.rollback()


@pytest.mark.parametrize(("database", "kind"), [("postgresql", "psycopg connection")], indirect=["database"])
def test_in_pipeline_mode_and_from_a_server_cursor(
    host: Host, clarion: Clarion, stored: Callable[[], list[Any]]
) -> None:
    conn: psycopg.Connection[Any] = host.conn
    with conn.transaction(), conn.pipeline():
        conn.execute("INSERT INTO orders VALUES ('piped')")
        first = clarion.emit(conn, TYPE, key="piped")
        assert clarion.emit(conn, TYPE, key="piped") == first
    with conn.transaction(), conn.cursor(name="on_the_server") as cursor:
        cursor.execute("SELECT generate_series(1, 10)")
        for _ in cursor:
            second = clarion.emit(cursor, TYPE, key="from a cursor")
    assert [row.id for row in stored()] == [first, second]


@pytest.mark.parametrize(("database", "kind"), [("postgresql", "psycopg connection")], indirect=["database"])
def test_with_autocommit_each_is_committed_at_once(
    host: Host, clarion: Clarion, stored: Callable[[], list[Any]]
) -> None:
    host.conn.autocommit = True
    id = clarion.emit(host.conn, TYPE)
    assert [row.id for row in stored()] == [id]


@pytest.mark.parametrize(("database", "kind"), [("postgresql", "psycopg connection")], indirect=["database"])
def test_one_round_trip_on_the_wire(host: Host, clarion: Clarion, tmp_path: Any) -> None:
    """By libpq's own trace: the server says once that it is ready for more."""
    conn: psycopg.Connection[Any] = host.conn
    conn.execute("INSERT INTO orders VALUES ('begun')")
    with (tmp_path / "trace").open("w+") as trace:
        conn.pgconn.trace(trace.fileno())
        clarion.emit_many(conn, [(TYPE, {"key": str(n)}) for n in range(10)])
        clarion.emit(conn, TYPE)
        conn.pgconn.untrace()
        trace.seek(0)
        assert trace.read().count("ReadyForQuery") == 2
    conn.rollback()


# ── In an event loop ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("database", "driver"),
    [
        ("sqlite", "sqlite+aiosqlite"),
        ("postgresql", "postgresql+asyncpg"),
        ("postgresql", "postgresql+psycopg_async"),
    ],
    indirect=["database"],
)
async def test_awaited_in_an_async_session(
    clarion: Clarion, database_url: str, driver: str, stored: Callable[[], list[Any]]
) -> None:
    engine = create_async_engine(make_url(database_url).set(drivername=driver))
    async with AsyncSession(engine) as session:
        async with session.begin():
            await clarion.emit(session, TYPE, key="lost")
            await session.rollback()
        async with session.begin():
            await session.execute(sa.text("INSERT INTO orders VALUES ('kept')"))
            first = await clarion.emit(session, TYPE, key="kept")
        with pytest.raises(Conflict):
            await clarion.emit(session, TYPE, key="kept", subject="another")
        many = await clarion.emit_many(session, [(TYPE, {"key": "kept"}), (TYPE, {"key": "more"})])
        await session.commit()
    await engine.dispose()
    assert many[0] == first
    assert [row.id for row in stored()] == many


@pytest.mark.anyio
async def test_what_is_wrong_with_an_event_is_said_before_it_is_awaited(
    clarion: Clarion, database_url: str, database: str
) -> None:
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}[database]
    engine = create_async_engine(make_url(database_url).set(drivername=driver))
    async with engine.connect() as conn:
        with pytest.raises(InvalidInput, match="unknown event type"):
            clarion.emit(conn, "cl.margin")
    await engine.dispose()


# ── What is no transaction ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("other", [None, "sqlite:///app.db", 5, {}, [], Clarion], ids=repr)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_other_objects_are_refused_with_what_to_pass(clarion: Clarion, other: object) -> None:
    with pytest.raises(InvalidInput, match="pass a SQLAlchemy connection or session, a sqlite3 or psycopg"):
        clarion.emit(other, TYPE)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_engine_is_no_transaction(clarion: Clarion) -> None:
    with pytest.raises(InvalidInput, match=r"sqlalchemy\.engine\.base\.Engine"):
        clarion.emit(clarion.database.engine, TYPE)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.anyio
async def test_a_bare_asynchronous_connection_is_refused(clarion: Clarion, database_url: str) -> None:
    url = make_url(database_url)
    conn = await psycopg.AsyncConnection.connect(
        host=str(url.query["host"]), user=url.username, dbname=url.database
    )
    with pytest.raises(InvalidInput, match="AsyncConnection"):
        clarion.emit(conn, TYPE)
    with pytest.raises(InvalidInput, match="AsyncCursor"):
        clarion.emit(conn.cursor(), TYPE)
    await conn.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_another_product_is_refused_by_its_name(clarion: Clarion, database_url: str) -> None:
    engine = sa.create_engine(database_url)
    engine.dialect.name = "mysql"
    with engine.connect() as conn, pytest.raises(InvalidInput, match=r"mysql.*SQLite and PostgreSQL"):
        clarion.emit(conn, TYPE)
    engine.dispose()


class Subclass(sqlite3.Connection):
    """As instrumentation makes them."""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_application_s_own_class_of_connection_will_do(
    clarion: Clarion, database_url: str, stored: Callable[[], list[Any]]
) -> None:
    host = Driver(sqlite3.connect(str(make_url(database_url).database), factory=Subclass))
    id = host.emit(clarion, TYPE)
    host.commit()
    host.close()
    assert [row.id for row in stored()] == [id]
