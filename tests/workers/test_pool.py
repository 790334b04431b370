"""Threads of our own: what is submitted is done in its order, and whoever waits hears of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from clarion.workers.pool import Pool
from tests.support.working import until

pytestmark = pytest.mark.anyio


@pytest.fixture
def pool() -> Iterator[Pool]:
    one = Pool(1, "alone")
    yield one
    one.close()


def fail() -> None:
    raise LookupError("nothing there")


async def test_results_and_errors_come_back(pool: Pool) -> None:
    assert await pool.run(lambda: threading.current_thread().name) == "alone-0"
    with pytest.raises(LookupError, match="nothing there"):
        await pool.run(fail)
    assert pool.submit(lambda: 1).result() == 1
    with pytest.raises(LookupError, match="nothing there"):
        pool.submit(fail).result()


async def test_work_is_taken_up_in_the_order_in_which_it_comes(pool: Pool) -> None:
    done: list[int] = []
    await asyncio.gather(*(pool.run(lambda n=n: done.append(n)) for n in range(50)))  # type: ignore[misc]
    assert done == list(range(50))


async def test_what_is_cancelled_before_its_turn_is_not_done(pool: Pool) -> None:
    go_on, done = threading.Event(), []
    running = asyncio.create_task(pool.run(lambda: go_on.wait(60)))
    waiting = asyncio.create_task(pool.run(lambda: done.append("cancelled")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    assert await running
    await pool.run(lambda: done.append("later"))
    assert done == ["later"]


async def test_what_is_cancelled_while_it_is_done_is_done_unheard(pool: Pool) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        assert go_on.wait(60)
        done.append("all the same")

    running = asyncio.create_task(pool.run(work))
    await until(begun.is_set)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    go_on.set()
    await until(lambda: done)


def test_a_loop_that_has_ended_hears_nothing_and_hurts_nobody() -> None:
    pool, begun, go_on = Pool(1, "left"), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(60)

    async def leave() -> None:
        task = asyncio.create_task(pool.run(work))
        await until(begun.is_set)
        task.cancel()

    asyncio.run(leave())
    go_on.set()
    assert pool.submit(lambda: "still here").result(60) == "still here"
    pool.close()
