"""Rows that are given as parameters are the rows that a statement sees, whatever is in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import ids
from clarion.store import dialect
from clarion.store.database import Database
from clarion.store.types import Instant, Json

NOW = datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=UTC)
TYPES: dict[str, Any] = {
    "n": sa.Integer(),
    "id": sa.Uuid(),
    "text": sa.Text(),
    "same": sa.Text(),
    "json": Json(),
    "at": Instant(),
}
TEXTS: dict[str, list[str | None]] = {
    "plain": ["a", "b", "c"],
    "with none": ["a", None, "b", None],
    "only none": [None, None],
    "quotes": ['say "x"', "back\\slash", '"', "\\", None, ""],
    "words of arrays": ["NULL", "{}", "a,b", " a ", "null", None],
    "what stands between": ["\x1f", "a\x1fb", "c"],
    "what stands for none": ["\x1e", None, "a\x1e"],
    "of the world": ["ÄÖ 漢字 🎉", "a\nb\tc", None],
    "one": ["alone"],
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("by_column", [False, True], ids=["rows", "columns"])
def test_they_come_back(db: Database, name: str, by_column: bool) -> None:
    given = TEXTS[name]
    rows = [
        (n, id, text, "same", {"text": text}, None if n % 2 else NOW)
        for n, (id, text) in enumerate(zip(ids.several(len(given)), given, strict=True))
    ]

    def read(conn: sa.Connection) -> list[tuple[Any, ...]]:
        batch = dialect.batch_of_parameters(conn.dialect.name, TYPES)
        if by_column:
            values = dialect.batch_of_columns(conn, TYPES, list(zip(*rows, strict=True)))
        else:
            values = dialect.batch_values(conn, TYPES, rows)
        return [tuple(row) for row in conn.execute(sa.select(*batch.c).order_by(batch.c.n), values)]

    assert db.read(read) == rows
