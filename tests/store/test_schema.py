"""The migrations make what `schema` says, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateIndex

from clarion.store.database import Database
from clarion.store.schema import metadata


def test_the_migrated_tables_are_those_of_the_schema(db: Database) -> None:
    def read(conn: Connection) -> dict[str, Any]:
        inspected = sa.inspect(conn)
        return {
            name: (
                {column["name"]: column["nullable"] for column in inspected.get_columns(name)},
                inspected.get_pk_constraint(name)["constrained_columns"],
            )
            for name in inspected.get_table_names()
            if name in metadata.tables
        }

    expected = {
        name: ({c.name: c.nullable for c in table.columns}, [c.name for c in table.primary_key.columns])
        for name, table in metadata.tables.items()
    }
    assert db.read(read) == expected


def test_the_migrated_indexes_are_those_of_the_schema(db: Database) -> None:
    def read(conn: Connection) -> dict[str, set[str]]:
        inspected = sa.inspect(conn)
        return {
            name: {str(index["name"]) for index in inspected.get_indexes(name)} for name in metadata.tables
        }

    expected = {name: {str(index.name) for index in table.indexes} for name, table in metadata.tables.items()}
    assert db.read(read) == expected


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_partial_indexes_have_their_conditions_word_for_word(db: Database) -> None:
    """SQLite takes one only for the very same words."""
    stored = dict(
        db.read(
            lambda conn: [
                tuple(row)
                for row in conn.exec_driver_sql(
                    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
                )
            ]
        )
    )
    for table in metadata.tables.values():
        for index in table.indexes:
            made = str(CreateIndex(index).compile(dialect=db.engine.dialect))
            assert _plain(stored[str(index.name)]) == _plain(made)


def _plain(sql: str) -> str:
    return re.sub(r"\s+", " ", sql.replace('"', ""))
