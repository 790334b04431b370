"""Taking back: what a withdrawal bears on, and applying it to what was decided, page by page, by any number."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import event
from clarion.errors import InvalidInput, NotMigrated
from clarion.event import Event
from clarion.ids import uuid7
from clarion.store import applying, conditions, events, withdrawals
from clarion.store.database import Database
from clarion.store.schema import conditions as conditions_table
from clarion.store.schema import events as events_table
from clarion.store.schema import notifications, queue
from clarion.store.schema import withdrawals as table
from clarion.store.walks import event_from
from tests.store.make import person, told


def emitted(db: Database, **fields: Any) -> Event:
    made = event.make("cl.merged", fields)  # type: ignore[arg-type]  # any fields
    db.run(lambda conn: events.emit(conn, [made]))
    return made


def take_back(db: Database, target: withdrawals.Target, value: Any, recipient: str | None = None) -> None:
    db.run(lambda conn: withdrawals.write(conn, "default", target, value, recipient=recipient))


def of(db: Database, *which: Event) -> withdrawals.Withdrawn:
    return db.read(lambda conn: withdrawals.read(conn, which))


def apply_all(db: Database, *, most: int = 1000) -> int:
    """How many pages it took."""
    pages, after = 0, None
    while pending := db.read(lambda conn: applying.pending(conn, most=1)):
        page = db.run(partial(applying.apply, key=pending[0], after=after, most=most))
        assert page is not None
        after = page.after
        pages += 1
    return pages


def marks(db: Database, which: Event, name: str) -> set[str]:
    """Those whose notification of this event is marked."""
    its = (notifications.c.event_id == which.id, notifications.c[name].is_not(None))
    return set(
        db.read(lambda conn: conn.execute(sa.select(notifications.c.recipient).where(*its)).scalars().all())
    )


def waiting(db: Database) -> int:
    return db.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(queue)).scalar_one())


# ── What it bears on ─────────────────────────────────────────────────────────────────────────────────────


def test_a_subject_until_now_for_all_or_for_one(db: Database) -> None:
    before, other = emitted(db, subject="cl/1"), emitted(db, subject="cl/2")
    take_back(db, "subject", "cl/1", "bob")
    between = emitted(db, subject="cl/1")
    take_back(db, "subject", "cl/1")
    after = emitted(db, subject="cl/1")
    found = of(db, before, other, between, after)
    assert found.wholly == {before.id, between.id}
    assert found.for_some == {before.id: {"bob"}}
    assert found.resolved == set()
    assert found.for_(before.id, "bob")
    assert found.for_(between.id, "carol")
    assert not found.for_(after.id, "bob")
    assert not found.for_(other.id, "bob")


def test_a_condition_until_now(db: Database) -> None:
    before, other = emitted(db, condition="disk/1"), emitted(db, condition="disk/2")
    take_back(db, "condition", "disk/1")
    after = emitted(db, condition="disk/1")
    found = of(db, before, other, after)
    assert (found.resolved, found.wholly) == ({before.id}, set())


def test_one_event_whatever_the_clocks_say(db: Database) -> None:
    ahead = emitted(db)
    late = ahead.id.int + (1 << 90)  # as made by a machine whose clock runs ahead
    db.run(lambda conn: conn.execute(sa.update(events_table).values(id=type(ahead.id)(int=late))))
    (row,) = db.read(lambda conn: conn.execute(sa.select(events_table)).all())
    take_back(db, "event_id", row.id)
    assert of(db, event_from(row)).wholly == {row.id}


def test_another_tenant_s_is_not_touched(db: Database) -> None:
    theirs = emitted(db, tenant="acme", subject="cl/1", condition="disk/1")
    take_back(db, "subject", "cl/1")
    take_back(db, "condition", "disk/1")
    with pytest.raises(InvalidInput, match=r"there is no event .* in tenant 'default'"):
        take_back(db, "event_id", theirs.id)
    assert of(db, theirs) == withdrawals.Withdrawn()


def test_an_unknown_event_is_refused_and_nothing_written(db: Database) -> None:
    with pytest.raises(InvalidInput, match="there is no event"):
        take_back(db, "event_id", uuid7())
    assert db.read(lambda conn: conn.execute(sa.select(table)).all()) == []


def test_without_tables_it_says_what_to_run(empty_database_url: str) -> None:
    db = Database(empty_database_url)
    with pytest.raises(NotMigrated, match="clarion migrate"):
        take_back(db, "subject", "cl/1")
    db.close()


# ── Applying ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def three(db: Database) -> list[Event]:
    """Three events, the last about something else, told to five people each."""

    def write(conn: sa.Connection) -> list[Event]:
        for n in range(5):
            person(conn, f"p{n}")
        who = [f"p{n}" for n in range(5)]
        return [
            told(conn, *who, subject="cl/1", condition="disk/1"),
            told(conn, *who, subject="cl/1"),
            told(conn, *who, subject="cl/2"),
        ]

    return db.run(write)


EVERYBODY = {f"p{n}" for n in range(5)}


@pytest.mark.parametrize(("most", "pages"), [(1000, 1), (10, 2), (4, 3), (1, 11)])
def test_a_subject_is_taken_back_page_by_page(
    db: Database, three: list[Event], most: int, pages: int
) -> None:
    take_back(db, "subject", "cl/1")
    assert apply_all(db, most=most) == pages
    assert [marks(db, one, "withdrawn_at") for one in three] == [EVERYBODY, EVERYBODY, set()]
    assert waiting(db) == 5
    marked = sa.select(events_table.c.id).where(events_table.c.withdrawn_at.is_not(None))
    assert set(db.read(lambda conn: conn.execute(marked).scalars().all())) == {three[0].id, three[1].id}
    assert db.read(lambda conn: conn.execute(sa.select(table.c.applied_at)).scalar_one()) is not None


@pytest.mark.parametrize("most", [1000, 1])
def test_for_one_recipient_only(db: Database, three: list[Event], most: int) -> None:
    take_back(db, "subject", "cl/1", "p3")
    apply_all(db, most=most)
    assert [marks(db, one, "withdrawn_at") for one in three] == [{"p3"}, {"p3"}, set()]
    assert waiting(db) == 13
    assert (
        db.read(lambda conn: conn.execute(sa.select(events_table.c.withdrawn_at)).scalars().all())
        == [None] * 3
    )


def test_one_event(db: Database, three: list[Event]) -> None:
    take_back(db, "event_id", three[1].id)
    apply_all(db)
    assert [marks(db, one, "withdrawn_at") for one in three] == [set(), EVERYBODY, set()]


def test_a_resolution_marks_and_closes(db: Database, three: list[Event]) -> None:
    opened = {
        "tenant": "default",
        "id": uuid7(),
        "condition": "disk/1",
        "event_id": three[0].id,
        "severity": 0,
        "opened_at": three[0].at,
        "last_at": three[0].at,
    }
    db.run(lambda conn: conn.execute(sa.insert(conditions_table).values(opened)))
    take_back(db, "condition", "disk/1")
    assert db.read(lambda conn: conditions.opened(conn, "default", "", {})) == [], "from its commit on"
    apply_all(db, most=2)
    assert [marks(db, one, "resolved_at") for one in three] == [EVERYBODY, set(), set()]
    assert marks(db, three[0], "withdrawn_at") == set()
    assert db.read(lambda conn: conn.execute(sa.select(conditions_table.c.resolved_at)).scalar_one())
    assert waiting(db) == 10


def test_begun_by_another_process_it_is_gone_on_with(db: Database, three: list[Event]) -> None:
    """A worker dies between two pages: what is marked is passed over, and nothing forgotten."""
    take_back(db, "subject", "cl/1")
    (key,) = db.read(lambda conn: applying.pending(conn, most=10))
    page = db.run(lambda conn: applying.apply(conn, key, most=3))
    assert page == applying.Applied(done=False, after=(three[0].id, "p2"))
    assert apply_all(db, most=3) == 3
    assert [marks(db, one, "withdrawn_at") for one in three] == [EVERYBODY, EVERYBODY, set()]


def test_applied_once_and_for_nobody_it_is_applied_too(db: Database) -> None:
    for _ in range(3):
        take_back(db, "condition", "nothing of this name")
    keys = db.read(lambda conn: applying.pending(conn, most=10))
    assert keys == sorted(keys, key=lambda key: key[1].bytes)
    for key in keys:
        assert db.run(lambda conn, key=key: applying.apply(conn, key)) == applying.Applied(done=True)
        assert db.run(lambda conn, key=key: applying.apply(conn, key)) is None
    assert db.read(lambda conn: applying.pending(conn, most=10)) == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_one_in_another_s_hands_is_passed_over(db: Database, three: list[Event]) -> None:
    take_back(db, "subject", "cl/1")
    (key,) = db.read(lambda conn: applying.pending(conn, most=10))
    with db.engine.begin() as conn:
        assert applying.apply(conn, key, most=3) is not None
        assert db.run(lambda other: applying.apply(other, key)) is None
