"""The inbox: its views and filters, page after page, and counts that equal the lists (S9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.cursor import Cursor
from clarion.edit import Edit
from clarion.item import ALL, VIEWS, Filter, Item, Query, View
from clarion.severity import Severity
from clarion.store import inbox, marking, roster
from clarion.store.database import Database
from clarion.store.schema import notifications
from tests.store.make import person, queued, told

FIRST = Cursor(number=0).before


def found(db: Database, of: str, tenant: str, most: int, view: View, wanted: Filter) -> list[UUID]:
    """The ids in all pages of a view."""
    query = Query(tenant=tenant, recipient=of, view=view, filter=wanted)
    before: UUID | None = FIRST
    ids: list[UUID] = []
    while before is not None:
        at = before
        page = db.read(lambda conn, at=at: inbox.find(conn, query, before=at, most=most))  # type: ignore[misc]
        assert len(page.rows) <= most
        ids += [row.id for row in page.rows]
        before = page.then
    return ids


def items(
    db: Database,
    of: str = "bob",
    tenant: str = "default",
    *,
    most: int = 50,
    view: View = "inbox",
    wanted: Filter = ALL,
) -> list[Item]:
    ids = found(db, of, tenant, most, view, wanted)
    return db.read(lambda conn: inbox.read(conn, tenant, ids))


def unread(db: Database, of: str = "bob", tenant: str = "default") -> int:
    return db.read(lambda conn: inbox.count_unread(conn, tenant, of))


def mark(
    db: Database, how: str, *of: Item, by: str = "bob", tenant: str = "default", **until: Any
) -> list[UUID]:
    ids = [item.id for item in of]
    return [m.id for m in db.run(lambda conn: marking.mark(conn, tenant, by, ids, how, **until))]  # type: ignore[arg-type]  # named in tests


def fill(db: Database, number: int = 3, **fields: Any) -> None:
    def write(conn: Connection) -> None:
        for tenant in ("default", "other"):
            for who in ("bob", "carol"):
                person(conn, who, tenant)
            for n in range(number):
                told(conn, "bob", "carol", **{"tenant": tenant, "subject": f"{tenant}/{n}", **fields})

    db.run(write)


def test_an_empty_inbox(db: Database) -> None:
    assert items(db) == []
    assert unread(db) == 0


def test_the_newest_first_with_what_each_is_about(db: Database, travel: Callable[[timedelta], None]) -> None:
    def write(conn: Connection) -> None:
        person(conn, "bob")
        for n in range(3):
            travel(timedelta(seconds=1))
            told(conn, "bob", subject=f"cl/{n}", severity="urgent", data={"n": n}, url="/x")

    db.run(write)
    shown = items(db)
    assert [item.event.subject for item in shown] == ["cl/2", "cl/1", "cl/0"]
    assert [item.event.data["n"] for item in shown] == [2, 1, 0]
    told_of = {(item.reason, item.severity.label, item.state.read_at) for item in shown}
    assert told_of == {("direct", "urgent", None)}
    assert unread(db) == 3


@pytest.mark.parametrize("most", [1, 3, 7, 8])
def test_pages_follow_one_another(db: Database, most: int) -> None:
    fill(db, 7)
    whole = [item.id for item in items(db)]
    assert [item.id for item in items(db, most=most)] == whole
    assert len(whole) == 7


def test_nobody_sees_another_s_nor_another_tenant_s(db: Database) -> None:
    fill(db)
    assert {item.event.tenant for item in items(db)} == {"default"}
    assert {item.event.subject for item in items(db, tenant="other")} == {"other/0", "other/1", "other/2"}
    assert items(db, "dora") == items(db, "bob", "third") == []
    assert not {item.id for item in items(db)} & {item.id for item in items(db, "carol")}


def test_what_is_suppressed_or_withdrawn_is_not_there(db: Database) -> None:
    def write(conn: Connection) -> None:
        roster.write(conn, "default", [Edit(recipient="off", own={"enabled": False})], create=True)
        told(conn, "off", "nobody")

    db.run(write)
    assert items(db, "off") == items(db, "nobody") == []
    assert unread(db, "off") == 0
    stored = db.read(lambda conn: conn.execute(sa.select(notifications)).all())
    assert {row.recipient for row in stored} == {"off", "nobody"}, "a decision is kept all the same"
    assert mark(db, "read", *stored, by="off") == []  # type: ignore[arg-type]  # rows with an id

    fill(db, 2)
    (gone, kept) = items(db)
    db.run(
        lambda conn: conn.execute(
            sa.update(notifications).where(notifications.c.id == gone.id).values(withdrawn_at=kept.created_at)
        )
    )
    assert [item.id for item in items(db)] == [kept.id]
    assert unread(db) == 1


def test_who_has_no_address_has_an_inbox(db: Database) -> None:
    def write(conn: Connection) -> None:
        person(conn, "dora", addresses=())
        said = Edit(recipient="dora", preferences={("*", "*"): {"enabled": True}})
        roster.write(conn, "default", [said], create=True)
        told(conn, "dora")

    db.run(write)
    assert unread(db, "dora") == 1
    assert db.read(queued) == {}


# ── Views and filters ────────────────────────────────────────────────────────────────────────────────────


def test_each_view_has_its_items_and_counts_equal_lists(
    db: Database, travel: Callable[[timedelta], None]
) -> None:
    fill(db, 9)
    shown = items(db)
    for n, how in enumerate(("seen", "read", "done", "saved", "deleted")):
        mark(db, how, shown[n])
    mark(db, "snoozed", shown[5], until=shown[5].created_at + timedelta(days=1))
    for how in ("read", "done", "saved"):
        mark(db, how, shown[6])
    numbers = {
        view: [shown.index(next(s for s in shown if s.id == i.id)) for i in items(db, view=view)]
        for view in VIEWS
    }
    assert numbers == {
        "inbox": [0, 1, 3, 7, 8],
        "unread": [0, 3, 7, 8],
        "unseen": [3, 7, 8],
        "done": [2, 6],
        "saved": [3, 6],
        "snoozed": [5],
    }
    counts = db.read(lambda conn: inbox.counts(conn, "default", "bob"))
    assert {view: len(numbers[view]) for view in VIEWS} == {
        "inbox": counts.total,
        "unread": counts.unread,
        "unseen": counts.unseen,
        "done": counts.done,
        "saved": counts.saved,
        "snoozed": counts.snoozed,
    }
    assert unread(db) == counts.unread
    assert db.read(lambda conn: inbox.unread_by_type(conn, "default", "bob")) == {"cl.merged": 4}
    assert db.read(lambda conn: inbox.unread_by_type(conn, "default", "carol")) == {"cl.merged": 9}


@pytest.mark.parametrize(
    ("wanted", "subjects"),
    [
        (Filter(), "dcba"),
        (Filter(severity=Severity.WARNING), "cb"),
        (Filter(at_least=Severity.ACTION), "d"),
        (Filter(tags=("ci",)), "ba"),
        (Filter(tags=("team:*",)), "db"),
        (Filter(tags=("team:%", "nothing")), ""),
        (Filter(tags=("ci", "team:red")), "dba"),
        (Filter(subject="c"), "c"),
        (Filter(thread="t"), "dc"),
        (Filter(thread="t", at_least=Severity.ACTION), "d"),
        (Filter(types=frozenset({"cl.merged"}), thread="t", subject="c"), "c"),
        (Filter(types=frozenset({"other"})), ""),
        (Filter(types=frozenset()), ""),
    ],
)
@pytest.mark.parametrize("view", ["inbox", "unread", "saved"])
def test_filters(db: Database, wanted: Filter, subjects: str, view: View) -> None:
    def write(conn: Connection) -> None:
        person(conn, "bob")
        told(conn, "bob", subject="a", tags=["ci"])
        told(conn, "bob", subject="b", tags=["ci", "team:blue"], severity="warning")
        told(conn, "bob", subject="c", tags=["teams"], thread="t", severity="warning")
        told(conn, "bob", subject="d", tags=["team:red"], thread="t", severity="urgent")

    db.run(write)
    mark(db, "saved", *items(db))
    for most in (1, 50):
        assert (
            "".join(i.event.subject or "" for i in items(db, view=view, wanted=wanted, most=most)) == subjects
        )


def test_a_filter_that_lets_little_pass_looks_at_so_many_at_once(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page may be empty and not the last: what is asked of the database for it is bounded."""
    monkeypatch.setattr(inbox, "LOOKED_AT", 6)
    monkeypatch.setattr(inbox, "_CHUNK", 3)
    fill(db, 20, tags=["common"])
    query = Query(tenant="default", recipient="bob", filter=Filter(subject="default/1"))
    first = db.read(lambda conn: inbox.find(conn, query, before=FIRST, most=5))
    assert first.rows == []
    assert first.then is not None
    assert [item.event.subject for item in items(db, wanted=query.filter)] == ["default/1"]


def test_a_page_of_a_foreign_place_still_holds_only_one_s_own(db: Database) -> None:
    fill(db)
    (newest, *_) = items(db, "carol", "other")
    query = Query(tenant="default", recipient="bob")
    page = db.read(lambda conn: inbox.find(conn, query, before=newest.place, most=50))
    assert {row.id for row in page.rows} <= {item.id for item in items(db)}
