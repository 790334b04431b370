"""What is sent through a driver's own connection: written once, and each time with its own values."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from clarion import Clarion
from clarion.store import host
from clarion.store.schema import events

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def clarion(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url)
    made.type("note", channels=("inbox",))
    yield made
    made.close()


@pytest.fixture
def conn(database_url: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(str(make_url(database_url).database), isolation_level=None)) as conn:
        yield conn


def test_a_statement_is_written_once(clarion: Clarion, conn: sqlite3.Connection) -> None:
    clarion.emit(conn, "note", subject="first", data={"n": 1})
    before = host._written.cache_info()
    clarion.emit(conn, "note", thread="second", severity="urgent")
    after = host._written.cache_info()
    assert (after.hits - before.hits, after.misses) == (1, before.misses)
    chosen = sa.select(events.c.subject, events.c.thread, events.c.severity, events.c.data).order_by(
        events.c.id
    )
    found = clarion.database.read(lambda c: [tuple(row) for row in c.execute(chosen).all()])
    assert found == [("first", None, None, {"n": 1}), (None, "second", 3, {})]


def test_what_is_made_of_its_values_is_not_kept(clarion: Clarion, conn: sqlite3.Connection) -> None:
    clarion.emit_many(conn, [("note", {}), ("note", {})])
    id = clarion.emit(conn, "note", at=clarion.checked("note", {}).at + timedelta(hours=1))
    kept = host._written.cache_info().currsize
    for n in range(3):
        clarion.emit_many(conn, [("note", {"subject": str(n)}), ("note", {})])
        clarion.move(conn, id, clarion.checked("note", {}).at + timedelta(hours=2 + n))
    assert host._written.cache_info().currsize == kept
