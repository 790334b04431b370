"""What one delivery costs from its emit to its end, in figures without noise: python -m benchmarks.per_delivery

SQL statements as PostgreSQL logs them (BEGIN and COMMIT are two), bytes of its write-ahead log, and rows inserted, changed and removed. Ours
is `emit` on psycopg's connection, then a worker process, its start among it; the other is the least by hand (see `benchmarks.walking`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.postgres import Postgres

from benchmarks import history as past
from benchmarks import latest, walking
from benchmarks.common import Opened
from benchmarks.comparison import Comparison
from benchmarks.flood import Working, application
from benchmarks.floors import Floor
from benchmarks.sending import everybody
from clarion.store.database import Database
from clarion.store.migrate import upgrade

DELIVERIES = 2000
COUNTED = "counted"  # how the connections that are measured call themselves
PATIENCE = 120.0
# Nothing but what is measured may write; a checkpoint would make whole pages of the rows that follow it.
SETTINGS = {
    "log_statement": "all",
    "log_line_prefix": "%a|",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "8GB",
}
ROWS = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE relname LIKE 'clarion%'"
LEFT = """SELECT (SELECT count(*) FROM clarion_events WHERE due_at IS NOT NULL) + (SELECT count(*) FROM clarion_queue)
    + abs(%s - (SELECT count(*) FROM clarion_outcomes WHERE final))"""


class Cost(NamedTuple):
    """Of one delivery."""

    statements: float
    bytes: float
    rows: float


def ours(on: Opened, each: int) -> None:
    """Events to `each` recipients, until so many deliveries are sent."""
    floor = Floor(on)
    clarion = application(on.database.url.render_as_string(hide_password=False))
    for people in _audiences(each):
        with floor.conn.transaction():
            clarion.emit(floor.conn, "bench.happened", to=people, subject="cl/1", thread="cl/1", data={"text": "Looks good to me"})  # fmt: skip
    floor.close()
    worker = Working(on)
    try:
        _await_nothing_left(on)
    finally:
        worker.end()


def by_hand(on: Opened, each: int) -> None:
    floor = Floor(on)
    for people in _audiences(each):
        walking.emit(floor, *people)
    while walking.walk(floor):
        pass
    while walking.send(floor):
        pass
    floor.close()
    _await_nothing_left(on)


def _audiences(each: int) -> Iterator[list[str]]:
    for start in range(0, DELIVERIES, each):
        yield [past.person(1 + n) for n in range(start, start + each)]


def cost(on: Opened, work: Callable[[], None]) -> Cost:
    assert on.server is not None
    on.maintain("VACUUM ANALYZE")
    on.maintain("CHECKPOINT")
    log = on.server.home / "log"
    rows, size, wal = _rows(on), log.stat().st_size, on.wal_position()
    with _counted():
        work()
    found = (_statements(log, size), on.wal_position() - wal, _rows(on) - rows)
    return Cost(*(each / DELIVERIES for each in found))


@contextmanager
def _counted() -> Iterator[None]:
    """Connections that are opened meanwhile, here or in a process that is started, are those that are measured."""
    os.environ["PGAPPNAME"] = COUNTED
    try:
        yield
    finally:
        del os.environ["PGAPPNAME"]


def _statements(log: Path, begin: int) -> int:
    with log.open("rb") as file:
        file.seek(begin)
        lines = [line for line in file if line.startswith(f"{COUNTED}|LOG:".encode())]
    return sum(b" statement: " in line or b" execute " in line for line in lines)


def _rows(on: Opened) -> int:
    """A backend reports its rows when it ends, at the latest: until two looks agree."""
    before, deadline = -1, time.monotonic() + PATIENCE
    while (now := int(_ask(on, ROWS) or 0)) != before:
        assert time.monotonic() < deadline, "the counts of rows do not come to rest"
        before = now
        time.sleep(1.1)  # a running backend reports once a second
    return now


def _await_nothing_left(on: Opened) -> None:
    deadline = time.monotonic() + PATIENCE
    while _ask(on, LEFT, DELIVERIES):
        assert time.monotonic() < deadline, f"not all sent within {PATIENCE} s"
        time.sleep(0.05)


def _ask(on: Opened, statement: str, *given: object) -> int | None:
    """On a connection that is not measured."""
    assert on.server is not None
    name = str(on.database.url.database)
    with on.server.connect(name) as conn:
        conn.execute("SET application_name = 'asking'")
        (found,) = conn.execute(statement, given or None).fetchone() or (None,)
        return found


def compare(server: Postgres, what: str, each: int) -> list[Comparison]:
    costs = []
    for way in (ours, by_hand):
        url = server.create_database(f"{way.__name__}{each}")
        upgrade(url)
        on = Opened("postgresql", Database(url), server)
        everybody(on)
        on.database.close()  # its pooled connections are of another name
        costs.append(cost(on, lambda way=way, on=on: way(on, each)))  # type: ignore[misc]
        on.database.close()
    mine, least = costs
    return [
        Comparison(
            name=f"per_delivery: {what}, {unit}",
            ours=getattr(mine, unit),
            other=getattr(least, unit),
            other_name="the least by hand",
            unit=unit,
        )
        for unit in Cost._fields
    ]


def main() -> None:
    with Postgres(SETTINGS) as server:
        rows = compare(server, "an event each", 1) + compare(server, "events to 1,000 people", 1000)
    latest.record("per_delivery", rows, deliveries=DELIVERIES)


if __name__ == "__main__":
    main()
