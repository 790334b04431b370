"""`clarion.changes`: what a follower is told, with the items as they are by then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from clarion import Clarion, InvalidInput, UnknownName
from clarion.store import changes
from tests.store.make import person, told
from tests.support.working import Wire, until, working


@pytest.fixture
def app(database_url: str) -> Iterator[Clarion]:
    app = Clarion(database_url)
    app.type("cl.merged", category="reviews", channels=("inbox",))
    yield app
    app.close()


def test_a_follower_is_told_of_each_change_with_the_item(app: Clarion) -> None:
    app.database.run(lambda conn: (person(conn, "bob"), told(conn, "bob", "carol", data={"title": "Merged"})))
    upto = app.changes.newest()
    first = app.changes.read(0, recipient="bob")
    assert [(change.kind, change.recipient) for change in first.changes] == [("created", "bob")]
    item = first.changes[0].item
    assert item is not None
    assert (item.title, item.id) == ("Merged", first.changes[0].notification)
    assert first.upto == upto

    app.inbox.mark_read("bob", [item.id])
    app.inbox.mark("bob", [item.id], "deleted")
    then = app.changes.read(first.upto, recipient="bob")
    assert [(change.kind, change.item) for change in then.changes] == [("read", None), ("deleted", None)]
    app.inbox.mark("bob", [item.id], "undeleted")
    (back,) = app.changes.read(then.upto, recipient="bob").changes
    assert back.item is not None
    assert back.item.state.read_at is not None
    assert [change.kind for change in app.changes.read(upto, recipient="bob", kinds=["read"]).changes] == [
        "read"
    ]


def test_what_a_recipient_says_is_told(app: Clarion) -> None:
    app.recipients.upsert("bob")
    upto = app.changes.newest()
    app.recipients.silence("bob")
    app.recipients.silence("bob")
    (change,) = app.changes.read(upto, recipient="bob").changes
    assert (change.kind, change.notification, change.item) == ("configured", None, None)


def test_changes_of_some_recipients_of_all_tenants(app: Clarion) -> None:
    who = ("bob", "carol", "dave")
    app.database.run(lambda conn: ([person(conn, id) for id in who], told(conn, *who)))
    found = app.changes.read(
        0, tenant=None, among={("default", "bob"), ("default", "dave"), ("other", "carol")}
    )
    assert [(change.recipient, change.item is not None) for change in found.changes] == [
        ("bob", True),
        ("dave", True),
    ]
    assert found.upto == app.changes.newest()


def test_what_cannot_be_is_refused(app: Clarion) -> None:
    feed: Any = app.changes
    refused = {
        "of which tenant": lambda: feed.read(0, recipient="bob", tenant=None),
        "number of a change": lambda: feed.read(-1),
        "a page is of 1 to": lambda: feed.read(0, most=0),
        "unknown kind of change 'eaten'": lambda: feed.read(0, kinds="eaten"),
    }
    for message, call in refused.items():
        with pytest.raises((InvalidInput, UnknownName), match=message):
            call()


@pytest.mark.anyio
async def test_a_worker_numbers_what_it_does_and_deliveries_end_there_too(database_url: str) -> None:
    app = Clarion(database_url, channels=[Wire()], feed_deliveries=True)
    app.type("cl.merged", channels=("inbox", "wire"))
    app.recipients.upsert("bob", addresses={"wire": "bob"})
    async with working(app):
        with app.database.engine.begin() as conn:
            event = app.emit(conn, "cl.merged", to=["bob"])
        # looked at without numbering: only the worker does it

        def told_of() -> list[str]:
            read = app.database.read(lambda conn: changes.read(conn, changes.Chosen(), after=0, most=10))
            return [row.kind for row in read.rows if row.kind != "configured"]

        await until(lambda: told_of() == ["created", "delivery.sent"])
    change = app.changes.read(0).changes[-1]
    (item,) = app.inbox.list("bob").items
    assert (change.notification, change.channel, change.code, change.item) == (item.id, "wire", None, None)
    assert change.delivery is not None
    assert item.event.id == event
    app.close()
