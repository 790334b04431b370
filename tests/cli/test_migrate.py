from __future__ import annotations

import json

import sqlalchemy as sa

from clarion.store.database import Database
from clarion.store.migrate import revisions
from tests.support.command import clarion


def test_an_empty_database_and_again(empty_database_url: str) -> None:
    first = clarion("migrate", "--database", empty_database_url)
    assert (first.code, first.err) == (0, "")
    assert f" is at revision {revisions()[-1]}\n" in first.out
    again = json.loads(clarion("migrate", "--database", empty_database_url, "--json").out)
    assert (again["revision"], again["before"]) == (revisions()[-1], revisions()[-1])


def test_only_the_outbox(empty_database_url: str) -> None:
    ended = clarion("migrate", "--outbox", "--database", empty_database_url)
    assert (ended.code, ended.err) == (0, "")
    database = Database(empty_database_url)
    assert database.read(lambda conn: sa.inspect(conn).get_table_names()) == ["clarion_outbox"]
    database.close()
