from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from clarion.store.database import Database


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def ago(travel: Callable[[timedelta], None]) -> Callable[[int], None]:
    """Moves the clock to so many days before the test began."""
    at = [0]

    def move(days: int) -> None:
        travel(timedelta(days=at[0] - days))
        at[0] = days

    return move
