"""`clarion.inbox`: words, pages, marks and what is refused. The rules themselves: `tests/store`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.engine import Connection

from clarion import Clarion, InvalidInput, Severity, UnknownName, clock
from clarion.inbox import MOST, MOST_IDS
from tests.store.make import person, told


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[Clarion]:
    texts = tmp_path / "cl.merged"
    texts.mkdir()
    (texts / "inbox.text.j2").write_text("{{ recipient.id }}: {{ data.title }}")
    app = Clarion(database_url, base_url="https://acme.test", templates=tmp_path)
    app.type("cl.merged", category="reviews", channels=("inbox",))
    app.type("cl.closed", category="other", channels=("inbox",))
    yield app
    app.close()


def fill(app: Clarion, *about: dict[str, Any], who: str = "bob") -> None:
    def write(conn: Connection) -> None:
        person(conn, who)
        for n, fields in enumerate(about):
            told(conn, who, **{"data": {"title": f"title {n}"}, "url": f"/cl/{n}", **fields})

    app.database.run(write)


def test_an_item_has_its_words_its_link_and_its_state(app: Clarion) -> None:
    fill(app, {"severity": "urgent", "subject": "cl/1"})
    (item,) = app.inbox.list("bob").items
    assert (item.title, item.text, item.url) == ("title 0", "bob: title 0", "https://acme.test/cl/0")
    assert (item.reason, item.severity, item.state.read_at) == ("direct", Severity.URGENT, None)
    assert app.inbox.get("bob", item.id) == item
    assert app.inbox.get("carol", item.id) is app.inbox.get("bob", item.id, tenant="other") is None
    (group,) = app.inbox.threads("bob").groups
    assert group.newest == item


def test_a_template_that_fails_hides_no_other_item(app: Clarion) -> None:
    fill(app, {"data": {}}, {})
    fine, failed = app.inbox.list("bob").items
    assert fine.text == "bob: title 1"
    assert (failed.title, failed.text) == ("Cl merged", "")


def test_pages_and_groups_are_walked_by_what_they_say_comes_next(app: Clarion) -> None:
    fill(app, *({"thread": f"t{n % 3}"} for n in range(7)))
    page = app.inbox.list("bob", most=3)
    titles = [item.title for item in page.items]
    while page.next is not None:
        page = app.inbox.list("bob", most=3, cursor=page.next)
        titles += [item.title for item in page.items]
    assert titles == [f"title {n}" for n in reversed(range(7))]
    groups = app.inbox.threads("bob", most=2)
    rest = app.inbox.threads("bob", most=2, cursor=groups.next)
    shown = [(g.thread, g.newest.title, g.number) for g in (*groups.groups, *rest.groups)]
    assert shown == [("t0", "title 6", 3), ("t2", "title 5", 2), ("t1", "title 4", 2)]
    assert rest.next is None


def test_all_that_was_shown_is_marked_and_nothing_since(app: Clarion) -> None:
    fill(app, {"thread": "t"}, {}, {"thread": "t"})
    app.changes.number()
    page = app.inbox.list("bob", most=1)
    fill(app, {"thread": "t"})
    assert len(app.inbox.mark_all("bob", "read", through=page.through, thread="t")) == 2
    later = app.inbox.list("bob", most=1, cursor=page.next)
    assert len(app.inbox.mark_all("bob", "read", through=later.through)) == 1
    assert app.inbox.counts("bob").unread == 1
    assert app.inbox.mark_all("bob", "done", through=app.inbox.list("carol").through) == []
    assert len(app.inbox.mark_all("bob", "seen", through=app.inbox.list("bob").through)) == 0, (
        "not numbered yet"
    )
    app.changes.number()
    assert len(app.inbox.mark_all("bob", "done", through=app.inbox.list("bob").through)) == 4


def test_what_was_shown_too_long_ago_cannot_be_marked_all(
    app: Clarion, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clarion.store import changes

    page = app.inbox.list("bob")
    fill(app, {})
    app.changes.number()
    app.database.run(lambda conn: changes.remove(conn, before=clock.now() + timedelta(hours=1)))
    with pytest.raises(InvalidInput, match="read the list again"):
        app.inbox.mark_all("bob", "read", through=page.through)


def test_counts_by_category(app: Clarion) -> None:
    fill(app, {}, {}, {"thread": "t"})
    counts = app.inbox.counts("bob", by_category=True)
    assert (counts.total, counts.unread, counts.unread_by_category) == (3, 3, {"reviews": 3})
    assert app.inbox.counts("bob").unread_by_category is None
    assert len(app.inbox.list("bob", category="reviews").items) == 3
    assert app.inbox.list("bob", category="other").items == []
    assert app.inbox.list("bob", category="reviews", type="cl.closed").items == []


def test_what_cannot_be_is_refused(app: Clarion) -> None:
    inbox: Any = app.inbox
    refused = {
        "a page is of 1 to": lambda: inbox.list("bob", most=MOST + 1),
        "take it as it stood": lambda: inbox.list("bob", cursor="nonsense"),
        "take it as it stood in": lambda: inbox.mark_all("bob", "read", through=7),
        "unknown view 'unknown'": lambda: inbox.list("bob", view="unknown"),
        "unknown category 'nope'": lambda: inbox.list("bob", category="nope"),
        "severity": lambda: inbox.list("bob", at_least="dire"),
        "tags must be a list": lambda: inbox.list("bob", tags="ci"),
        "what is done has no groups": lambda: inbox.threads("bob", view="done"),
        "unknown mark 'eaten'": lambda: inbox.mark("bob", [], "eaten"),
        "unknown mark for all 'saved'": lambda: inbox.mark_all("bob", "saved", through="x"),
        "too many": lambda: inbox.mark("bob", [uuid4() for _ in range(MOST_IDS + 1)], "read"),
        "no id of an item": lambda: inbox.mark("bob", ["7"], "read"),
        "until when": lambda: inbox.mark("bob", [uuid4()], "read", until=clock.now()),
        "is over already": lambda: inbox.snooze("bob", [uuid4()], clock.now() - timedelta(days=1)),
    }
    for message, call in refused.items():
        with pytest.raises((InvalidInput, UnknownName), match=message):
            call()
    with pytest.raises(InvalidInput, match="until when"):
        inbox.mark("bob", [uuid4()], "snoozed")
