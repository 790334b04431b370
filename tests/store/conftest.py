from __future__ import annotations

from collections.abc import Iterator

import pytest

from clarion.store.database import Database


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()
