"""Workers that hardly poll: only being woken explains that they are quick."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

import pytest
import sqlalchemy as sa

from clarion import Clarion
from clarion.store.schema import events
from tests.support.acme import Plan, application, sends
from tests.support.children import Children, stop
from tests.support.working import Wire, await_true, count, crowd, emit, ends, people, until, working
from tests.workers.conftest import Make

HARDLY = timedelta(minutes=5)  # longer than anything here waits
SOON = 20.0  # seconds, on a busy machine: a wake-up takes milliseconds

on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def plan(database_url: str, tmp_path: Path) -> Plan:
    return Plan(database=database_url, wire=str(tmp_path / "wire"), limits={"poll": HARDLY})


@pytest.fixture
def clarion(plan: Plan) -> Iterator[Clarion]:
    made = application(plan)
    made.start()
    crowd(made, 1)
    yield made
    made.close()


def arrived(plan: Plan) -> int:
    return len(sends(Path(plan.wire)))


def latency(clarion: Clarion, plan: Plan) -> float:
    """Seconds from a commit until the wire of a worker in another process has the message."""
    before = arrived(plan)
    emit(clarion, "wired", to=["p00000"])
    committed = time.monotonic()
    await_true(lambda: arrived(plan) > before)
    return float(sends(Path(plan.wire))[-1]["at"]) - committed


def listeners(clarion: Clarion) -> list[int]:
    """The server's processes for connections that listen."""
    listening = sa.text(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    return list(clarion.database.read(lambda conn: conn.execute(listening).scalars().all()))


def test_a_worker_in_another_process_is_woken(clarion: Clarion, plan: Plan, started: Children) -> None:
    started.start_ready(plan)
    latency(clarion, plan)  # until it is up, and listens
    assert median(latency(clarion, plan) for _ in range(5)) < SOON


def test_a_worker_in_this_process_is_woken(make: Make, wire: Wire) -> None:
    """On its own, without what processes say to one another."""
    clarion = make(wire, poll=HARDLY, wakeups=False)
    to = people(clarion, "ann")

    async def scenario() -> None:
        async with working(clarion):
            for n in range(1, 4):
                await asyncio.to_thread(emit, clarion, "note", to=to)
                await until(lambda n=n: len(wire.taken) == n)

    asyncio.run(scenario())


def test_what_is_replayed_wakes(clarion: Clarion, make: Make, wire: Wire) -> None:
    """Put back here, it is sent again by the worker of this process."""

    async def refuse(*_: object) -> None:
        from clarion import Reject

        if len(wire.begun) == 1:
            raise Reject("no")

    wire = Wire(refuse)
    app = make(wire, poll=HARDLY)
    to = people(app, "ann")

    async def scenario() -> None:
        async with working(app):
            event = await asyncio.to_thread(emit, app, "note", to=to)
            await until(lambda: ends(app, event, "ann")[0] == "failed")
            await asyncio.to_thread(lambda: app.replay(event=event))
            await until(lambda: ends(app, event, "ann")[0] == "sent")

    asyncio.run(scenario())


@on_postgresql
def test_a_listener_that_loses_its_connection_comes_back(
    clarion: Clarion, plan: Plan, started: Children
) -> None:
    started.start_ready(plan)
    (pid,) = await_true(lambda: listeners(clarion))
    cut = sa.text("SELECT pg_terminate_backend(:pid)")
    clarion.database.run(lambda conn: conn.execute(cut, {"pid": pid}).all())
    await_true(lambda: [new for new in listeners(clarion) if new != pid])
    assert median(latency(clarion, plan) for _ in range(3)) < SOON


@on_postgresql
def test_one_who_says_so_and_loses_its_connection_comes_back(
    clarion: Clarion, plan: Plan, started: Children
) -> None:
    worker = started.start_ready(plan)
    latency(clarion, plan)
    cut = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_notify%' AND pid <> pg_backend_pid()"
    )
    assert clarion.database.run(lambda conn: conn.execute(cut).all())
    assert median(latency(clarion, plan) for _ in range(3)) < SOON
    stop(worker)


@on_postgresql
def test_emitting_goes_on_where_nobody_can_be_told(
    clarion: Clarion, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection that would tell cannot be opened, as where the server has no more to give."""
    host = sa.create_engine(clarion.database.url)
    clarion.database.url = clarion.database.url.set(query={"host": "/nonexistent"})
    with host.begin() as conn:
        clarion.emit(conn, "wired", to=["p00000"])
    clarion.database.waker.close()
    assert count(clarion, events) == 1
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]
    host.dispose()


@on_postgresql
def test_a_process_forked_from_one_that_told_tells_by_itself(
    clarion: Clarion, plan: Plan, started: Children
) -> None:
    started.start_ready(plan)
    latency(clarion, plan)
    before = arrived(plan)
    child = os.fork()
    if not child:
        host = sa.create_engine(clarion.database.url)
        with host.begin() as conn:
            clarion.emit(conn, "wired", to=["p00000"])
        clarion.database.waker.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    committed = time.monotonic()
    await_true(lambda: arrived(plan) > before)
    assert time.monotonic() - committed < SOON
    assert latency(clarion, plan) < SOON
