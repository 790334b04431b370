"""Deliveries a second through a channel that takes everything at once: python -m benchmarks.sending [--database both]

From the queue: what is due goes through real worker processes, one and then two, for ten seconds: claimed, asked again, rendered,
sent, settled. The floor claims and settles 100 at a time with one raw connection, and does nothing else. From the event: each due
event has one recipient, so that each delivery is decided on by itself; the floor walks by hand, too (see `benchmarks.walking`). A floor
runs before and after, on the same rows.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable

import sqlalchemy as sa

from benchmarks import history as past
from benchmarks import latest, walking
from benchmarks.common import Bench, Figure, Opened, opened, show, write
from benchmarks.comparison import Comparison
from benchmarks.flood import Working, application, declare, left
from benchmarks.floors import Floor
from clarion.store import schema as s

RECIPIENTS = 20_000
BATCH = 100
DUE = 500_000  # more than is sent in the time
EVENTS = 80_000
EMITTED_AT_ONCE = 1000
FLOOR_SPAN = 1.0
WARM = 1.0  # from the first one sent
PATIENCE = 60.0
SPAN = 10
TARGET = 0.7  # of the floor, one process on PostgreSQL
STEADY = 0.9  # of the first seconds' rate, in the last ones
DRIVERS = {"postgresql": "psycopg", "sqlite": "sqlite3"}
NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


def everybody(on: Opened) -> None:
    """Recipients of whom nobody refuses, and the channel enabled, before anything is emitted."""
    declare(on)
    past.people(on, RECIPIENTS)
    on.database.run(lambda conn: conn.execute(sa.delete(s.preferences)))


def floor_rate(work: Callable[[], int]) -> float:
    """Deliveries a second of the floor alone."""
    done, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < FLOOR_SPAN:
        some = work()
        assert some == BATCH, "the queue ran empty: nothing was measured"
        done += some
    return done / (time.perf_counter() - begun)


def worker_rates(on: Opened, processes: int, ended: Callable[[], int]) -> list[float]:
    """Deliveries a second in each second of a sustained run."""
    workers = [Working(on) for _ in range(processes)]
    try:
        before, deadline = ended(), time.monotonic() + PATIENCE
        while ended() == before:
            assert time.monotonic() < deadline, f"no worker sent anything within {PATIENCE} s"
            assert all(worker.process.poll() is None for worker in workers), "a worker ended by itself"
            time.sleep(0.05)
        time.sleep(WARM)
        marks = [(time.perf_counter(), ended())]
        for _ in range(SPAN):
            time.sleep(1)
            marks.append((time.perf_counter(), ended()))
    finally:
        for worker in workers:
            worker.end()
    return [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(marks)]


def from_the_queue(bench: Bench, processes: int) -> list[Comparison]:
    on = bench.on
    history = past.History(on, rows=DUE, recipients=RECIPIENTS, unread=1000)
    history.write()
    history.queue_again(1, 1)
    if on.postgresql:
        on.maintain("VACUUM ANALYZE")
    floor = Floor(on)

    def by_hand() -> int:
        rows = floor.claim(past.LANE, BATCH)
        floor.settle(rows)
        return len(rows)

    def ended() -> int:
        waiting = left(on)
        assert waiting, "the queue ran empty: nothing was measured"
        return DUE - waiting

    before = floor_rate(by_hand)
    rates = worker_rates(on, processes, ended)
    raw = (before + floor_rate(by_hand)) / 2
    floor.close()
    return _compare(bench, _processes(processes), rates, raw, TARGET if processes == 1 else None)


def from_the_event(bench: Bench) -> list[Comparison]:
    on = bench.on
    emit(on, EVENTS)
    if on.postgresql:
        on.maintain("VACUUM ANALYZE")
    floor = Floor(on)

    def by_hand() -> int:
        walked = walking.walk(floor)
        assert walking.send(floor) == walked
        return walked

    def ended() -> int:
        counted = sa.select(sa.func.count()).select_from(s.outcomes)
        return int(on.database.read(lambda conn: conn.execute(counted).scalar_one()))

    before = floor_rate(by_hand)
    rates = worker_rates(on, 1, ended)
    raw = (before + floor_rate(by_hand)) / 2
    floor.close()
    return _compare(bench, "1 process, from the event", rates, raw, None)


def emit(on: Opened, count: int) -> None:
    """So many events of one recipient each, who takes everything."""
    clarion = application(on.database.url.render_as_string(hide_password=False))
    clarion.start()
    whom = itertools.cycle(past.person(n) for n in range(1, RECIPIENTS))
    for _ in range(0, count, EMITTED_AT_ONCE):
        batch = [
            ("bench.happened", {"to": [next(whom)], "subject": "cl/1", "thread": "cl/1", "data": {"text": "Looks good to me"}})
            for _ in range(EMITTED_AT_ONCE)
        ]  # fmt: skip
        clarion.database.run(lambda conn, batch=batch: clarion.emit_many(conn, batch))  # type: ignore[misc]
    clarion.close()


def _compare(
    bench: Bench, what: str, rates: list[float], raw: float, target: float | None
) -> list[Comparison]:
    kind, ours, fifth = bench.on.name, sum(rates) / SPAN, SPAN // 5
    first, last = sum(rates[:fifth]) / fifth, sum(rates[-fifth:]) / fifth
    note = f"floor {raw:,.0f} a second; first fifth {first:,.0f}, last fifth {last:,.0f}"
    bench.add(f"sent by {what}", rate=ours, ratio=ours / raw, note=note)
    name, unit = f"sending: {NAMES[kind]}, {what}", "a second"
    only = target if kind == "postgresql" else None
    hand = f"raw {DRIVERS[kind]}, by the {BATCH}"
    steady = STEADY if kind == "postgresql" and target else None
    return [
        Comparison(name=name, ours=ours, other=raw, other_name=hand, unit=unit, target=only),
        Comparison(
            name=f"{name}, its last 2 of {SPAN} s",
            ours=last,
            other=first,
            other_name="its first 2 s",
            unit=unit,
            target=steady,
        ),
    ]


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def _only_sent(on: Opened) -> None:
    """What was suppressed is no sending: a wrong set-up would be measured otherwise."""
    o = s.outcomes
    wrong = sa.select(o.c.result, o.c.code).where(o.c.claim > 1, o.c.result.not_in(("sent", "given_back")))
    found = on.database.read(lambda conn: conn.execute(wrong.limit(1)).first())
    assert found is None, f"not sent, but {found}"


def measure(kind: str, compared: list[Comparison]) -> list[Figure]:
    with opened(kind) as make_database:
        figures: list[Figure] = []
        ways: list[Callable[[Bench], list[Comparison]]] = [
            lambda bench: from_the_queue(bench, 1),
            lambda bench: from_the_queue(bench, 2),
            from_the_event,
        ]
        for n, way in enumerate(ways):
            bench = Bench(make_database(f"sending{n}"), plans=False)
            everybody(bench.on)
            compared += way(bench)
            _only_sent(bench.on)
            figures += bench.figures
        print()
        show(figures, f"{bench.on.version()}: through a channel that takes everything at once")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    compared: list[Comparison] = []
    figures = [figure for kind in kinds for figure in measure(kind, compared)]
    print(write("sending", {"due": DUE, "events": EVENTS}, figures))
    latest.record("sending", compared)


if __name__ == "__main__":
    main()
