"""How peers and we are counted, with workers that do nothing but count."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.peers import draining, ticks

COUNTING = """
import sys, time
from benchmarks.peers.ticks import tick
for n in range(int(sys.argv[1])):
    tick()
    time.sleep(0.001)
time.sleep(float(sys.argv[2]))
"""
FORKING = """
import os
from threading import Thread
from benchmarks.peers.ticks import tick
tick()
if (child := os.fork()) == 0:
    threads = [Thread(target=lambda: [tick() for _ in range(100)]) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    os._exit(0)
os.waitpid(child, 0)
tick()
"""


def test_the_ticks_of_all_processes_and_threads_are_counted(tmp_path: Path) -> None:
    given = {**os.environ, ticks.DIRECTORY: str(tmp_path), "PYTHONPATH": str(draining.ROOT)}
    subprocess.run([sys.executable, "-c", FORKING], env=given, check=True)
    subprocess.run([sys.executable, "-c", COUNTING, "50", "0"], env=given, check=True)
    assert ticks.counted(tmp_path) == 2 + 8 * 100 + 50


def test_the_rate_is_that_of_the_workers_and_not_of_their_start() -> None:
    rate = draining.rate([[sys.executable, "-c", COUNTING, "300", "60"]], {}, 300)
    assert 0 < rate <= 1000  # each rests for a millisecond


def test_a_worker_that_ends_says_why() -> None:
    ends = [sys.executable, "-c", "raise SystemExit('no such queue')"]
    with pytest.raises(draining.Failed, match=r"0 of 100 jobs were run(.|\n)*no such queue"):
        draining.rate([ends], {}, 100)


def test_what_a_worker_was_told_to_use_reaches_it(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    code = f"import os, pathlib; pathlib.Path({str(seen)!r}).write_text(os.environ['PEERS_URL'])"
    with pytest.raises(draining.Failed):
        draining.rate([[sys.executable, "-c", code]], {"PEERS_URL": "redis://here"}, 100)
    assert seen.read_text() == "redis://here"
