"""The change feed: what is committed, in order, without gaps, each once; whoever writes, numbers, reads or dies (C7)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion import Clarion, clock
from clarion.change import News
from clarion.delivery import sent
from clarion.ids import uuid7
from clarion.store import cancelling, changes, outcomes, queue
from clarion.store import schema as s
from clarion.store.changes import Chosen
from clarion.store.database import Database
from clarion.store.outcomes import Settlement
from tests.store.make import CHANNEL, person, told
from tests.store.test_inbox import fill, items, mark
from tests.store.test_marking import kinds, told_so_far
from tests.store.test_withdrawals import apply_all, take_back
from tests.support.working import await_true

ALL = Chosen()
on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def tell(conn: Connection, *ids: UUID, recipient: str = "bob", tenant: str = "default") -> None:
    changes.tell(conn, "read", [(tenant, recipient, id) for id in ids], clock.now())


def read(db: Database, after: int = 0, chosen: Chosen = ALL, most: int = 500) -> changes.Read:
    return db.read(lambda conn: changes.read(conn, chosen, after=after, most=most))


def follow(
    db: Database, chosen: Chosen = ALL, most: int = 500, after: int = 0
) -> list[Row[tuple[object, ...]]]:
    """All pages, as a reader goes on from one to the next."""
    rows: list[Row[tuple[object, ...]]] = []
    while True:
        found = read(db, after, chosen, most)
        assert not found.reset
        rows += found.rows
        if found.upto == after:
            return rows
        after = found.upto


def several(number: int) -> list[UUID]:
    return [uuid7() for _ in range(number)]


# ── What is told ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_becomes_visible_is_told_and_what_is_suppressed_is_not(db: Database) -> None:
    def write(conn: Connection) -> None:
        person(conn, "bob")
        told(conn, "bob", "nobody")

    db.run(write)
    (item,) = items(db)
    assert kinds(db) == [("created", "bob", item.id)]


@pytest.mark.parametrize(("target", "kind"), [("subject", "withdrawn"), ("condition", "resolved")])
def test_what_is_taken_back_or_resolved_is_told_of_what_was_to_be_seen(
    db: Database, target: str, kind: str
) -> None:
    fill(db, 2, subject="cl/1", condition="down" if target == "condition" else None)
    shown, deleted = items(db)
    mark(db, "deleted", deleted)
    told_so_far(db)
    take_back(db, target, "down" if target == "condition" else "cl/1")  # type: ignore[arg-type]
    apply_all(db)
    assert ("bob", shown.id) in [(who, id) for _, who, id in kinds(db)]
    assert {one for one, *_ in kinds(db)} == {kind}
    assert deleted.id not in [id for *_, id in kinds(db)]
    told_so_far(db)
    apply_all(db)
    assert kinds(db) == []


def test_it_is_told_if_and_only_if_it_is_committed(db: Database) -> None:
    fill(db, 1)
    told_so_far(db)

    def fail(conn: Connection) -> None:
        tell(conn, uuid7())
        raise ValueError("the application's")

    with pytest.raises(ValueError, match="the application's"):
        db.run(fail)
    assert kinds(db) == []


@pytest.mark.parametrize("wanted", [False, True])
def test_how_deliveries_end_is_told_where_that_is_wanted(database_url: str, wanted: bool) -> None:
    db = Database(database_url, feed_deliveries=wanted)
    fill(db, 1)
    told_so_far(db)

    def settle(conn: Connection) -> None:
        claims = queue.claim_due(conn, CHANNEL, most=1, each=1, lease=timedelta(minutes=1), after="")
        outcomes.settle(conn, [Settlement(claim, sent("250", timedelta())) for claim in claims])
        left = conn.execute(sa.select(s.notifications.c.tenant, s.notifications.c.id)).all()
        cancelling.cancel(conn, [(row.tenant, row.id) for row in left], code="withdrawn")

    db.run(settle)
    found = kinds(db)
    assert [kind for kind, *_ in found] == (["delivery.sent"] + ["delivery.cancelled"] * 3 if wanted else [])
    bodies = db.read(lambda conn: conn.execute(sa.select(s.unnumbered_changes.c.body)).scalars().all())
    assert {(body["channel"], body["code"]) for body in bodies} == (
        {(CHANNEL, None), (CHANNEL, "withdrawn")} if wanted else set()
    )
    db.close()


# ── Numbers ──────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_read_before_it_has_its_number(db: Database) -> None:
    (id,) = several(1)
    db.run(lambda conn: tell(conn, id))
    assert read(db).rows == []
    assert db.read(changes.pending)
    assert db.run(changes.number) == 1
    assert not db.read(changes.pending)
    assert [(row.n, row.kind, row.recipient, row.row_id) for row in read(db).rows] == [(1, "read", "bob", id)]
    assert db.run(changes.number) == 0
    assert db.read(changes.newest) == 1


def test_one_look_says_whether_anything_is_new(database_url: str) -> None:
    clarion = Clarion(database_url)
    db, asked = clarion.database, list[str]()
    assert db.read(changes.stands) == (False, 0)
    (id,) = several(1)
    db.run(lambda conn: tell(conn, id))
    assert db.read(changes.stands) == (True, 0)
    assert [change.n for change in clarion.changes.read(0).changes] == [1]
    assert db.read(changes.stands) == (False, 1)
    sa.event.listen(db.engine, "before_cursor_execute", lambda _c, _d, statement, *_: asked.append(statement))
    assert clarion.changes.read(1) == News([], 1)
    assert len([one for one in asked if one.startswith("SELECT")]) == 1
    assert clarion.changes.read(2).reset, "such a number was never given"
    clarion.close()


def test_numbers_go_on_in_batches_and_when_all_are_removed(
    db: Database, travel: Callable[[timedelta], None]
) -> None:
    ids = several(7)
    db.run(lambda conn: tell(conn, *ids))
    assert [db.run(lambda conn: changes.number(conn, 3)) for _ in range(4)] == [3, 3, 1, 0]
    assert [row.row_id for row in follow(db, most=2)] == ids
    travel(timedelta(days=1))
    assert db.run(lambda conn: changes.remove(conn, before=clock.now())) == 7
    db.run(lambda conn: tell(conn, ids[0]))
    told_so_far(db)
    assert [row.n for row in read(db, 7).rows] == [8]


def test_who_is_too_far_behind_is_told_to_begin_anew(
    db: Database, travel: Callable[[timedelta], None]
) -> None:
    db.run(lambda conn: tell(conn, *several(4)))
    told_so_far(db)
    travel(timedelta(days=1))
    db.run(lambda conn: tell(conn, *several(2)))
    told_so_far(db)
    before = clock.now() - timedelta(hours=1)
    assert db.run(lambda conn: changes.remove(conn, before=before, most=3)) == 3
    assert db.run(lambda conn: changes.remove(conn, before=before, most=3)) == 1
    assert db.run(lambda conn: changes.remove(conn, before=before)) == 0
    assert read(db, 3) == changes.Read((), 6, reset=True)
    assert [row.n for row in read(db, 4).rows] == [5, 6]
    assert read(db, 7).reset, "a number that was never given is of another database"


@on_postgresql
def test_a_transaction_that_stays_open_holds_up_nobody_and_its_changes_come_later(db: Database) -> None:
    first, late, second = several(3)
    with db.engine.begin() as slow:
        tell(slow, late)
        db.run(lambda conn: tell(conn, first))
        told_so_far(db)
        db.run(lambda conn: tell(conn, second))
        told_so_far(db)
        assert [(row.n, row.row_id) for row in read(db).rows] == [(1, first), (2, second)]
    told_so_far(db)
    assert [(row.n, row.row_id) for row in read(db, 2).rows] == [(3, late)]


@on_postgresql
def test_one_numbers_at_a_time_and_who_comes_second_does_not_wait(db: Database) -> None:
    db.run(lambda conn: tell(conn, *several(3)))
    with db.engine.begin() as one:
        assert changes.number(one, 2) == 2
        assert db.run(changes.number) == 0
        assert read(db).rows == [], "what is not committed is not seen"
    assert db.run(changes.number) == 1
    assert [row.n for row in read(db).rows] == [1, 2, 3]


def test_a_sequencer_that_dies_leaves_no_gap(db: Database) -> None:
    ids = several(5)
    db.run(lambda conn: tell(conn, *ids))
    conn = db.engine.connect()
    transaction = conn.begin()
    assert changes.number(conn, 3) == 3
    conn.invalidate()  # its connection is cut: nothing of it was committed
    transaction.close()
    conn.close()
    await_true(lambda: db.run(changes.number) == len(ids))  # once the server has seen that it is gone
    assert [(row.n, row.row_id) for row in read(db).rows] == list(enumerate(ids, 1))


def test_writers_sequencers_and_readers_at_once(db: Database) -> None:
    """Each writer's changes in its order, each once, without gaps; a reader never sees a number before a lower one."""
    writers, each = 4, 25
    ids = [several(each) for _ in range(writers)]
    done = threading.Event()
    seen: list[Row[tuple[object, ...]]] = []
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - told by the test
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def write(mine: list[UUID]) -> None:
        for n in range(0, each, 5):
            db.run(lambda conn, n=n: tell(conn, *mine[n : n + 5]))  # type: ignore[misc]

    def number() -> None:
        while not done.is_set():
            db.run(lambda conn: changes.number(conn, 7))

    def look() -> None:
        after = 0
        while len(seen) < writers * each and not done.is_set():
            found = read(db, after, most=11)
            seen.extend(found.rows)
            after = found.upto

    writing = [guarded(lambda mine=mine: write(mine)) for mine in ids]  # type: ignore[misc]
    sequencers = [guarded(number) for _ in range(2)]
    reader = guarded(look)
    for thread in writing:
        thread.join(120)
    reader.join(120)
    done.set()
    for thread in (*sequencers, reader):
        thread.join(120)
    assert failures == []
    assert [row.n for row in seen] == list(range(1, writers * each + 1))
    order = [row.row_id for row in seen]
    for mine in ids:
        assert [id for id in order if id in set(mine)] == mine


# ── Whose ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("most", [1, 3, 500])
def test_each_reads_their_own_and_goes_on_from_there(
    db: Database, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(changes, "LOOKED_AT", 4)
    mine: dict[tuple[str, str], list[UUID]] = {}

    def write(conn: Connection) -> None:
        for n in range(12):
            whose = ("default" if n % 4 else "other", "bob" if n % 3 else "carol")
            (id,) = several(1)
            mine.setdefault(whose, []).append(id)
            tell(conn, id, tenant=whose[0], recipient=whose[1])

    db.run(write)
    told_so_far(db)
    for (tenant, recipient), ids in mine.items():
        chosen = Chosen(tenant=tenant, recipient=recipient)
        assert [row.row_id for row in follow(db, chosen, most)] == ids
        assert follow(db, Chosen(tenant=tenant, recipient=recipient, kinds={"created"}), most) == []
    of_other = [row.row_id for row in follow(db, Chosen(tenant="other"), most)]
    assert sorted(of_other) == sorted(mine["other", "bob"] + mine["other", "carol"])
    assert len(follow(db, ALL, most)) == 12
    assert len(follow(db, Chosen(kinds={"read"}), most)) == 12
