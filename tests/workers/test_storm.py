"""What kills its process, and processes killed at random: the rest arrives, and nothing is lost."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarion import Clarion
from clarion.demo.catcher import count as caught
from clarion.demo.catcher import received
from clarion.store.schema import events, outcomes
from tests.support.acme import Plan, application
from tests.support.children import Children, stop
from tests.support.working import await_true, crowd, done, emit_many, no_duplicates, results
from tests.workers.test_killed import ids_on_the_wire


def test_an_audience_that_kills_the_process_ends_failed_and_its_neighbours_arrive(
    database_url: str, started: Children
) -> None:
    short = {"lease": timedelta(seconds=1)}
    clarion = application(Plan(database=database_url))
    clarion.start()
    clarion.recipients.upsert("p00000")
    batch: list[tuple[str, Any]] = [("slowly", {"data": {"n": n}}) for n in range(4)]
    *slow, deadly = emit_many(clarion, [*batch, ("deadly", {})])
    deaths = 0
    worker = started.start(Plan(database=database_url, limits=short))
    deadline = time.monotonic() + 40
    while not done(clarion):
        assert time.monotonic() < deadline
        if not worker.is_alive():
            assert worker.exitcode == 9
            deaths += 1
            worker = started.start(Plan(database=database_url, limits=short))
        time.sleep(0.02)
    stop(worker)
    assert 1 <= deaths <= 4, "once among others, then at most three times alone"
    assert all([told.recipient for told in clarion.status(event)] == ["p00000"] for event in slow)
    assert "killed or froze the worker" in clarion.why(deadly, "p00000").sentence
    losses = clarion.database.read(
        lambda conn: conn.execute(sa.select(events.c.losses).where(events.c.type == "slowly")).scalars().all()
    )
    assert max(losses) <= 2
    clarion.close()


def test_a_storm_of_kills(
    mailing: Clarion, database_url: str, mails: tuple[str, Path], started: Children
) -> None:
    """Three workers, 25 kills at random, 2,000 mails: none lost, no more doubled than was in flight."""
    url, kept = mails
    kills, number, workers = 25, 2000, 3
    chosen = random.Random(4)
    limited = {"lease": timedelta(seconds=2), "concurrency": 8, "batch": 20, "page": 100}
    plan = Plan(database=database_url, smtp=url, limits=limited)
    recipients = crowd(mailing, 100, channel="email")
    running = [started.start(plan) for _ in range(workers)]
    emitted = 0
    for _ in range(kills):
        batch: list[tuple[str, Any]] = [
            ("mailed", {"to": recipients, "data": {"n": emitted + n}})
            for n in range(min(1, number // 100 - emitted))
        ]
        emit_many(mailing, batch)
        emitted += len(batch)
        before = caught(kept)
        some = chosen.randrange(1, 60)
        await_true(lambda before=before, some=some: caught(kept) >= before + some or done(mailing), within=10)
        victim = running.pop(chosen.randrange(workers))
        victim.kill()
        running.append(started.start(plan))
    await_true(lambda: done(mailing), within=60)
    for worker in running:
        stop(worker)

    mails_ = Counter(mail.message_id for mail in received(kept))
    assert set(mails_) == ids_on_the_wire(mailing)
    assert len(mails_) == number
    assert results(mailing) == {"sent": number}
    no_duplicates(mailing)
    most_in_flight = 8 + 20  # at once, and taken while the last settlement lingered
    doubled = sum(mails_.values()) - len(mails_)
    assert doubled <= kills * most_in_flight
    lost = mailing.database.read(
        lambda conn: conn.execute(
            sa.select(sa.func.count()).select_from(outcomes).where(outcomes.c.result == "lost")
        ).scalar_one()
    )
    assert doubled <= lost, "only what was in hand of a killed worker is sent again"
