"""What 1,000,000 finished deliveries cost those that are due: python -m benchmarks.finished [--database both]

Claim, read and settle 100, beside them and in a database without a past, in turns in one run. What removing
them costs is measured by `benchmarks.retention`.
"""

from __future__ import annotations

import argparse

from benchmarks import history as past
from benchmarks import latest
from benchmarks.common import Bench, opened, show
from benchmarks.comparison import Comparison
from benchmarks.retention import BATCH, DUE, RECIPIENTS, beside_a_past, load


def measure(kind: str, rows: int) -> Comparison:
    with opened(kind) as make_database:
        crowded, empty = make_database("crowded"), make_database("empty")
        bench = Bench(crowded, plans=False)
        for on in (crowded, empty):
            past.people(on, RECIPIENTS)
        load(crowded, rows, 200, "old")
        for on in (crowded, empty):
            load(on, DUE, 1, "due").queue_again(1, 1)
            if on.postgresql:
                on.maintain("VACUUM ANALYZE")
        beside_a_past(bench, empty, rows)
        print()
        show(bench.figures, f"{crowded.version()}: a past of {rows:,} deliveries")
        (figure,) = bench.figures
    return Comparison(
        name=f"finished: {'PostgreSQL' if kind == 'postgresql' else 'SQLite'}, claim, read and settle {BATCH}, {rows:,} finished",
        ours=figure.p50_ms or 0,
        other=figure.floor_p50_ms or 0,
        other_name="a database without a past",
        unit="ms",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--rows", type=int, default=1_000_000, help="finished deliveries")
    given = parser.parse_args()
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    latest.record("finished", [measure(kind, given.rows) for kind in kinds], rows=given.rows)


if __name__ == "__main__":
    main()
