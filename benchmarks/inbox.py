"""Reading an inbox of 100,000 items, 10,000 of them unread, among 1,000,000 notifications: python -m benchmarks.inbox

What a page asks for when it is opened, what is done with items, and how long until a change has its number.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from benchmarks import history as past
from benchmarks import latest
from benchmarks.common import Bench, Figure, Opened, opened, p50, show, times, write
from benchmarks.comparison import Comparison
from clarion import clock
from clarion.cursor import Cursor
from clarion.ids import uuid7
from clarion.item import Filter, Mark, Query, View
from clarion.severity import Severity
from clarion.store import changes, inbox, inserting, marking, threads
from clarion.store import schema as s
from clarion.workers.collecting import collect_rarely

T, BOB = past.TENANT, past.READER
FIRST = Cursor(number=0).before
SHOWN = ("first page of 50", "first page of 20 threads of 50", "all counts")
LONGEST = 20.0  # milliseconds


def items(on: Opened, number: int, unread: int) -> None:
    """The rows of one recipient's inbox, beside those of the history: of its events, with threads of 50 each."""
    c = s.events.c
    found = on.database.read(lambda conn: conn.execute(sa.select(c.id, c.thread).where(c.tenant == T)).all())
    now = clock.now()
    mine = on.database.read(
        lambda conn: set(
            conn.execute(
                sa.select(s.notifications.c.event_id).where(
                    s.notifications.c.tenant == T, s.notifications.c.recipient == BOB
                )
            ).scalars()
        )
    )
    rows = []
    events = [row for row in found if row.id not in mine]
    for n in range(number):
        event = events[n % len(events)]
        id = uuid7()
        event_id = event.id if n < len(events) else uuid7()
        rows.append((T, id, event_id, BOB, f"thread-{n // 50}", id, "direct", n % 4, 0, True, 0, now, None if n % (number // unread) == 0 else now, now))  # fmt: skip
    names = ("tenant", "id", "event_id", "recipient", "thread", "place", "reason", "severity", "question", "visible", "gates", "created_at", "read_at", "seen_at")  # fmt: skip
    for start in range(0, len(rows), 10_000):
        some = rows[start : start + 10_000]
        on.database.run(lambda conn, some=some: inserting.many(conn, s.notifications, names, some))  # type: ignore[misc]


def reads(bench: Bench, state: str) -> None:
    def page(conn: Connection, view: View = "inbox", **wanted: Any) -> object:
        query = Query(tenant=T, recipient=BOB, view=view, filter=Filter(**wanted))
        found = inbox.find(conn, query, before=FIRST, most=50)
        return inbox.read(conn, T, [row.id for row in found.rows])

    def grouped(conn: Connection, after: int = 0) -> object:
        query = Query(tenant=T, recipient=BOB)
        found = threads.find(conn, query, before=FIRST, top=None, most=20)
        if after:
            found = threads.find(conn, query, before=found.then or FIRST, top=found.top, most=20)
        return threads.read(conn, query, found.rows)

    for name, work in {
        "first page of 50": page,
        "first page of the unread": partial(page, view="unread"),
        "first page of one thread": partial(page, thread="thread-7"),
        "first page, severity at least urgent": partial(page, at_least=Severity.URGENT),
        "first page of a subject that none has: looks at 2,000": partial(page, subject="none"),
        "first page of 20 threads of 50": grouped,
        "second page of them": partial(grouped, after=1),
        "all counts": lambda conn: inbox.counts(conn, T, BOB),
        "unread alone": lambda conn: inbox.count_unread(conn, T, BOB),
        "unread by category": lambda conn: inbox.unread_by_type(conn, T, BOB),
        "feed of one, nothing new": lambda conn: changes.read(conn, changes.Chosen(tenant=T, recipient=BOB), after=0, most=100),
        "whether anything has no number": changes.pending,
    }.items():  # fmt: skip
        bench.reading(f"{name}{state}", work)


def marks(bench: Bench) -> None:
    query = Query(tenant=T, recipient=BOB, view="inbox")
    ids: list[UUID] = [
        row.id for row in bench.read(lambda c: inbox.find(c, query, before=FIRST, most=1000)).rows
    ]

    def both(of: list[UUID], there: Mark, back: Mark) -> Callable[[], None]:
        def run() -> None:
            bench.run(lambda conn: marking.mark(conn, T, BOB, of, there))
            bench.run(lambda conn: marking.mark(conn, T, BOB, of, back))

        return run

    for number, repeats in ((1, 60), (1000, 8)):
        taken = [one / 2 for one in times(both(ids[:number], "done", "undone"), repeats, warm=3)]
        plans = bench.plans.of("mark", lambda conn, of=ids[:number]: marking.mark(conn, T, BOB, of, "done"))
        bench.add(f"mark {number:,} done, or undone", taken, **plans)


def numbers(bench: Bench, count: int) -> None:
    """How many a second get their number, and how long it takes a change to get there that is told on its own."""
    ids = [uuid7() for _ in range(count)]
    while bench.run(changes.number):
        pass
    for start in range(0, count, 10_000):
        some = [(T, f"p{n % 1000}", id) for n, id in enumerate(ids[start : start + 10_000])]
        bench.run(lambda conn, some=some: changes.tell(conn, "read", some, clock.now()))  # type: ignore[misc]
    begun = time.perf_counter()
    while bench.run(changes.number):
        pass
    seconds = time.perf_counter() - begun
    bench.add(f"number {count:,} changes", rate=count / seconds)
    taken, after = [], bench.read(changes.newest)
    for id in ids[:200]:
        bench.run(lambda conn, id=id: changes.tell(conn, "read", [(T, BOB, id)], clock.now()))  # type: ignore[misc]
        begun = time.perf_counter()
        bench.run(changes.number)
        found = bench.read(
            lambda conn, after=after: changes.read(
                conn, changes.Chosen(tenant=T, recipient=BOB), after=after, most=10
            )  # type: ignore[misc]
        )
        taken.append((time.perf_counter() - begun) * 1000)
        assert len(found.rows) == 1
        after = found.upto
    bench.add("from a commit to the reader, woken at once", taken)
    print(f" p50 {p50(taken):.1f} ms", end="", flush=True)


def measure(kind: str, rows: int, number: int, unread: int, *, plans: bool) -> list[Figure]:
    with opened(kind) as make_database:
        on = make_database("inbox")
        past.people(on, 100_000)
        past.History(on, rows=rows - number, recipients=100_000, unread=1).write()
        items(on, number, unread)
        collect_rarely()  # as every process that serves does, once it has started
        bench = Bench(on, plans=plans)
        reads(bench, ", never analysed")
        on.maintain("VACUUM ANALYZE" if on.postgresql else "ANALYZE")
        reads(bench, "")
        marks(bench)
        numbers(bench, 50_000)
        show(bench.figures, f"{on.version()}: an inbox of {number:,} among {rows:,}")
    engine = "PostgreSQL" if kind == "postgresql" else "SQLite"
    latest.record(
        "inbox",
        [
            Comparison(
                name=f"inbox: {engine}, {one.name}, of {number:,} items among {rows:,}, p99",
                ours=one.p99_ms or 0,
                other=LONGEST,
                other_name="the limit set",
                unit="ms",
                target=1,
            )
            for one in bench.figures
            if one.name in SHOWN
        ],
    )
    return bench.figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--unread", type=int, default=10_000)
    parser.add_argument("--plans", action="store_true", help="print every statement with its plan")
    given = parser.parse_args()
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    figures = [
        f for kind in kinds for f in measure(kind, given.rows, given.items, given.unread, plans=given.plans)
    ]
    print(write("inbox", {"rows": given.rows, "items": given.items, "unread": given.unread}, figures))


if __name__ == "__main__":
    main()
