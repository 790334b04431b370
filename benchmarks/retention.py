"""Whether a long past slows what is due, and what removing it costs: python -m benchmarks.retention

(a) Claim, read and settle 100 due deliveries, beside 1,000,000 finished ones and in a database without a past, in turns
in one run: the ratio. (b) `clarion prune` as a process of its own, which rests as long as it writes: rows a second; and
the same claims meanwhile. What workers remove by themselves rests four times as long.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import timedelta

from benchmarks import history as past
from benchmarks.common import Bench, Figure, Opened, opened, p50, p99, show, write
from benchmarks.schema import BATCH, claim, settlements
from clarion import clock
from clarion.store import outcomes, pruning, queue, retention
from clarion.store.retention import Place

DAY = timedelta(days=1)
RECIPIENTS = 20_000
DUE = 40_000
TURNS = 150


def load(on: Opened, rows: int, days_ago: int, named: str) -> past.History:
    """Finished deliveries of so many days ago."""
    clock.travel(-days_ago * DAY)
    try:
        history = past.History(on, rows=rows, recipients=RECIPIENTS, unread=1000, named=named)
        history.write()
    finally:
        clock.travel(days_ago * DAY)
    return history


def turn(on: Opened) -> float:
    """Milliseconds to claim, read and settle."""
    begun = time.perf_counter()
    claims = on.database.run(claim)
    on.database.read(lambda c: queue.read_work(c, claims))
    on.database.run(lambda c: outcomes.settle(c, settlements(claims)))
    assert len(claims) == BATCH
    return (time.perf_counter() - begun) * 1000


def beside_a_past(bench: Bench, empty: Opened, rows: int) -> list[float]:
    year = bench.on
    taken: dict[str, list[float]] = {"year": [], "empty": []}
    for n in range(TURNS):
        if n == TURNS // 10:
            taken = {"year": [], "empty": []}
        for name, on in (("year", year), ("empty", empty)) if n % 2 else (("empty", empty), ("year", year)):
            taken[name].append(turn(on))
    bench.add(
        f"claim, read and settle {BATCH} beside {rows:,} finished deliveries",
        taken["year"],
        taken["empty"],
        rate=BATCH / p50(taken["year"]) * 1000,
        note=f"p99 in the database without a past {p99(taken['empty']):.1f} ms",
    )
    return taken["year"]


def while_pruning(bench: Bench, days: int, idle: list[float]) -> None:
    url = bench.on.database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "clarion", "prune", "--older-than", f"{days}d", "--json"]
    begun = time.perf_counter()
    with subprocess.Popen(
        command, env={**os.environ, "CLARION_DATABASE": url}, stdout=subprocess.PIPE, text=True
    ) as process:
        taken = []
        while process.poll() is None and len(taken) < DUE // BATCH - TURNS - 10:
            taken.append(turn(bench.on))
            time.sleep(0.05)
        out, _ = process.communicate()
        rows = sum(json.loads(out)["rows"].values())
    rate = rows / (time.perf_counter() - begun)
    bench.add("clarion prune", rate=rate, note=f"{rows:,} rows, claims beside them")
    bench.add(
        "claim, read and settle meanwhile",
        taken,
        note=f"{p50(taken) / p50(idle):.2f} times its idle p50, {p99(taken) / p99(idle):.2f} times its idle p99",
    )


def pieces(bench: Bench, days: int) -> None:
    """What one transaction of removing takes, by itself."""
    steps = pruning.Round(before=days * DAY).steps(pruning.Tally())
    step, taken = next(steps), []
    while len(taken) < 40:
        begun = time.perf_counter()
        result = (bench.run if step.writes else bench.read)(step.work)
        if step.writes:
            taken.append((time.perf_counter() - begun) * 1000)
        step = steps.send(result)
    cut = bench.read(pruning.Round(before=days * DAY).cut)
    plans = bench.plans.of(
        "find and remove",
        lambda c: retention.remove(
            c,
            past.TENANT,
            retention.find(c, past.TENANT, Place(), cut, most=pruning.MOST),
            cut,
            most=pruning.MOST,
        ),
    )
    bench.add(
        "remove 750 rows with their events, one transaction", taken, rate=750 / p50(taken) * 1000, **plans
    )


def measure(kind: str, rows: int, *, show_plans: bool) -> list[Figure]:
    with opened(kind) as make_database:
        year, empty = make_database("year"), make_database("empty")
        bench = Bench(year, plans=show_plans)
        for on in (year, empty):
            past.people(on, RECIPIENTS)
        load(year, rows // 10, 400, "oldest")
        load(year, rows - rows // 10, 200, "old")
        for on in (year, empty):
            load(on, DUE, 1, "due").queue_again(1, 1)
            if on.postgresql:
                on.maintain("VACUUM ANALYZE")
        idle = beside_a_past(bench, empty, rows)
        pieces(bench, 300)
        while_pruning(bench, 300, idle)
        print()
        show(bench.figures, f"{year.version()}: a past of {rows:,} deliveries, and removing it")
    return bench.figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--rows", type=int, default=1_000_000, help="finished deliveries")
    parser.add_argument("--plans", action="store_true", help="print each statement and how it is run")
    parser.add_argument("--no-write", action="store_true", help="leave results/retention.json as it is")
    given = parser.parse_args()
    if given.rows < 200_000:
        parser.error("at least 200000 rows: a tenth of them is removed")
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    figures = [f for kind in kinds for f in measure(kind, given.rows, show_plans=given.plans)]
    if not given.no_write:
        print(write("retention", {"rows": given.rows}, figures))


if __name__ == "__main__":
    main()
