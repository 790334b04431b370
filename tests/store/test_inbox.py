"""The inbox: what is visible, newest first, and reading it. Other people's ids change nothing (S9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.edit import Edit
from clarion.store import inbox, roster
from clarion.store.database import Database
from clarion.store.schema import notifications
from tests.store.make import person, queued, told


def items(db: Database, of: str = "bob", tenant: str = "default", most: int = 50) -> list[inbox.Item]:
    return db.read(lambda conn: inbox.items(conn, tenant, of, most=most))


def unread(db: Database, of: str = "bob", tenant: str = "default") -> int:
    return db.read(lambda conn: inbox.count_unread(conn, tenant, of))


def read(db: Database, *of: inbox.Item, by: str = "bob", tenant: str = "default") -> int:
    return db.run(lambda conn: inbox.mark_read(conn, tenant, by, [item.id for item in of]))


def fill(db: Database, number: int = 3, **fields: str) -> None:
    def write(conn: Connection) -> None:
        for tenant in ("default", "other"):
            for who in ("bob", "carol"):
                person(conn, who, tenant)
            for n in range(number):
                told(conn, "bob", "carol", tenant=tenant, subject=f"{tenant}/{n}", **fields)

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
    found = items(db)
    assert [item.event.subject for item in found] == ["cl/2", "cl/1", "cl/0"]
    assert [item.event.data["n"] for item in found] == [2, 1, 0]
    assert {(item.reason, item.severity.label, item.read_at) for item in found} == {
        ("direct", "urgent", None)
    }
    assert unread(db) == 3


def test_pages_follow_one_another(db: Database) -> None:
    fill(db, 7)
    whole = [item.id for item in items(db)]

    def page_after(last: inbox.Item | None) -> list[inbox.Item]:
        before = last and last.id
        return db.read(lambda conn: inbox.items(conn, "default", "bob", most=3, before=before))

    paged = page = page_after(None)
    while page:
        assert len(page) <= 3
        page = page_after(page[-1])
        paged = paged + page
    assert [item.id for item in paged] == whole
    assert len(whole) == 7


def test_reading_counts_once(db: Database) -> None:
    fill(db)
    first, second, _ = items(db)
    assert read(db, first, second) == 2
    assert unread(db) == 1
    at = items(db)[0].read_at
    assert at is not None
    assert read(db, first, second) == 0
    assert items(db)[0].read_at == at
    assert read(db) == 0


def test_other_people_s_ids_change_nothing(db: Database) -> None:
    fill(db)
    foreign = [*items(db, "carol"), *items(db, tenant="other"), *items(db, "carol", "other")]
    assert read(db, *foreign) == 0
    assert db.run(lambda conn: inbox.mark_read(conn, "default", "bob", [uuid4()])) == 0
    for of in ("bob", "carol"):
        for tenant in ("default", "other"):
            assert unread(db, of, tenant) == 3


def test_nobody_sees_another_s_nor_another_tenant_s(db: Database) -> None:
    fill(db)
    assert {item.event.tenant for item in items(db)} == {"default"}
    assert {item.event.subject for item in items(db, tenant="other")} == {"other/0", "other/1", "other/2"}
    assert items(db, "dora") == items(db, "bob", "third") == []
    assert not {item.id for item in items(db)} & {item.id for item in items(db, "carol")}


def test_a_page_that_begins_at_a_foreign_id_still_holds_only_one_s_own(db: Database) -> None:
    fill(db)
    (newest, *_) = items(db, "carol", "other")
    found = db.read(lambda conn: inbox.items(conn, "default", "bob", most=50, before=newest.id))
    assert {item.id for item in found} <= {item.id for item in items(db)}


def test_what_is_suppressed_or_withdrawn_is_not_there(db: Database) -> None:
    def write(conn: Connection) -> None:
        roster.write(conn, "default", [Edit(recipient="off", own={"enabled": False})], create=True)
        told(conn, "off", "nobody")

    db.run(write)
    assert items(db, "off") == items(db, "nobody") == []
    assert unread(db, "off") == 0
    stored = db.read(lambda conn: conn.execute(sa.select(notifications)).all())
    assert {row.recipient for row in stored} == {"off", "nobody"}, "a decision is kept all the same"
    assert db.run(lambda conn: inbox.mark_read(conn, "default", "off", [row.id for row in stored])) == 0

    fill(db, 2)
    (gone, kept) = items(db)
    db.run(
        lambda conn: conn.execute(
            sa.update(notifications).where(notifications.c.id == gone.id).values(withdrawn_at=kept.created_at)
        )
    )
    assert [item.id for item in items(db)] == [kept.id]
    assert unread(db) == 1


def test_reading_touches_no_delivery(db: Database) -> None:
    fill(db, 1)
    before = db.read(queued)
    read(db, *items(db))
    assert db.read(queued) == before
    assert len(before) == 4


def test_who_has_no_address_has_an_inbox(db: Database) -> None:
    def write(conn: Connection) -> None:
        person(conn, "dora", addresses=())
        said = Edit(recipient="dora", preferences={("*", "*"): {"enabled": True}})
        roster.write(conn, "default", [said], create=True)
        told(conn, "dora")

    db.run(write)
    assert unread(db, "dora") == 1
    assert db.read(queued) == {}
