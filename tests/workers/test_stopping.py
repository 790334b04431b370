"""Stopped, frozen, cut off from the database: in good order, or as if nothing had been."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion
from clarion.store.schema import events
from clarion.workers.loop import Bell, keep
from tests.support.acme import Plan, application, sends
from tests.support.children import Children, stop
from tests.support.postgres import FAST, Postgres
from tests.support.working import (
    PATIENCE,
    Wire,
    await_true,
    crowd,
    done,
    emit,
    no_duplicates,
    people,
    results,
    until,
    working,
)
from tests.workers.conftest import SOON, Make


@pytest.fixture
def plan(database_url: str, tmp_path: Path) -> Callable[..., Plan]:
    def of(*, takes: float, **limited: Any) -> Plan:
        return Plan(database=database_url, wire=str(tmp_path / "wire"), takes=takes, limits=limited)

    return of


@pytest.fixture
def clarion(plan: Callable[..., Plan]) -> Iterator[Clarion]:
    made = application(plan(takes=0))
    made.start()
    yield made
    made.close()


def test_sigterm_under_load(
    clarion: Clarion, plan: Callable[..., Plan], started: Children, tmp_path: Path
) -> None:
    """Rolling restarts: what runs ends, the rest is given back unspent, and nothing is sent twice."""
    wire = tmp_path / "wire"
    emit(clarion, "wired", to=crowd(clarion, 150))
    settings = plan(takes=0.15, concurrency=10, batch=60)
    for _ in range(3):
        had = len(sends(wire))
        worker = started.start(settings)
        await_true(lambda had=had: len(sends(wire)) >= had + 15)
        told_at = time.monotonic()
        stop(worker)
        assert time.monotonic() - told_at < 6
        notes = sends(wire, "begun")
        assert len(notes) == len(sends(wire)), "what was begun has ended"
        begun_late = [note for note in notes if note["at"] > told_at + 0.3]
        assert not begun_late, "nothing is begun after the signal"
        assert results(clarion)["sent"] == len(notes)
        assert sum(results(clarion, final=False).values()) - results(clarion)["sent"] > 0, (
            "none was given back"
        )
    last = started.start(settings)
    await_true(lambda: done(clarion))
    stop(last)
    assert set(Counter(note["id"] for note in sends(wire)).values()) == {1}
    every = results(clarion, final=False)
    assert (every.pop("sent"), set(every)) == (150, {"given_back"})


def test_rolling_restarts(
    clarion: Clarion, plan: Callable[..., Plan], started: Children, tmp_path: Path
) -> None:
    """Two of three workers at a time, 24 in all: none lost, none twice, and no attempt spent in vain."""
    wire, number = tmp_path / "wire", 100
    who = crowd(clarion, number)
    settings = plan(takes=0.02, concurrency=4, batch=20, page=30, grace=timedelta(seconds=PATIENCE))
    running = [started.start(settings) for _ in range(3)]
    emitted = 0
    for _ in range(12):
        had = len(sends(wire))
        while emitted * number < had + 3 * number:  # enough to be at work all the time
            emit(clarion, "wired", to=who)
            emitted += 1
        await_true(lambda had=had: len(sends(wire)) >= had + 20)
        for worker in (leaving := running[:2]):
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGTERM)
        running = [running[2], *(started.start(settings) for _ in leaving)]
        for worker in leaving:
            worker.join(PATIENCE)
            assert worker.exitcode == 0
    await_true(lambda: done(clarion))
    for worker in running:
        stop(worker)
    times = Counter(note["id"] for note in sends(wire, "begun"))
    assert len(times) == emitted * number
    assert set(times.values()) == {1}
    every = results(clarion, final=False)
    assert every.pop("sent") == emitted * number
    assert set(every) == {"given_back"}
    losses = clarion.database.read(
        lambda conn: conn.execute(sa.select(sa.func.sum(events.c.losses))).scalar()
    )
    assert losses == 0, "walks were given back, too"
    no_duplicates(clarion)


def test_grace_is_bounded(
    clarion: Clarion, plan: Callable[..., Plan], started: Children, tmp_path: Path
) -> None:
    """A send that does not end in time is cut off: its outcome is unknown, and it is tried again."""
    emit(clarion, "wired", to=crowd(clarion, 5))
    worker = started.start(plan(takes=60, concurrency=2, grace=timedelta(seconds=0.5)))
    await_true(lambda: len(sends(tmp_path / "wire", "begun")) == 2)
    told_at = time.monotonic()
    stop(worker)
    assert time.monotonic() - told_at < 6
    assert results(clarion, final=False) == {"retry": 2, "given_back": 3}
    healthy = started.start(plan(takes=0))
    await_true(lambda: done(clarion))
    stop(healthy)
    assert results(clarion) == {"sent": 5}


def test_frozen_past_its_lease_and_woken(
    clarion: Clarion, plan: Callable[..., Plan], started: Children, tmp_path: Path
) -> None:
    """SIGSTOP, SIGCONT: of its whole batch only what was in the middle of being sent can be doubled."""
    wire = tmp_path / "wire"
    emit(clarion, "wired", to=crowd(clarion, 40))
    settings = plan(takes=0.1, lease=timedelta(seconds=1.5), concurrency=3, batch=40)
    frozen = started.start(settings)
    await_true(lambda: len(sends(wire)) >= 3)
    assert frozen.pid is not None
    await_true(lambda: freeze(clarion, frozen.pid))
    in_flight = len(sends(wire, "begun")) - results(clarion)["sent"]
    healthy = started.start(settings)
    await_true(lambda: results(clarion, final=False)["lost"] and results(clarion)["sent"] > 8)
    os.kill(frozen.pid, signal.SIGCONT)
    await_true(lambda: done(clarion), within=30)
    stop(frozen)
    stop(healthy)
    times = Counter(note["id"] for note in sends(wire, "begun"))
    assert len(times) == 40
    assert sum(times.values()) - 40 <= in_flight
    assert results(clarion) == {"sent": 40}
    no_duplicates(clarion)


def freeze(clarion: Clarion, pid: int) -> bool:
    """Stop a process that is in no transaction: what SQLite's lock then does to others is another matter."""
    os.kill(pid, signal.SIGSTOP)
    url = clarion.database.url
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database), timeout=0.02, isolation_level=None)) as conn:
            try:
                conn.execute("BEGIN IMMEDIATE")
                free = True
            except sqlite3.OperationalError:
                free = False
    else:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        others += " AND pid <> pg_backend_pid() AND state <> 'idle'"
        free = not clarion.database.read(lambda conn: conn.exec_driver_sql(others).scalar())
    if not free:
        os.kill(pid, signal.SIGCONT)
    return free


