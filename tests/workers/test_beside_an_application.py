"""An application that emits beside workers, while PostgreSQL (F3), the application and workers (F4) are killed."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from clarion import Clarion
from clarion.store.schema import deliveries, events, notifications, outcomes
from tests.emit.producers import Producer, host_engine
from tests.support.acme import Plan, application, sends
from tests.support.children import Children, stop
from tests.support.postgres import FAST, Postgres
from tests.support.working import await_true, crowd, done, no_duplicates, results

LIMITS: dict[str, Any] = {"lease": timedelta(seconds=2), "concurrency": 4, "batch": 8}
ROLLED_BACK = 3  # every third


def order_without_end(plan: Plan, name: str, answer: Pipe) -> None:
    """Each order and its event in one transaction of the application's own; says which are committed.

    While the database is away it goes on with the next order, as if it had been refused.
    """
    clarion, engine = application(plan), host_engine(plan.database)
    n = 0
    while True:
        n += 1
        key = f"{name}/{n}" if n % ROLLED_BACK else f"{name}/{n}/rolled back"
        try:
            with engine.connect() as conn:
                conn.execute(sa.text("INSERT INTO orders VALUES (:name)"), {"name": key})
                clarion.emit(conn, "wired", to=["p00000"], key=key)
                if n % ROLLED_BACK:
                    conn.commit()
                    answer.send(key)
        except sa.exc.DBAPIError:
            time.sleep(0.05)


class Books:
    """What the application heard to be committed, against what is there and what arrived."""

    def __init__(self, clarion: Clarion, wire: Path) -> None:
        self.clarion, self._wire = clarion, wire
        with clarion.database.engine.begin() as conn:
            conn.execute(sa.text("CREATE TABLE orders (name TEXT)"))
        clarion.start()
        crowd(clarion, 1)

    def check(self, acknowledged: list[str]) -> None:
        """All that was acknowledged has arrived, nothing that was rolled back, and each as often as can be explained."""
        read = self.clarion.database.read
        orders = set(read(lambda conn: conn.execute(sa.text("SELECT name FROM orders")).scalars().all()))
        keys = read(lambda conn: conn.execute(sa.select(events.c.key)).scalars().all())
        assert len(keys) == len(set(keys))
        assert set(keys) == orders, "an event stands with its order"
        assert set(acknowledged) <= orders
        assert not [key for key in orders if "rolled back" in key]
        chosen = sa.select(events.c.key, deliveries.c.id).select_from(events)
        chosen = chosen.join(notifications, notifications.c.event_id == events.c.id)
        chosen = chosen.join(deliveries, deliveries.c.notification_id == notifications.c.id)
        key_of = {str(row.id): row.key for row in read(lambda conn: conn.execute(chosen).all())}
        arrived = Counter(key_of[note["id"]] for note in sends(self._wire))
        assert set(arrived) == orders
        assert results(self.clarion) == {"sent": len(orders)}
        lost = sa.select(outcomes.c.delivery_id).where(outcomes.c.result == "lost")
        unknown = Counter(str(id) for id in read(lambda conn: conn.execute(lost).scalars().all()))
        begun = Counter(note["id"] for note in sends(self._wire, "begun"))
        assert all(times <= 1 + unknown[id] for id, times in begun.items()), "at most one more per lost lease"
        no_duplicates(self.clarion)


@pytest.fixture
def wire(tmp_path: Path) -> Path:
    return tmp_path / "wire"


@pytest.fixture
def producers() -> Iterator[list[Producer]]:
    running: list[Producer] = []
    yield running
    for producer in running:
        producer.kill()


def test_postgresql_is_killed_again_and_again(
    migrated_postgres: str, wire: Path, started: Children, producers: list[Producer]
) -> None:
    """F3: what was acknowledged is there, and workers go on by themselves soon after it is back."""
    with Postgres(FAST) as server:
        plan = Plan(database=server.create_database("own"), wire=str(wire), takes=0.01, limits=LIMITS)
        clarion = application(plan)
        clarion.migrate()
        books = Books(clarion, wire)
        workers = [started.start(plan) for _ in range(2)]
        producers.append(Producer(order_without_end, plan, "order"))
        heard: list[str] = []
        took = []
        for _ in range(4):
            before = len(heard)
            heard += [producers[0].heard() for _ in range(30)]
            await_true(lambda before=before: len(sends(wire)) >= before)
            server.kill()
            had = len(sends(wire))
            server.start()
            back = time.monotonic()
            await_true(lambda had=had: len(sends(wire)) > had + LIMITS["concurrency"] * len(workers))
            took.append(time.monotonic() - back)
        heard += producers.pop().kill()
        clarion.close()  # the connections that broke
        await_true(lambda: done(clarion))
        for worker in workers:
            assert worker.is_alive()
            stop(worker)
        books.check(heard)
        clarion.close()
    assert min(took) < 5


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_two_applications_and_two_workers_on_one_file_are_killed(
    database_url: str, wire: Path, started: Children, producers: list[Producer]
) -> None:
    """F4: any of them at any moment, in whatever it is writing: the file is whole, and nothing is lost."""
    dice = random.Random(4)
    plan = Plan(database=database_url, wire=str(wire), takes=0.01, limits=LIMITS)
    clarion = application(plan)
    books = Books(clarion, wire)
    workers = [started.start(plan) for _ in range(2)]
    heard: list[str] = []
    for n in range(12):
        producers += [Producer(order_without_end, plan, f"{n}{side}") for side in "ab"[len(producers) :]]
        for producer in producers:
            heard += [producer.heard() for _ in range(dice.randrange(4, 12))]
        before = len(sends(wire))
        await_true(lambda before=before: len(sends(wire)) > before or done(clarion))
        victim = workers.pop(dice.randrange(2))
        victim.kill()
        heard += producers.pop(dice.randrange(2)).kill()
        victim.join()
        assert whole(database_url)
        workers.append(started.start(plan))
    while producers:
        heard += producers.pop().kill()
    await_true(lambda: done(clarion))
    for worker in workers:
        stop(worker)
    books.check(heard)
    assert whole(database_url)
    clarion.close()


def whole(url: str) -> bool:
    """What SQLite itself says of its file."""
    with closing(sqlite3.connect(str(make_url(url).database), timeout=60)) as conn:
        (said,) = conn.execute("PRAGMA integrity_check").fetchall()
        return bool(said == ("ok",) and not conn.execute("PRAGMA foreign_key_check").fetchall())


def test_a_message_that_kills_its_worker_ends_failed_and_its_neighbours_arrive(
    database_url: str, wire: Path, started: Children
) -> None:
    """F11: once among others, then at most three times alone."""
    plan = Plan(database=database_url, wire=str(wire), limits={**LIMITS, "lease": timedelta(seconds=1)})
    clarion = application(plan)
    clarion.start()
    who = crowd(clarion, 30)
    fields: list[dict[str, Any]] = [
        {"to": who[:15]},
        {"to": who[:1], "data": {"deadly": True}},
        {"to": who[15:]},
    ]
    ids = clarion.database.run(lambda conn: clarion.emit_many(conn, [("wired", one) for one in fields]))
    worker, deaths = started.start(plan), 0

    def over() -> bool:
        nonlocal worker, deaths
        if not worker.is_alive():
            worker, deaths = started.start(plan), deaths + 1
        return done(clarion)

    await_true(over)
    stop(worker)
    assert deaths == 4
    assert results(clarion) == {"sent": 30, "failed": 1}
    (deadly,) = clarion.why(ids[1], who[0]).deliveries
    assert deadly.attempts[-1].code == "lease_lost"
    assert all(told.sent_at for id in (ids[0], ids[2]) for told in clarion.status(id))
    no_duplicates(clarion)
    clarion.close()
