"""kill -9 of a worker at each step: nothing is lost, and no more is doubled than was in flight."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion
from clarion.demo.catcher import count as caught
from clarion.demo.catcher import received
from clarion.store import people as store
from clarion.store.schema import deliveries, events, notifications, outcomes
from tests.support.acme import Plan, application
from tests.support.children import Children, children, stop, wait_killed
from tests.support.working import (
    await_true,
    count,
    crowd,
    done,
    emit,
    emit_many,
    no_duplicates,
    results,
)

LEASE = 2.0
SHORT = {"lease": timedelta(seconds=LEASE), "concurrency": 4, "batch": 8}
FIRST_BACK_OFF = 1.0


@pytest.fixture
def started() -> Iterator[Children]:
    with children() as all_:
        yield all_


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A mail catcher: the URL to send to, and the file in which it keeps what came."""
    kept = tmp_path / "mails.db"
    command = [sys.executable, "-m", "clarion.demo.catcher", "--port", "0", "--store", str(kept)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"smtp://127.0.0.1:{json.loads(process.stdout.readline())['port']}", kept
        process.terminate()


@pytest.fixture
def clarion(database_url: str, mails: tuple[str, Path]) -> Iterator[Clarion]:
    made = application(Plan(database=database_url, smtp=mails[0]))
    made.start()
    yield made
    made.close()


def sent_ids(clarion: Clarion) -> set[str]:
    ids = clarion.database.read(lambda conn: conn.execute(sa.select(deliveries.c.id)).scalars().all())
    return {f"<{id}@acme.test>" for id in ids}


@pytest.mark.parametrize(
    "point", ["claiming", "claimed", "rendered", "sending", "sent", "settling", "settled"]
)
def test_a_sender_killed_at_each_step(
    clarion: Clarion, database_url: str, mails: tuple[str, Path], started: Children, point: str
) -> None:
    url, kept = mails
    emit(clarion, "mailed", to=crowd(clarion, 6, channel="email"))
    plan = Plan(database=database_url, smtp=url, limits=SHORT)
    wait_killed(started.start(Plan(database=database_url, smtp=url, limits=SHORT, fail_at=point)))
    killed_at = datetime.now(UTC)
    in_flight = caught(kept) - results(clarion)["sent"]
    if point in {"claiming", "claimed", "rendered", "sending"}:
        assert (in_flight, caught(kept)) == (0, 0)
    if point in {"sent", "settling"}:
        assert in_flight > 0

    healthy = started.start_ready(plan)
    late = max(killed_at + timedelta(seconds=LEASE), datetime.now(UTC))
    await_true(lambda: done(clarion))
    stop(healthy)
    mails_ = Counter(mail.message_id for mail in received(kept))
    assert set(mails_) == sent_ids(clarion), "lost"
    assert sum(mails_.values()) - len(mails_) <= in_flight, "doubled without cause"
    assert max(mails_.values()) <= 2
    assert results(clarion) == {"sent": 6}
    no_duplicates(clarion)
    lost = clarion.database.read(
        lambda conn: conn.execute(sa.select(outcomes.c.at).where(outcomes.c.result == "lost")).scalars().all()
    )
    if point not in {"claiming", "settled"}:
        assert lost
    # Found within a poll of its lease's end, and due again a back-off after that.
    assert all(at < late + timedelta(seconds=1) for at in lost)
    last = max(mail.received_at for mail in received(kept))
    assert last < late + timedelta(seconds=FIRST_BACK_OFF + 1 + 4), "due again in time"


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("event claimed", 1),
        ("resolving", 1),
        ("writing a page", 3),
        ("between pages", 2),
        ("between pages", 7),
        ("finishing", 1),
    ],
)
def test_a_fan_out_killed_at_each_step(database_url: str, started: Children, point: str, nth: int) -> None:
    """150 named by a resolver, 200 followers, pages of 40: everybody once, with the strongest reason."""
    short = {"lease": timedelta(seconds=LEASE), "page": 40}
    clarion = application(Plan(database=database_url))
    clarion.start()
    ids = [f"p{n:05}" for n in range(200)]

    def follow(conn: sa.Connection) -> None:
        for id in ids:
            store.subscribe(conn, "default", id, ["repo"])

    clarion.database.run(follow)
    event = emit(clarion, "walked", to={"author": ["p00007", "p00066"]}, topic="repo")
    wait_killed(started.start(Plan(database=database_url, limits=short, fail_at=point, nth=nth)))
    killed_at = time.monotonic()
    had = count(clarion, notifications)
    assert had == {"event claimed": 0, "resolving": 0, "finishing": 200}.get(point, min(40 * nth, had))

    healthy = started.start_ready(Plan(database=database_url, limits=short))
    late = max(killed_at + LEASE, time.monotonic())
    await_true(lambda: done(clarion))
    assert time.monotonic() < late + FIRST_BACK_OFF + 1 + 4
    stop(healthy)
    expected = dict.fromkeys(ids, "subscribed")
    expected |= {f"p{n:05}": "participant" for n in range(120)}
    expected |= {"p00007": "author"}
    expected |= {f"p{n:05}": "mention" for n in range(60, 150, 3)}
    assert {told.recipient: told.reason for told in clarion.status(event)} == expected
    no_duplicates(clarion)
    row = clarion.database.read(lambda conn: conn.execute(sa.select(events)).one())
    assert (row.losses, row.failure) == (1, None)
    clarion.close()


def test_an_audience_that_kills_the_process_ends_failed_and_its_neighbours_arrive(
    database_url: str, started: Children
) -> None:
    short = {"lease": timedelta(seconds=1)}
    clarion = application(Plan(database=database_url))
    clarion.start()
    clarion.upsert_recipient("p00000")
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
    clarion: Clarion, database_url: str, mails: tuple[str, Path], started: Children
) -> None:
    """Three workers, 25 kills at random, 2,000 mails: none lost, no more doubled than was in flight."""
    url, kept = mails
    kills, number, workers = 25, 2000, 3
    chosen = random.Random(4)
    limited = {"lease": timedelta(seconds=2), "concurrency": 8, "batch": 20, "page": 100}
    plan = Plan(database=database_url, smtp=url, limits=limited)
    recipients = crowd(clarion, 100, channel="email")
    running = [started.start(plan) for _ in range(workers)]
    emitted = 0
    for _ in range(kills):
        batch: list[tuple[str, Any]] = [
            ("mailed", {"to": recipients, "data": {"n": emitted + n}})
            for n in range(min(1, number // 100 - emitted))
        ]
        emit_many(clarion, batch)
        emitted += len(batch)
        before = caught(kept)
        some = chosen.randrange(1, 60)
        await_true(lambda before=before, some=some: caught(kept) >= before + some or done(clarion), within=10)
        victim = running.pop(chosen.randrange(workers))
        victim.kill()
        running.append(started.start(plan))
    await_true(lambda: done(clarion), within=60)
    for worker in running:
        stop(worker)

    mails_ = Counter(mail.message_id for mail in received(kept))
    assert set(mails_) == sent_ids(clarion)
    assert len(mails_) == number
    assert results(clarion) == {"sent": number}
    no_duplicates(clarion)
    most_in_flight = 8 + 20  # at once, and taken while the last settlement lingered
    doubled = sum(mails_.values()) - len(mails_)
    assert doubled <= kills * most_in_flight
    lost = clarion.database.read(
        lambda conn: conn.execute(
            sa.select(sa.func.count()).select_from(outcomes).where(outcomes.c.result == "lost")
        ).scalar_one()
    )
    assert doubled <= lost, "only what was in hand of a killed worker is sent again"
