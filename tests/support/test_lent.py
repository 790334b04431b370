"""What a test leaves behind in the database that it was lent, the next one does not find."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.support.lent import Lent
from tests.support.postgres import Postgres

ROWS = "SELECT (SELECT count(*) FROM clarion_subscriptions), (SELECT count(*) FROM clarion_feed), (SELECT count(*) FROM clarion_schema)"


@pytest.fixture
def lent(postgres: Postgres, migrated_postgres: str) -> Lent:
    return Lent(postgres, str(make_url(migrated_postgres).database))


def connect(lent: Lent) -> psycopg.Connection:
    return lent.server.connect(str(make_url(lent.lend()).database))


def oid(connection: psycopg.Connection) -> int:
    (found,) = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
    return int(found)


def test_rows_are_gone_and_what_the_template_has_is_back(lent: Lent) -> None:
    with connect(lent) as first:
        was, rows = oid(first), first.execute(ROWS).fetchone()
        first.execute(
            "INSERT INTO clarion_subscriptions (tenant, topic, recipient, created_at) VALUES ('a', 'b', 'c', now())"
        )
        first.execute("DELETE FROM clarion_schema")
        first.execute("DELETE FROM clarion_feed")
        assert rows == (0, 1, 1)
        assert first.execute(ROWS).fetchone() == (1, 0, 0)
    lent.take_back()
    with connect(lent) as second:
        assert (oid(second), second.execute(ROWS).fetchone()) == (was, rows)
    lent.take_back()


def test_who_is_still_connected_is_cut_off(lent: Lent) -> None:
    first = connect(lent)
    was = oid(first)
    lent.take_back()
    with pytest.raises(psycopg.OperationalError):
        first.execute("SELECT 1")
    with connect(lent) as second:
        assert oid(second) == was
        assert second.info.dbname != first.info.dbname
    lent.take_back()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE orders (name TEXT)",
        "ALTER TABLE clarion_events RENAME TO clarion_e",
        "ALTER TABLE clarion_events ADD COLUMN more INTEGER",
        "ALTER TABLE clarion_events ALTER COLUMN key SET DEFAULT 'x'",
        "ALTER TABLE clarion_events ADD CONSTRAINT never CHECK (false) NOT VALID",
        "CREATE INDEX one_more ON clarion_events (key)",
        "CREATE SCHEMA another",
        "GRANT SELECT ON clarion_events TO PUBLIC",
    ],
)
def test_one_that_was_altered_is_not_lent_again(lent: Lent, change: str) -> None:
    with connect(lent) as first:
        was = oid(first)
        first.execute(change)
    lent.take_back()
    with connect(lent) as second:
        assert oid(second) != was
    lent.take_back()
