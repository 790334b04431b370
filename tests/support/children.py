"""Processes of tests: workers to kill, and others that meet. Each is forked from one that has imported everything, so
that fifty begin within a second.

Fail points are set by wrapping in the child what is called there; nothing in Clarion knows of them.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from clarion.channels.email import Email
from clarion.store import conditions, outcomes, queue, walks
from clarion.workers import attempting, deciding, filling
from clarion.workers.claiming import Claiming
from clarion.workers.fanout import FanOut
from clarion.workers.replanning import Replanning
from clarion.workers.settling import Settling
from clarion.workers.walking import Walking
from tests.support import spans
from tests.support.acme import Plan, application

PATIENCE = 60.0

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "tests.support.children",
        "tests.support.compiled",
        "psycopg",
        "sqlalchemy.dialects.postgresql.psycopg",
        "tests.emit.producers",
    ]
)

FAIL_POINTS: dict[str, tuple[Any, str, str]] = {
    # name: (where, what is wrapped, when it kills)
    "claiming": (queue, "claim_due", "after"),  # not committed
    "claimed": (Claiming, "take", "after"),
    "rendered": (attempting, "message_of", "after"),
    "sending": (Email, "send", "before"),
    "sent": (Email, "send", "after"),
    "settling": (outcomes, "settle", "after"),  # not committed
    "settled": (Settling, "_settle", "after"),
    "filling": (filling, "fill", "after"),  # not committed
    "filled": (Replanning, "_fill", "after"),
    "event claimed": (FanOut, "_claim", "after"),
    "admitting": (conditions, "admit", "after"),  # not committed
    "admitted": (Walking, "_admitted", "after"),
    "resolving": (None, "", ""),  # in the application
    "writing a page": (deciding, "write", "after"),  # not committed
    "between pages": (Walking, "_page", "after"),
    "finishing": (walks, "finish", "before"),
}


class _Countdown:
    """Ends this process at the nth call, as the kernel would."""

    def __init__(self, plan: Plan) -> None:
        self.point, self._left = plan.fail_at, plan.nth

    def __call__(self, point: str) -> None:
        if point != self.point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _set(countdown: _Countdown) -> None:
    if countdown.point in {"", "resolving"}:
        return
    where, name, when = FAIL_POINTS[countdown.point]
    wrapped = getattr(where, name)
    setattr(where, name, _wrap(wrapped, when, lambda: countdown(countdown.point)))


def _wrap(wrapped: Any, when: str, hit: Callable[[], None]) -> Any:
    import inspect

    if inspect.iscoroutinefunction(wrapped):

        async def later(*arguments: Any, **named: Any) -> Any:
            if when == "before":
                hit()
            result = await wrapped(*arguments, **named)
            if when == "after" and result != []:  # a claim of nothing is no claim
                hit()
            return result

        return later

    def now(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            hit()
        result = wrapped(*arguments, **named)
        if when == "after" and result != []:
            hit()
        return result

    return now


def _work(plan: Plan, ready: Any) -> None:
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # until the worker itself listens
    if plan.spans:
        spans.take(plan.spans)
    countdown = _Countdown(plan)
    _set(countdown)
    clarion = application(plan, countdown)
    clarion.start()
    ready.set()
    clarion.work()
    clarion.close()


class Children:
    """Worker processes of one test."""

    def __init__(self) -> None:
        self._all: list[BaseProcess] = []
        self._ready: list[Any] = []  # kept, for a child may still have to open it

    def start(self, plan: Plan) -> BaseProcess:
        """A worker process that does as planned."""
        return self._start(plan)[0]

    def start_ready(self, plan: Plan) -> BaseProcess:
        """A worker process, once it is about to claim."""
        process, ready = self._start(plan)
        assert ready.wait(20)
        return process

    def _start(self, plan: Plan) -> tuple[BaseProcess, Any]:
        ready = CONTEXT.Event()
        process = CONTEXT.Process(target=_work, args=(plan, ready))
        process.start()
        self._all.append(process)
        self._ready.append(ready)
        return process, ready

    def end(self) -> None:
        for process in self._all:
            if process.is_alive():
                process.kill()
            process.join(10)
            process.close()


def wait_killed(process: BaseProcess, within: float = 20.0) -> None:
    """Until a process has ended, which only SIGKILL may have done."""
    process.join(within)
    assert process.exitcode == -signal.SIGKILL, f"expected to be killed, ended with {process.exitcode}"


def stop(process: BaseProcess, within: float = 15.0) -> None:
    """SIGTERM, and the good order that must follow."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    process.join(within)
    assert process.exitcode == 0, f"ended with {process.exitcode}"


@contextmanager
def children() -> Iterator[Children]:
    """Whatever happens, none outlives the test."""
    all_ = Children()
    try:
        yield all_
    finally:
        all_.end()


def together(target: Callable[..., None], of: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What processes answer, in order, one for each of these: it calls `target(*arguments, barrier, answer)`."""
    barrier = CONTEXT.Barrier(len(of))
    pipes, processes = [], []
    for arguments in of:
        ours, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(target=target, args=(*arguments, barrier, theirs))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    answers = []
    for pipe, process in zip(pipes, processes, strict=True):
        assert pipe.poll(PATIENCE), "a process does not answer"
        answers.append(pipe.recv())
        pipe.close()
        process.join(PATIENCE)
        process.close()
    return answers
