"""Told to stop, and told again: a worker always ends with 0, whatever hangs in its hands, and loses nothing (F16)."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from clarion import Clarion
from clarion.store.schema import events
from tests.support.acme import WAYS, Plan, application, sends
from tests.support.children import Children, stop
from tests.support.command import start
from tests.support.postgres import FAST, Postgres
from tests.support.working import PATIENCE, await_true, count, crowd, done, emit, no_duplicates, results

TERM = signal.SIGTERM
BOTH = (signal.SIGTERM, signal.SIGINT)  # a signal that comes twice before it is heard comes once


@pytest.fixture
def plan(database_url: str, tmp_path: Path) -> Plan:
    """Sends and resolvers hang for as long as any test lasts."""
    limits = {"concurrency": 2, "batch": 6, "grace": timedelta(minutes=10)}
    return Plan(database=database_url, wire=str(tmp_path / "wire"), takes=3600, limits=limits)


@pytest.fixture
def clarion(plan: Plan) -> Iterator[Clarion]:
    made = application(plan)
    made.start()
    yield made
    made.close()


def pid(process: BaseProcess) -> int:
    assert process.pid is not None
    return process.pid


def ended_well(process: BaseProcess) -> None:
    process.join(PATIENCE)
    assert process.exitcode == 0, f"ended with {process.exitcode}"


def busy(wire: Path, process: BaseProcess, sending: int) -> Callable[[], bool]:
    """Whether this process is in the middle of so many sends."""
    return lambda: Counter(note["pid"] for note in sends(wire, "begun"))[pid(process)] >= sending


def test_a_second_signal_at_any_moment(
    clarion: Clarion, plan: Plan, started: Children, tmp_path: Path
) -> None:
    """Hanging sends are cut off, and tried again; a hanging resolver and what was not begun are given back."""
    wire, dice = tmp_path / "wire", random.Random(16)
    emit(clarion, "wired", to=crowd(clarion, 60))
    event = emit(clarion, "hanging")

    def resolving() -> bool:
        leased = sa.and_(events.c.id == event, events.c.lease_until.is_not(None))
        return count(clarion, events, leased) == 1

    rounds = 20
    for _ in range(rounds):
        worker = started.start(plan)
        await_true(busy(wire, worker, 2))
        await_true(resolving)
        first, second = dice.choice([BOTH, BOTH[::-1]])
        os.kill(pid(worker), first)
        time.sleep(dice.uniform(0, 0.05))
        os.kill(pid(worker), second)
        ended_well(worker)
        assert not resolving(), "the event was given back"
    every = results(clarion, final=False)
    assert every["retry"] == len(sends(wire, "begun")) == 2 * rounds, "an attempt each for what was cut off"
    assert set(every) <= {"retry", "given_back"}

    healthy = started.start(replace(plan, takes=0))
    await_true(lambda: done(clarion))
    stop(healthy)
    assert results(clarion) == {"sent": 60}
    no_duplicates(clarion)
    row = clarion.database.read(
        lambda conn: conn.execute(sa.select(events).where(events.c.id == event)).one()
    )
    assert (row.losses, row.failures, row.failure) == (0, 0, None)
    assert [told.recipient for told in clarion.status(event)] == ["p00000"]


def test_signals_without_end(clarion: Clarion, plan: Plan, started: Children) -> None:
    """From the first one until the process is gone, so that none finds a moment at which it does harm."""
    workers = [started.start_ready(plan) for _ in range(4)]
    left = list(workers)
    while left:
        for worker in left:
            with suppress(ProcessLookupError):
                os.kill(pid(worker), TERM)
        time.sleep(0.0005)
        left = [worker for worker in left if worker.is_alive()]
    for worker in workers:
        ended_well(worker)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_command_that_gets_signals_without_end(database_url: str, tmp_path: Path) -> None:
    """The same for `clarion work`, to the last breath of its interpreter."""
    (tmp_path / "types.toml").write_text('[types."cl.merged"]\n')
    worker = start("work", "--database", database_url, "--types", "types.toml", cwd=tmp_path)
    assert worker.stderr is not None
    assert "working on" in worker.stderr.readline()
    await_true(lambda: signal.SIGTERM in _caught(worker.pid))
    while worker.poll() is None:
        worker.send_signal(TERM)
        time.sleep(0.0005)
    _, log = worker.communicate(timeout=PATIENCE)
    assert (worker.returncode, log.count("stopped")) == (0, 1), log
    assert "Traceback" not in log


def _caught(process: int) -> set[int]:
    """The signals that a process has something to say to."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    (mask,) = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt:")]
    return {number for number in range(1, 65) if int(mask, 16) >> (number - 1) & 1}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_cannot_be_cut_off_holds_up_nothing(
    clarion: Clarion, plan: Plan, started: Children, tmp_path: Path
) -> None:
    """A channel that hangs in a thread, catches its cancellation, or blocks the whole event loop."""
    emit(clarion, "wired", to=crowd(clarion, 20))
    plan = replace(plan, limits={**plan.limits, "lease": timedelta(seconds=2)})
    workers = []
    for way in WAYS:
        workers.append(started.start(replace(plan, hangs=way)))
        await_true(busy(tmp_path / "wire", workers[-1], 1))
    for worker in workers:
        for number in BOTH:
            os.kill(pid(worker), number)
    for worker in workers:
        ended_well(worker)
    healthy = started.start(replace(plan, takes=0))
    await_true(lambda: done(clarion))
    stop(healthy)
    assert results(clarion) == {"sent": 20}


def test_a_database_that_hangs_holds_up_no_end(
    migrated_postgres: str, started: Children, tmp_path: Path
) -> None:
    """PostgreSQL is frozen, with whatever it was asked: one signal with a short grace time, or two, end a worker."""
    with Postgres(FAST) as server:
        limits = {
            "lease": timedelta(seconds=3),
            "concurrency": 2,
            "batch": 4,
            "grace": timedelta(seconds=0.5),
        }
        plan = Plan(database=server.create_database("own"), wire=str(tmp_path / "wire"), limits=limits)
        clarion = application(plan)
        clarion.migrate()
        clarion.start()
        emit(clarion, "wired", to=crowd(clarion, 200))
        patient = replace(plan, limits={**limits, "grace": timedelta(minutes=10)})
        once, twice = started.start(plan), started.start(patient)
        await_true(busy(tmp_path / "wire", once, 1))
        await_true(busy(tmp_path / "wire", twice, 1))
        clarion.close()
        frozen = _freeze(psutil.Process(server.pid))
        try:
            os.kill(pid(once), TERM)
            for number in BOTH:
                os.kill(pid(twice), number)
            ended_well(once)
            ended_well(twice)
        finally:
            for process in reversed(frozen):  # the parent last: it would collect a child that ended
                process.resume()
        healthy = started.start(plan)
        await_true(lambda: done(clarion))
        stop(healthy)
        assert results(clarion) == {"sent": 200}
        no_duplicates(clarion)
        clarion.close()


def _freeze(parent: psutil.Process) -> list[psutil.Process]:
    """Stop a process, which then starts no more children, and those it has; one may be ending at this moment."""
    parent.suspend()
    frozen = [parent]
    for child in parent.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.suspend()
            frozen.append(child)
    return frozen
