"""Workers in the process of an application are woken when what it emitted is committed, whatever it emits with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from clarion import Clarion
from clarion.store.waker import Due
from tests.emit.conftest import TYPE
from tests.emit.hosts import KINDS, Driver, Host

on_every_host = pytest.mark.parametrize(
    ("database", "kind"), KINDS, indirect=["database"], ids=[f"{d}-{k}" for d, k in KINDS]
)


@pytest.fixture
def heard(clarion: Clarion) -> Iterator[list[Due]]:
    """What was said to be due."""
    said: list[Due] = []
    clarion.database.waker.ears.append(said.append)
    yield said
    clarion.database.waker.ears.clear()


@on_every_host
def test_after_the_commit_and_not_before(host: Host, clarion: Clarion, heard: list[Due]) -> None:
    """Where the host talks to its driver itself, nobody hears of the commit: polling is for that."""
    host.begin()
    host.emit(clarion, TYPE)
    assert heard == []
    host.rollback()
    assert heard == []
    host.begin()
    host.emit(clarion, TYPE)
    assert heard == []
    host.commit()
    assert set(heard) == (set() if isinstance(host, Driver) else {"events"})


def test_what_is_not_due_wakes_nobody(host: Host, clarion: Clarion, heard: list[Due]) -> None:
    host.emit(clarion, TYPE, at=datetime.now(UTC) + timedelta(hours=1))
    host.commit()
    assert heard == []
    host.emit_many(clarion, [(TYPE, {"at": datetime.now(UTC) + timedelta(hours=1)}), (TYPE, {})])
    host.commit()
    assert heard == ["events"]


def test_a_worker_that_cannot_be_woken_hurts_nobody(host: Host, clarion: Clarion) -> None:
    def fails(_due: Due) -> None:
        raise RuntimeError("its loop has ended")

    clarion.database.waker.ears.append(fails)
    host.emit(clarion, TYPE)
    host.commit()
