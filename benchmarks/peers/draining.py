"""The measure that is the same for all: workers are started on a full queue, and the no-op jobs they run are counted."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from benchmarks.peers.ticks import DIRECTORY, counted

ROOT = Path(__file__).parents[2]
SPAN = 6.0  # seconds that are counted, if so much is left to do
EDGE = 0.05  # of what is to do: not counted, at the beginning and at the end
PATIENCE = 60.0


class Failed(Exception):
    """A process of a peer ended, or did nothing; with what it said."""


def rate(workers: Sequence[Sequence[str]], environment: Mapping[str, str], number: int) -> float:
    """Jobs a second of these commands together, once a twentieth of `number` is done."""
    with tempfile.TemporaryDirectory(prefix="clarion-peers-") as directory:
        ticks, log = Path(directory) / "ticks", Path(directory) / "log"
        ticks.mkdir()
        given = {**os.environ, **environment, DIRECTORY: str(ticks)}
        given["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [given.get("PYTHONPATH")])])
        running = []
        with log.open("ab") as output:
            try:
                for command in workers:
                    running.append(start(command, given, ROOT, output))  # noqa: PERF401 - each is ended, if a later one fails
                return _watch(ticks, number, running)
            except Failed as failure:
                raise Failed(f"{failure}\n{log.read_text(errors='replace')[-3000:]}") from None
            finally:
                for process in running:
                    end(process)


def start(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, output: IO[bytes]
) -> subprocess.Popen[bytes]:
    """In a session of its own, for `end`."""
    return subprocess.Popen(
        command, env=environment, cwd=directory, stdout=output, stderr=output, start_new_session=True
    )


def _watch(ticks: Path, number: int, running: Sequence[subprocess.Popen[bytes]]) -> float:
    first, last = int(number * EDGE), int(number * (1 - EDGE))
    deadline = time.monotonic() + PATIENCE
    while (done := counted(ticks)) < first:
        if time.monotonic() > deadline or any(process.poll() is not None for process in running):
            raise Failed(f"{done} of {number} jobs were run, and then no more")
        time.sleep(0.005)
    begun = time.perf_counter()
    while (now := counted(ticks)) < last and time.perf_counter() < begun + SPAN:
        if any(process.poll() is not None for process in running):
            raise Failed("a worker ended by itself")
        time.sleep(0.005)
    return (now - done) / (time.perf_counter() - begun)


def end(process: subprocess.Popen[bytes]) -> None:
    """Asked first; then it, and what it started, is killed: it leads a session of its own."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
