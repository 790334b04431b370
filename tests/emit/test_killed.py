"""F2: kill -9 of the producer inside or just after its transaction. Rolled back → none, committed → exactly one."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion
from tests.emit.producers import Producer, keep_on, stop_after, stop_inside

Names = Callable[[], list[str]]


@pytest.fixture
def keys(clarion: Clarion, stored: Callable[[], list[Any]]) -> Names:
    """The keys of the events that are committed, once nobody else is connected any more."""

    def settled() -> list[str]:
        while clarion.database.engine.dialect.name == "postgresql" and clarion.database.read(_others):
            pass
        return sorted(row.key for row in stored())

    return settled


def _others(conn: sa.Connection) -> int:
    """PostgreSQL may still be committing what a killed client asked for."""
    count = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return int(conn.execute(sa.text(count)).scalar_one())


def test_killed_inside_its_transaction(database_url: str, keys: Names, orders: Names) -> None:
    for n in range(12):
        producer = Producer(stop_inside, database_url, f"order/{n}")
        assert producer.heard() == "emitted"
        producer.kill()
    assert keys() == orders() == []


def test_killed_after_its_commit(database_url: str, keys: Names, orders: Names) -> None:
    names = [f"order/{n:02}" for n in range(12)]
    for name in names:
        producer = Producer(stop_after, database_url, name)
        assert producer.heard() == "committed"
        producer.kill()
    assert keys() == orders() == names


def test_killed_at_any_moment(database_url: str, keys: Names, orders: Names) -> None:
    """What was said to be committed is there; beyond it at most the one that was being committed."""
    dice = random.Random(20)
    said: list[str] = []
    for n in range(15):
        producer = Producer(keep_on, database_url, f"order/{n}")
        said += [producer.heard() for _ in range(dice.randrange(1, 12))]
        for _ in range(dice.randrange(20_000)):
            pass
        said += producer.kill()
        there = keys()
        assert there == orders()
        assert len(there) == len(set(there))
        assert not [name for name in there if "rolled back" in name]
        assert set(said) <= set(there)
        assert len(there) - len(said) <= n + 1


def test_a_killed_producer_s_retry_is_the_same_event(
    database_url: str, clarion: Clarion, keys: Names, stored: Callable[[], list[Any]]
) -> None:
    """It died before it could tell anybody: whoever runs it again gets the event that stands."""
    for target in (stop_after, stop_inside):
        producer = Producer(target, database_url, target.__name__)
        producer.heard()
        producer.kill()
        with clarion.database.engine.begin() as conn:
            id = clarion.emit(conn, "cl.merged", key=target.__name__)
        assert [row.id for row in stored() if row.key == target.__name__] == [id]
    assert keys() == ["stop_after", "stop_inside"]
