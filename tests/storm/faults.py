"""The kinds of faults: each a phase of the storm, with how often it strikes and how."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.storm.ground import LEASE, RECIPIENTS, WORKERS, Ground
from tests.support.children import wait_killed
from tests.support.working import PATIENCE, await_true

STEPS = ("claimed", "rendered", "sending", "sent", "settling", "settled", "event claimed", "writing a page", "between pages", "finishing")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind. `strike` returns how many workers may have lost what they had in hand."""

    name: str
    strikes: int
    strike: Callable[[Ground, int], int]
    only_on: str = ""


def kill(ground: Ground, _n: int) -> int:
    """kill -9, at any moment."""
    ground.kill()
    ground.replace()
    return 1


def kill_at_a_step(ground: Ground, n: int) -> int:
    """A worker that ends itself, as kill -9 would, at a certain step, the first or the third time it comes by.

    It takes the place of one that is killed at any moment.
    """
    ground.kill()
    ground.replace(fail_at=STEPS[n % len(STEPS)], nth=1 + 2 * (n // len(STEPS) % 2))
    doomed = ground.workers[-1]

    def struck() -> bool:
        if ground.backlog() < RECIPIENTS:
            ground.load("killed at a step")
        return not doomed.is_alive()

    await_true(struck)
    wait_killed(doomed)
    ground.kills += 1
    ground.workers.remove(doomed)
    ground.replace()
    return 2


def freeze(ground: Ground, _n: int) -> int:
    """SIGSTOP until its lease is over and others have its work, then SIGCONT."""
    frozen = ground.victim()
    os.kill(frozen.pid, signal.SIGSTOP)
    time.sleep(LEASE + 1.0)
    os.kill(frozen.pid, signal.SIGCONT)
    ground.workers.append(frozen)
    return 1


def stop(ground: Ground, _n: int) -> int:
    """SIGTERM: a rolling restart."""
    stopped = ground.victim()
    os.kill(stopped.pid, signal.SIGTERM)
    stopped.join(PATIENCE)
    assert stopped.exitcode == 0, f"told to stop, a worker ended with {stopped.exitcode}"
    ground.replace()
    return 0


def kill_mail_server(ground: Ground, _n: int) -> int:
    """kill -9 of the mail server; a second later it is back."""
    ground.end_catcher(signal.SIGKILL)
    time.sleep(1.0)
    ground.start_catcher()
    return WORKERS


def kill_database(ground: Ground, _n: int) -> int:
    """kill -9 of PostgreSQL; half a second later it is started again."""
    assert ground.server is not None
    ground.server.kill()
    time.sleep(0.5)
    ground.server.start()
    return WORKERS


def everything(ground: Ground, n: int) -> int:
    """All kinds, in turns."""
    kinds = [kill, freeze, kill, stop, kill, kill_mail_server]
    kinds += [kill if ground.server is None else kill_database]
    return kinds[n % len(kinds)](ground, n)


def faults(kills: int) -> list[Fault]:
    """The phases of a storm with so many kills of workers, or a few more."""
    at_steps, at_random = kills * 3 // 10, kills - kills * 3 // 10
    return [
        Fault("killed at random", at_random, kill),
        Fault("killed at a step", at_steps, kill_at_a_step),
        Fault("frozen past the lease", max(2, kills // 25), freeze),
        Fault("told to stop", max(2, kills // 10), stop),
        Fault("mail server killed", max(1, kills // 40), kill_mail_server),
        Fault("database killed", 4, kill_database, only_on="postgresql"),
        Fault("everything at once", max(7, kills // 8), everything),
    ]
