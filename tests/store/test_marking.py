"""What a recipient does with items, and its reverse: once, on one's own alone, and never touching a delivery (D8)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from clarion import clock
from clarion.cursor import Cursor
from clarion.item import Item, Mark, Marked, Query, State
from clarion.store import changes, inbox, marking
from clarion.store.database import Database
from clarion.store.schema import deliveries, notifications, outcomes, queue, unnumbered_changes
from tests.store.make import queued, told, wait_for_a_lock
from tests.store.test_inbox import fill, items, mark, unread

DAY = timedelta(days=1)
Travel = Callable[[timedelta], None]

# Each mark, the column that tells of it, and its reverse.
PAIRS: list[tuple[Mark, str, Mark]] = [
    ("seen", "seen_at", "unseen"),
    ("read", "read_at", "unread"),
    ("done", "done_at", "undone"),
    ("saved", "saved_at", "unsaved"),
    ("snoozed", "snoozed_until", "unsnoozed"),
    ("deleted", "deleted_at", "undeleted"),
]


def marked(db: Database, how: Mark, *ids: UUID, by: str = "bob", tenant: str = "default") -> list[Marked]:
    until = clock.now() + DAY if how == "snoozed" else None
    return db.run(lambda conn: marking.mark(conn, tenant, by, ids, how, until=until))


def kinds(db: Database) -> list[tuple[str, str, UUID]]:
    """What was told and has no number yet: (kind, recipient, notification)."""
    c = unnumbered_changes.c
    found = sa.select(c.kind, c.recipient, c.row_id).order_by(c.id)
    return [tuple(row) for row in db.read(lambda conn: conn.execute(found).all())]  # type: ignore[misc]


def told_so_far(db: Database) -> None:
    while db.run(changes.number):
        pass


def rows(db: Database, *tables: sa.Table) -> list[Any]:
    def read(conn: sa.Connection) -> list[Any]:
        return [conn.execute(sa.select(table).order_by(*table.primary_key.columns)).all() for table in tables]

    return db.read(read)


def test_every_mark_has_its_case() -> None:
    assert {name for one, _, other in PAIRS for name in (one, other)} == set(get_args(Mark))


@pytest.mark.parametrize(("how", "column", "reverse"), PAIRS)
def test_there_and_back_each_once(db: Database, how: Mark, column: str, reverse: Mark) -> None:
    fill(db)
    told_so_far(db)
    first, second, third = (item.id for item in items(db))
    there = marked(db, how, first, second)
    assert {one.id for one in there} == {first, second}
    assert all(getattr(one.state, column) is not None for one in there)
    assert [kind for kind, *_ in kinds(db)] == [how, how]
    if how != "snoozed":  # until another time is another state
        assert marked(db, how, first, second) == []
    assert {one.id for one in marked(db, how, second, third)} == {
        third,
        *([second] if how == "snoozed" else []),
    }
    told_so_far(db)
    back = marked(db, reverse, first, second, third)
    assert {one.id for one in back} == {first, second, third}
    assert all(getattr(one.state, column) is None for one in back)
    assert marked(db, reverse, first, second, third) == []
    assert sorted(kinds(db)) == sorted((reverse, "bob", id) for id in (first, second, third))
    assert [item.id for item in items(db)] == [first, second, third], "where they were"


def test_the_same_time_snoozed_again_changes_nothing(db: Database) -> None:
    fill(db, 1)
    (item,) = items(db)
    until = clock.now() + DAY
    assert mark(db, "snoozed", item, until=until) == [item.id]
    assert mark(db, "snoozed", item, until=until) == []
    assert mark(db, "snoozed", item, until=until + DAY) == [item.id]


@pytest.mark.parametrize("how", get_args(Mark))
def test_other_people_s_ids_change_nothing(db: Database, how: Mark) -> None:
    fill(db)
    foreign = [*items(db, "carol"), *items(db, tenant="other"), *items(db, "carol", "other")]
    for of in (item.id for item in foreign):
        for one, _, _ in PAIRS:
            tenant = "default" if of in {i.id for i in items(db, "carol")} else "other"
            marked(db, one, of, by="carol", tenant=tenant)
    before = rows(db, notifications)
    told_so_far(db)
    assert marked(db, how, *(item.id for item in foreign), uuid4()) == []
    assert rows(db, notifications) == before
    assert kinds(db) == []


def test_what_follows_from_what(db: Database) -> None:
    fill(db, 1)
    (item,) = items(db)

    def state() -> State:
        return db.read(lambda conn: inbox.read(conn, "default", [item.id]))[0].state

    mark(db, "read", item)
    assert state().seen_at == state().read_at is not None
    mark(db, "unread", item)
    assert state().seen_at is not None
    mark(db, "read", item)
    assert state().seen_at != state().read_at, "it was seen before"
    mark(db, "unseen", item)
    assert state() == State()
    mark(db, "snoozed", item, until=clock.now() + DAY)
    mark(db, "done", item)
    assert state().snoozed_until is None
    mark(db, "snoozed", item, until=clock.now() + DAY)
    assert state().done_at is None
    mark(db, "saved", item)
    assert state().snoozed_until is not None, "saved is independent"


@pytest.mark.parametrize("how", get_args(Mark))
def test_no_delivery_is_touched(db: Database, how: Mark) -> None:
    fill(db, 1)
    before = rows(db, deliveries, queue, outcomes)
    marked(db, how, *(item.id for item in items(db)))
    assert rows(db, deliveries, queue, outcomes) == before
    assert len(db.read(queued)) == 4


def test_what_is_new_in_a_thread_leaves_the_older_as_it_was(db: Database) -> None:
    fill(db, 2, thread="t")
    for how in ("read", "done"):
        mark(db, how, *items(db))
    before = [item.state for item in items(db, view="done")]
    db.run(lambda conn: told(conn, "bob", thread="t"))
    assert len(items(db)) == 1
    assert [item.state for item in items(db, view="done")] == before


def test_two_at_once_count_once(db: Database) -> None:
    fill(db, 20)
    ids = [item.id for item in items(db)]
    told_so_far(db)
    found: list[Marked] = []
    both = [
        threading.Thread(target=lambda of=of: found.extend(marked(db, "read", *of)))
        for of in (ids, ids[::-1])
    ]  # type: ignore[misc]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert sorted(one.id for one in found) == sorted(ids)
    assert len(kinds(db)) == 20


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_waits_for_another_s_lock_sees_what_the_other_did(db: Database) -> None:
    fill(db, 2)
    ids = [item.id for item in items(db)]
    found: list[Marked] = []
    with db.engine.begin() as conn:
        marking.mark(conn, "default", "bob", ids[:1], "done")
        other = threading.Thread(target=lambda: found.extend(marked(db, "read", *ids)))
        other.start()
        wait_for_a_lock(db)
    other.join(60)
    states = {one.id: one.state for one in found}
    assert states.keys() == set(ids)
    assert states[ids[0]].done_at is not None


# ── All that was shown ───────────────────────────────────────────────────────────────────────────────────


def through(db: Database) -> tuple[UUID, int]:
    """Up to where a list that is read now goes."""

    def read(conn: sa.Connection) -> tuple[UUID, int]:
        number = changes.newest(conn)
        page = inbox.find(conn, BOB, before=Cursor(number=0).before, most=3)
        return Cursor(number=number, top=page.top).above_top, number

    return db.read(read)


BOB = Query(tenant="default", recipient="bob", view="unread")


def mark_through(db: Database, upto: tuple[UUID, int], most: int = 2) -> list[UUID]:
    before: UUID | None = upto[0]
    found: list[UUID] = []
    while before is not None:
        at = before

        def step(conn: sa.Connection, at: UUID = at) -> tuple[list[Marked], UUID | None]:
            return marking.mark_page(conn, BOB, "read", before=at, number=upto[1], most=most)

        some, before = db.run(step)
        found += [one.id for one in some]
    return found


def test_all_that_was_there_and_nothing_that_has_come_since(db: Database) -> None:
    fill(db, 5)
    told_so_far(db)
    shown = {item.id for item in items(db)}
    upto = through(db)
    fill(db, 2)
    assert set(mark_through(db, upto)) == shown
    assert mark_through(db, upto) == []
    assert unread(db) == 2


def test_what_was_made_before_and_committed_after_is_left_alone(db: Database) -> None:
    """Ids are no order of commits: the id of what nobody could see stands below what was shown."""
    fill(db, 1)
    told_so_far(db)
    (shown,) = items(db)
    upto = through(db)
    fill(db, 1)
    late = next(item for item in items(db) if item.id != shown.id)
    below = UUID(int=shown.place.int - 1)
    change = sa.update(notifications).where(notifications.c.id == late.id).values(place=below)
    db.run(lambda conn: conn.execute(change))
    assert [item.id for item in items(db)] == [shown.id, late.id]
    assert mark_through(db, upto) == [shown.id]
    told_so_far(db)
    assert mark_through(db, upto) == [], "nor once it has its number"
    assert unread(db) == 1


# ── Coming back ──────────────────────────────────────────────────────────────────────────────────────────


def give_back(db: Database, most: int = 100) -> int:
    any_due = db.read(marking.to_return)
    found = db.run(lambda conn: marking.give_back(conn, most=most))
    assert any_due == bool(found)
    return found


def test_what_was_snoozed_comes_back_on_top_and_unread(db: Database, travel: Travel) -> None:
    fill(db, 3)
    newest, middle, oldest = items(db)
    mark(db, "read", middle, oldest)
    mark(db, "snoozed", oldest, until=clock.now() + DAY)
    mark(db, "snoozed", middle, until=clock.now() + 2 * DAY)
    assert [item.id for item in items(db)] == [newest.id]
    assert give_back(db) == 0
    travel(DAY + timedelta(seconds=1))
    told_so_far(db)
    assert give_back(db) == 1
    assert give_back(db) == 0, "once"
    assert [item.id for item in items(db)] == [oldest.id, newest.id]
    assert items(db)[0].state == State()
    assert kinds(db) == [("returned", "bob", oldest.id)]
    assert [item.id for item in items(db, view="snoozed")] == [middle.id]
    travel(DAY)
    assert give_back(db) == 1
    assert [item.id for item in items(db)] == [middle.id, oldest.id, newest.id]


@pytest.mark.parametrize("gone", ["deleted", "withdrawn"])
def test_what_is_gone_meanwhile_does_not_come_back(db: Database, travel: Travel, gone: str) -> None:
    fill(db, 1)
    (item,) = items(db)
    mark(db, "snoozed", item, until=clock.now() + DAY)
    if gone == "deleted":
        mark(db, "deleted", item)
    else:
        db.run(lambda conn: conn.execute(sa.update(notifications).values(withdrawn_at=clock.now())))
    told_so_far(db)
    travel(2 * DAY)
    assert give_back(db) == 1
    assert give_back(db) == 0
    assert items(db) == []
    assert kinds(db) == []


def test_two_bring_back_each_once(db: Database, travel: Travel) -> None:
    fill(db, 30)
    shown: list[Item] = items(db)
    mark(db, "snoozed", *shown, until=clock.now() + DAY)
    travel(2 * DAY)
    told_so_far(db)
    numbers: list[int] = []

    def work() -> None:
        while number := db.run(lambda conn: marking.give_back(conn, most=4)):
            numbers.append(number)

    both = [threading.Thread(target=work) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert sum(numbers) == 30
    assert sorted(id for _, _, id in kinds(db)) == sorted(item.id for item in shown)
    assert unread(db) == 30
