"""Counts of many recipients at once are those of each alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from clarion import Clarion, clock
from clarion.item import InboxCounts, Mark
from clarion.store import counting
from tests.store.make import person, told


@pytest.fixture
def app(database_url: str) -> Iterator[Clarion]:
    app = Clarion(database_url)
    yield app
    app.close()


def test_many_are_counted_as_each_alone(app: Clarion) -> None:
    for _ in range(4):
        app.database.run(
            lambda conn: (person(conn, "bob"), person(conn, "carol"), told(conn, "bob", "carol"))
        )
    marks: tuple[Mark, ...] = ("seen", "read", "done", "saved")
    for item, how in zip(app.inbox.list("bob").items, marks, strict=True):
        app.inbox.mark("bob", [item.id], how)
    app.inbox.snooze("carol", [app.inbox.list("carol").items[0].id], clock.now() + timedelta(hours=1))
    asked = {("default", "bob"), ("default", "carol"), ("default", "nobody"), ("other", "bob")}
    found = app.database.read(lambda conn: counting.counts(conn, asked))
    assert found == {(tenant, who): app.inbox.counts(who, tenant=tenant) for tenant, who in asked}
    assert found["default", "bob"] == InboxCounts(total=3, unread=2, unseen=1, done=1, saved=1, snoozed=0)
    assert found["default", "carol"].snoozed == 1
    assert app.database.read(lambda conn: counting.counts(conn, ())) == {}
