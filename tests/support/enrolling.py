"""Processes that write recipients in bulk, and processes that tell the same recipients of events meanwhile."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clarion import Clarion, Cooldown, Policy
from clarion.edit import RecipientEdit
from tests.support.children import CONTEXT
from tests.support.working import Wire, limits

PATIENCE = 120.0  # seconds, on a busy machine


def application(url: str) -> Clarion:
    """Once per thread and person: its fan-out locks the recipients of each page."""
    clarion = Clarion(url, channels=[Wire()], limits=limits(page=500))
    clarion.type(
        "told",
        category="news",
        channels=["inbox", "wire"],
        policy=Policy(cooldown=Cooldown(hours=1, key="thread")),
    )
    return clarion


def person(n: int, turn: int) -> RecipientEdit:
    """Somebody as of this turn of writing."""
    id = f"p{n:05}"
    return {
        "id": id,
        "name": f"{id} of turn {turn}",
        "addresses": {"wire": [f"{id}@a.test", f"{id}-{turn}@a.test"]},
        "roles": [f"turn-{turn}", "everybody"],
        "preferences": [{"scope": "category:news", "channels": ["inbox", "wire"], "min_severity": "info"}],
    }


def enrol(url: str, count: int, turns: int, backwards: bool, log: str, begin: Any) -> None:
    """Write so many people several times, from one end or from the other."""
    with _logged(log):
        clarion = application(url)
        begin.wait(PATIENCE)
        for turn in range(turns):
            order = range(count - 1, -1, -1) if backwards else range(count)
            clarion.recipients.upsert_many((person(n, turn) for n in order), by=f"turn {turn}")
        clarion.close()


def work(url: str, log: str, begin: Any) -> None:
    """A worker, until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the worker itself listens
    with _logged(log):
        clarion = application(url)
        begin.wait(PATIENCE)
        clarion.work()
        clarion.close()


@contextmanager
def _logged(path: str) -> Iterator[None]:
    """Warnings, errors and whatever ends the process are written to a file of its own."""
    logging.basicConfig(filename=path, level=logging.WARNING, force=True)
    try:
        yield
    except Exception:
        logging.getLogger("clarion").exception("the process failed")
        raise


@contextmanager
def beside(
    url: str, *, writers: int, workers: int, count: int, turns: int, logs: Path
) -> Iterator[list[Any]]:
    """So many of each; the writers, to be joined. All begin at once, and none outlives the test."""
    context = CONTEXT
    begin = context.Barrier(writers + workers + 1)
    writing = [
        context.Process(
            target=enrol, args=(url, count, turns, n % 2 == 1, str(logs / f"writer{n}.log"), begin)
        )
        for n in range(writers)
    ]
    working = [
        context.Process(target=work, args=(url, str(logs / f"worker{n}.log"), begin)) for n in range(workers)
    ]
    for process in (*writing, *working):
        process.start()
    try:
        begin.wait(PATIENCE)
        yield writing
        for process in working:
            process.terminate()
            process.join(PATIENCE)
            assert process.exitcode == 0
    finally:
        for process in (*writing, *working):
            if process.is_alive():
                process.kill()
            process.join(10)
            process.close()
