"""The storm: real workers killed, frozen and stopped, the mail server and PostgreSQL killed, thousands of real mails.

    make storm ARGS="--database sqlite --kills 40 --deliveries 4000"

Prints what each kind of fault lost and doubled, and as its last line one JSON object. Ends with 1 if a promise broke.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from rich.console import Console
from rich.table import Table

from tests.storm.faults import Fault, faults
from tests.storm.ground import HANDS, RECIPIENTS, Ground
from tests.storm.verdict import Tally, Verdict, as_json, count
from tests.support.working import await_true

AHEAD = 3 * RECIPIENTS  # waiting, so that a fault always strikes somebody at work


def rage(kind: str, kills: int, deliveries: int, seed: int) -> Verdict:
    """One storm on one database."""
    verdict = Verdict(kind)
    with Ground(kind, random.Random(seed)) as ground:
        phases = [fault for fault in faults(kills) if fault.only_on in ("", kind)]
        for fault in phases:
            verdict.phases[fault.name] = strike(ground, fault)
        last = phases[-1].name
        while ground.emitted * RECIPIENTS < deliveries:
            ground.load(last)
        await_true(lambda: ground.backlog() == 0, within=300)
        count(ground, verdict)
    return verdict


def strike(ground: Ground, fault: Fault) -> Tally:
    """One phase, until all of it has arrived."""
    tally, begun, killed = Tally(), time.monotonic(), ground.kills
    for n in range(fault.strikes):
        _work_ahead(ground, fault.name)
        before, some = ground.received(), ground.chosen.randrange(1, 120)
        _await_progress(ground, before + some)
        _work_ahead(ground, fault.name)
        tally.most_in_hand += fault.strike(ground, n) * HANDS
        tally.strikes += 1
        print(f"\r{ground.kind}: {fault.name} {n + 1}/{fault.strikes} ", end="", file=sys.stderr, flush=True)
    await_true(lambda: ground.backlog() == 0, within=300)
    tally.kills = ground.kills - killed
    tally.seconds = time.monotonic() - begun
    print(file=sys.stderr)
    return tally


def _await_progress(ground: Ground, mails: int) -> None:
    await_true(lambda: ground.received() >= mails or ground.backlog() == 0)


def _work_ahead(ground: Ground, phase: str) -> None:
    while ground.backlog() < AHEAD:
        ground.load(phase)


def show(verdict: Verdict) -> None:
    table = Table(title=f"A storm on {verdict.database}", title_justify="left")
    columns = (
        "strikes",
        "kills",
        "deliveries",
        "mails",
        "lost",
        "duplicates",
        "in_hand",
        "unexplained",
        "seconds",
    )
    table.add_column("fault")
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right")
    for phase, tally in verdict.phases.items():
        table.add_row(phase, *(f"{getattr(tally, name):,.0f}" for name in columns))
    table.add_row("all", *(f"{verdict.total(name):,.0f}" for name in columns), style="bold")
    Console(width=120).print(table)
    for problem in verdict.problems:
        print(f"PROBLEM: {problem}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--kills", type=int, default=200, help="of workers, on each database")
    parser.add_argument("--deliveries", type=int, default=20_000, help="at least, on each database")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    given = parser.parse_args()
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    print(f"seed {given.seed}")
    verdicts = []
    for kind in kinds:
        verdicts.append(rage(kind, given.kills, given.deliveries, given.seed))
        show(verdicts[-1])
    print(as_json(verdicts))
    sys.exit(any(verdict.problems for verdict in verdicts))


if __name__ == "__main__":
    main()