@pytest.mark.anyio
async def test_a_worker_survives_a_restart_of_its_database(
    migrated_postgres: str, caplog: pytest.LogCaptureFixture
) -> None:
    from clarion import Policy

    with Postgres(FAST) as server:
        wire = Wire()
        clarion = Clarion(server.create_database("own"), channels=[wire])
        clarion.migrate()
        clarion.type("note", channels=["inbox", "wire"], policy=Policy(retries=SOON))
        clarion.start()
        recipients = crowd(clarion, 50)
        people(clarion, "bob")
        async with working(clarion):
            for kill in (True, False):
                emit(clarion, "note", to=recipients, data={"kill": kill})
                had = len(wire.taken)
                await until(lambda had=had: len(wire.taken) > had)
                if kill:
                    server.kill()
                else:
                    server.halt()
                await until(lambda: "database error" in caplog.text)
                server.start()
                clarion.close()  # this test's own connections; the pool is the worker's, too
                back = time.monotonic()
                event = emit(clarion, "note", to=["bob"], data={"after": kill})
                await until(lambda event=event: any(m.event.id == event for m in wire.taken), within=5)
                assert time.monotonic() - back < 5
                caplog.clear()
            await until(lambda: done(clarion), within=45)
        assert results(clarion) == {"sent": 102}
        assert set(wire.times().values()) == {1}, "settled when the database was back"
        no_duplicates(clarion)
        clarion.close()


@pytest.mark.anyio
async def test_no_error_ends_a_loop(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clarion.workers import loop

    monkeypatch.setattr(loop, "_AFTER_ERROR", 0.01)
    bell = Bell()
    polls = []

    async def poll() -> float:
        polls.append(1)
        if len(polls) < 4:
            raise [ValueError("a"), KeyError("b"), RuntimeError("c")][len(polls) - 1]
        bell.stop()
        return 0.0

    await keep(poll, bell)
    assert len(polls) == 4
    assert caplog.text.count("unexpected error") == 3


@pytest.mark.anyio
async def test_an_idle_worker_asks_seldom(make: Make, wire: Wire) -> None:
    """Neither what is done, nor what waits, nor what another holds makes a loop run hot."""
    clarion = make(wire, poll=timedelta(milliseconds=100))
    people(clarion, "bob")
    emit(clarion, "note", to=["bob"])
    emit(clarion, "note", to=["bob"], at=datetime.now(UTC) + timedelta(days=1))
    commits: list[int] = []
    async with working(clarion):
        await until(lambda: results(clarion)["sent"] == 1)
        sa.event.listen(clarion.database.engine, "commit", lambda _conn: commits.append(1))
        began = time.monotonic()
        await asyncio.sleep(1)
        idle, seconds = len(commits), time.monotonic() - began
    assert idle <= 40 * seconds, (
        "two loops, ten times a second, and the others less often; one that runs hot, hundreds"
    )
