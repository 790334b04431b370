"""Worker processes to kill. Each is forked from one that has imported everything, so that they begin at once.

Fail points are set by wrapping in the child what is called there; nothing in Clarion knows of them.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from clarion.channels.email import Email
from clarion.store import notifications, queue, walks
from clarion.workers.fanout import FanOut
from clarion.workers.sender import Sender
from clarion.workers.settling import Settling
from clarion.workers.walking import Walking
from tests.support.acme import Plan, application

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.support.children"])

FAIL_POINTS: dict[str, tuple[Any, str, str]] = {
    # name: (where, what is wrapped, when it kills)
    "claiming": (queue, "claim_due", "after"),  # not committed
    "claimed": (Sender, "_claim", "after"),
    "rendered": (Sender, "_render", "after"),
    "sending": (Email, "send", "before"),
    "sent": (Email, "send", "after"),
    "settling": (queue, "settle", "after"),  # not committed
    "settled": (Settling, "_settle", "after"),
    "event claimed": (FanOut, "_claim", "after"),
    "resolving": (None, "", ""),  # in the application
    "writing a page": (notifications, "write", "after"),  # not committed
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the worker itself listens
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
        ready = _context.Event()
        process = _context.Process(target=_work, args=(plan, ready))
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
