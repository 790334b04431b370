"""Deliveries a second through a channel that takes everything at once: python -m benchmarks.sending [--database both]

What is due goes through real worker processes, one and then two, for ten seconds: claimed, asked again, rendered, sent, settled. The
floor claims and settles 100 at a time with one raw connection, and does nothing else; it runs before and after, on the same rows.
"""

from __future__ import annotations

import argparse
import itertools
import time

from benchmarks import history as past
from benchmarks.common import Bench, Figure, Opened, opened, show, write
from benchmarks.flood import Working, left
from benchmarks.floors import Floor

RECIPIENTS = 20_000
BATCH = 100
DUE = 300_000
FLOOR_SPAN = 1.5
WARM = 2.5
SPAN = 10


def floor_rate(floor: Floor) -> float:
    """Deliveries a second of claiming and settling alone."""
    done, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < FLOOR_SPAN:
        rows = floor.claim(past.LANE, BATCH)
        assert len(rows) == BATCH, "the queue ran empty: nothing was measured"
        floor.settle(rows)
        done += BATCH
    return done / (time.perf_counter() - begun)


def worker_rates(on: Opened, processes: int) -> list[float]:
    """Deliveries a second in each second of a sustained run."""
    workers = [Working(on) for _ in range(processes)]
    try:
        time.sleep(WARM)
        marks = [(time.perf_counter(), left(on))]
        for _ in range(SPAN):
            time.sleep(1)
            marks.append((time.perf_counter(), left(on)))
    finally:
        for worker in workers:
            worker.end()
    assert marks[-1][1], "the queue ran empty: nothing was measured"
    return [(b[1] - a[1]) / (a[0] - b[0]) for a, b in itertools.pairwise(marks)]


def measure(kind: str) -> list[Figure]:
    with opened(kind) as make_database:
        figures: list[Figure] = []
        for processes in (1, 2):
            bench = Bench(make_database(f"processes{processes}"), plans=False)
            past.people(bench.on, RECIPIENTS)
            history = past.History(bench.on, rows=DUE, recipients=RECIPIENTS, unread=1000)
            history.write()
            history.queue_again(1, 1)
            if bench.on.postgresql:
                bench.on.maintain("VACUUM ANALYZE")
            floor = Floor(bench.on)
            before = floor_rate(floor)
            rates = worker_rates(bench.on, processes)
            raw = (before + floor_rate(floor)) / 2
            floor.close()
            ours, fifth = sum(rates) / SPAN, SPAN // 5
            first, last = sum(rates[:fifth]) / fifth, sum(rates[-fifth:]) / fifth
            bench.add(
                f"sent by {processes} worker process{'es' if processes > 1 else ''}",
                rate=ours,
                ratio=ours / raw,
                note=f"floor {raw:,.0f} a second (target 0.7); first fifth {first:,.0f}, last fifth {last:,.0f}",
            )
            figures += bench.figures
        print()
        show(figures, f"{bench.on.version()}: through a channel that takes everything at once")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    print(write("sending", {"due": DUE}, [f for kind in kinds for f in measure(kind)]))


if __name__ == "__main__":
    main()
