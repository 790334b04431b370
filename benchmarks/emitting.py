"""Emitting, each event in a transaction of its own, and how soon it is claimed: python -m benchmarks.emitting [--database both]

The floor inserts an event's row with the same driver, connection by connection, and commits; ours is `emit` on such a connection, or on one of
SQLAlchemy's. Turns of a second, medians. The latency is from the commit until the channel of a worker in another process, which has nothing else
to do, is handed the message: later than the claim of event and delivery by what deciding and rendering take.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks import history as past
from benchmarks import latest, walking
from benchmarks.common import Opened, opened, p99
from benchmarks.comparison import Comparison
from benchmarks.flood import ORDINARY, application, working
from benchmarks.floors import Floor
from benchmarks.sending import DRIVERS, NAMES, everybody
from clarion import Clarion
from clarion.store.database import Database

TURN = 1.0  # seconds
TURNS = 4
TARGET = 0.6
ASKED = 50
CLAIMED_MS = 3.0  # on PostgreSQL
SAID: dict[str, Any] = {"subject": "cl/1", "thread": "cl/1", "data": {"text": "Looks good to me"}}
WHOM = past.person(1)


class Way:
    """One way to emit, on as many connections as there are threads."""

    def __init__(self, connect: Callable[[], Callable[[], object]], connections: int) -> None:
        self._each = [connect() for _ in range(connections)]
        self.rates: list[float] = []

    def turn(self) -> None:
        """Events a second of all connections at once, for a second."""
        begun = time.perf_counter()

        def go(emit: Callable[[], object]) -> int:
            done = 0
            while time.perf_counter() < begun + TURN:
                emit()
                done += 1
            return done

        with ThreadPoolExecutor(len(self._each)) as threads:
            done = sum(threads.map(go, self._each))
        self.rates.append(done / (time.perf_counter() - begun))


def ways(
    on: Opened, clarion: Clarion, database: Database, floors: list[Floor]
) -> dict[str, Callable[[], Callable[[], object]]]:
    """What emits one event and commits, made for one connection."""

    def by_hand() -> Callable[[], object]:
        floor = _opened(on, floors)
        return lambda: walking.emit(floor, WHOM)

    def on_driver() -> Callable[[], object]:
        conn = _opened(on, floors).conn

        def emit() -> None:
            with _transaction(conn):
                clarion.emit(conn, ORDINARY, to=[WHOM], **SAID)

        return emit

    def on_sqlalchemy() -> Callable[[], object]:
        return lambda: database.run(lambda conn: clarion.emit(conn, ORDINARY, to=[WHOM], **SAID))

    return {"by hand": by_hand, "on the driver's connection": on_driver, "through SQLAlchemy": on_sqlalchemy}


def _opened(on: Opened, floors: list[Floor]) -> Floor:
    """A connection of its own, which may be used in another thread."""
    floor = Floor(on)
    if not on.postgresql:
        floor.conn.close()
        floor.conn = sqlite3.connect(
            str(on.database.url.database), isolation_level=None, check_same_thread=False
        )
        floor.conn.execute("PRAGMA synchronous = FULL")
    floors.append(floor)
    return floor


@contextmanager
def _transaction(conn: Any) -> Iterator[None]:
    if not isinstance(conn, sqlite3.Connection):
        with conn.transaction():
            yield
        return
    conn.execute("BEGIN IMMEDIATE")
    yield
    conn.execute("COMMIT")


def rates(on: Opened, connections: int) -> list[Comparison]:
    clarion = application(on.database.url.render_as_string(hide_password=False))
    clarion.start()
    database = Database(on.database.url, pool=connections)
    floors: list[Floor] = []
    made = ways(on, clarion, database, floors)
    measured = {name: Way(connect, connections) for name, connect in made.items()}
    for n in range(TURNS + 1):
        for way in measured.values():
            way.turn()
            if not n:
                way.rates.clear()  # the first turn warms up
    for floor in floors:
        floor.close()
    database.close()
    clarion.close()
    found = {name: median(way.rates) for name, way in measured.items()}
    raw = found.pop("by hand")
    plural = "1 connection" if connections == 1 else f"{connections} connections"
    return [
        Comparison(
            name=f"emitting: {NAMES[on.name]}, {plural}, {name}",
            ours=rate,
            other=raw,
            other_name=f"raw {DRIVERS[on.name]}, a row a commit",
            unit="a second",
            target=TARGET if on.postgresql and "driver" in name else None,
        )
        for name, rate in found.items()
    ]


def latency(on: Opened) -> list[Comparison]:
    """From emit to the channel, one after the other, at random moments."""
    clarion = application(on.database.url.render_as_string(hide_password=False))
    clarion.start()
    taken = []
    with working(on) as worker:
        for _ in range(ASKED):
            time.sleep(random.uniform(0.05, 0.25))  # so that no poll keeps time with us
            id = clarion.database.run(lambda conn: clarion.emit(conn, ORDINARY, to=[WHOM], **SAID))
            committed = time.monotonic()
            while id not in worker.sent:
                assert time.monotonic() < committed + 60, "not sent within a minute"
                time.sleep(0.0005)
            taken.append((worker.sent[id] - committed) * 1000)
    clarion.close()
    name = f"emitting: {NAMES[on.name]}, emit to the channel of an idle worker"
    return [
        Comparison(
            name=f"{name}, {which}",
            ours=found,
            other=CLAIMED_MS,
            other_name="the limit set",
            unit="ms",
            target=1 if on.postgresql and which == "p50" else None,
        )
        for which, found in (("p50", median(taken)), ("p99", p99(taken)))
    ]


def measure(kind: str) -> list[Comparison]:
    with opened(kind) as make_database:
        found = []
        for connections in (1, 16) if kind == "postgresql" else (1,):
            on = make_database(f"emitting{connections}")
            everybody(on)
            found += rates(on, connections)
        idle = make_database("idle")
        everybody(idle)
        return [*found, *latency(idle)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    latest.record("emitting", [row for kind in kinds for row in measure(kind)])


if __name__ == "__main__":
    main()
