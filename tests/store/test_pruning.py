"""Rounds of removing: ended at any point, beside others, and by indexes alone."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import clock
from clarion.store import (
    pruning,
)
from clarion.store import schema as s
from clarion.store.database import Database
from clarion.store.pruning import Round, Tally
from tests.store.past import (
    DAY,
    RETENTION,
    Ago,
    change,
    dangling,
    digest_of,
    number,
    prune,
    settle,
    take_slot,
    tell,
    there,
    told_and_sent,
)
from tests.store.test_kept import STAYS
from tests.store.test_withdrawals import apply_all, take_back


@pytest.mark.parametrize("seed", range(4))
def test_ended_between_any_two_transactions_nothing_dangles(db: Database, ago: Ago, seed: int) -> None:
    """A process may die after each: what is committed stands for itself, and another goes on."""
    chance = random.Random(seed)
    ago(40)
    for n in range(12):
        told_and_sent(db, *(f"p{i}" for i in range(chance.randrange(30))), subject=f"cl/{n % 3}")
    STAYS["is_saved"](db)
    digest_of(db, told_and_sent(db, "bob"))
    change(db, s.digests, closed_at=clock.now())
    STAYS["waits"](db)
    for n in range(3):
        take_back(db, "subject", f"cl/{n}", "p1")
    apply_all(db)
    ago(0)
    done = False
    while not done:
        steps, left = (
            Round(before=RETENTION, most=chance.choice([12, 40])).steps(Tally()),
            chance.randrange(1, 40),
        )
        step = next(steps)
        try:
            for _ in range(left):
                work = step.work
                step = steps.send(db.run(work) if step.writes else db.read(work))
                assert dangling(db) == []
        except StopIteration:
            done = True
    assert len(there(db)) == 2
    assert number(db, s.withdrawals) == 0


def test_what_was_begun_is_gone_on_with_by_another(db: Database, ago: Ago) -> None:
    """Half of a large audience is removed: the other half is looked at again, and goes too."""
    ago(40)
    tell(db, *(f"p{n:03}" for n in range(60)))
    settle(db)
    ago(0)
    steps, written = Round(before=RETENTION, most=40).steps(Tally()), 0
    step = next(steps)
    while written < 3:
        written += step.writes
        step = steps.send(db.run(step.work) if step.writes else db.read(step.work))
    assert number(db, s.notifications) == 30
    prune(db, most=40)
    assert there(db) == set()
    assert dangling(db) == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_others_have_in_hand_is_passed_over(db: Database, ago: Ago) -> None:
    """An event in an application's transaction that emits its key again; an item that somebody is just saving; a
    slot that is just taken anew."""
    ago(40)
    emitted, saved, holding, free = (told_and_sent(db, "bob", key=f"k{n}") for n in range(4))
    take_slot(db, holding, until=clock.now() + DAY)
    ago(0)
    its = s.notifications.c.event_id == saved.id
    with db.engine.begin() as conn:
        conn.execute(sa.update(s.events).where(s.events.c.id == emitted.id).values(key="k0"))
        conn.execute(sa.update(s.notifications).where(its).values(saved_at=clock.now()))
        conn.execute(sa.update(s.slots).values(until=clock.now() + DAY))
        conn.execute(sa.text("SET LOCAL lock_timeout = '10s'"))
        begun = clock.monotonic()
        assert prune(db)["events"] == 1
        assert clock.monotonic() - begun < 5
    assert there(db) == {emitted.id, saved.id, holding.id}
    assert free.id not in there(db)
    assert prune(db)["events"] == 1
    assert there(db) == {saved.id, holding.id}
    assert dangling(db) == []


def test_many_at_once_remove_each_row_once(db: Database, ago: Ago) -> None:
    ago(40)
    for n in range(40):
        told_and_sent(db, "bob", "carol", subject=f"cl/{n}")
    ago(0)
    tallies = [Tally() for _ in range(4)]
    failed: list[Exception] = []

    def work(tally: Tally) -> None:
        try:
            pruning.run(db, Round(before=RETENTION, most=24).steps(tally), lambda: None)
        except Exception as error:  # noqa: BLE001 - said at the end
            failed.append(error)

    threads = [threading.Thread(target=work, args=(tally,)) for tally in tallies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    rest = prune(db)
    assert sum(tally.rows["events"] for tally in tallies) + rest.get("events", 0) == 40
    assert sum(tally.rows["outcomes"] for tally in tallies) + rest.get("outcomes", 0) == 80
    assert there(db) == set()
    assert dangling(db) == []


def test_it_finds_by_index(db: Database, ago: Ago) -> None:
    """The statements of a piece read no table from end to end, however little the planners know."""
    ago(40)
    for n in range(30):
        told_and_sent(db, *(f"p{i}" for i in range(8)), subject=f"cl/{n}")
    ago(0)
    seen: list[tuple[str, Any]] = []

    def record(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        seen.append((statement, parameters))

    sa.event.listen(db.engine, "before_cursor_execute", record)
    prune(db, most=100)
    sa.event.remove(db.engine, "before_cursor_execute", record)
    name = db.engine.dialect.name
    scanned = []
    with db.engine.connect() as conn:
        for statement, parameters in {one[0]: one for one in seen}.values():
            if not statement.lstrip().upper().startswith(("SELECT", "WITH", "DELETE", "UPDATE")):
                continue
            if name == "postgresql":
                conn.exec_driver_sql("SET enable_seqscan = off")
            explain = "EXPLAIN " if name == "postgresql" else "EXPLAIN QUERY PLAN "
            plan = [str(row[-1]) for row in conn.exec_driver_sql(explain + statement, parameters)]
            scanned += [
                line for line in plan if "Seq Scan on clarion" in line or line.startswith("SCAN clarion")
            ]
    # a row for each capped lane of the last hour; one row; and the first thousands, in order
    small = ("clarion_meters", "clarion_permits", "clarion_feed", "sqlite_autoindex_clarion_changes")
    assert [line for line in scanned if not any(name in line for name in small)] == []
