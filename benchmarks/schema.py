"""Loads the whole schema with a million rows and measures the statements that everything else stands on.

`python -m benchmarks.schema --database both --rows 1000000 [--plans]`
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from benchmarks import history as past
from benchmarks.common import Bench, Figure, Opened, opened, p50, show, write
from benchmarks.floors import Floor
from benchmarks.schema_fan_out import emits, fan_out
from clarion.cursor import Cursor
from clarion.delivery import LEASE, Claim, sent
from clarion.item import Query
from clarion.store import inbox, outcomes, queue, records, told
from clarion.store import schema as s

Done = TypeVar("Done")

T = past.TENANT
BATCH = 100
SUSTAINED = 10.0


# ── Reads ────────────────────────────────────────────────────────────────────────────────────────────────


def reads(bench: Bench, history: past.History, state: str) -> None:
    n, o, e = s.notifications, s.outcomes, s.events
    places = iter(range(0, 10**9, 7919))

    def some_event() -> int:
        return next(places) % len(history.events)

    def explain(conn: Connection) -> object:
        at = some_event()
        event_id, recipient = (
            history.events[at],
            past.person(1 + (at * history.each + 1) % (history.recipients - 1)),
        )
        found = records.event(conn, T, event_id), records.notification(conn, T, event_id, recipient)
        assert found[0]
        assert found[1]
        assert found[1].deliveries[0].attempts
        return found

    def everybody(conn: Connection) -> object:
        return told.read(conn, T, history.events[some_event()])

    def unread(conn: Connection) -> int:
        return inbox.count_unread(conn, T, past.READER)

    def first_page(conn: Connection) -> object:
        query = Query(tenant=T, recipient=past.READER)
        found = inbox.find(conn, query, before=Cursor(number=0).before, most=50)
        return inbox.read(conn, T, [row.id for row in found.rows])

    def failures(conn: Connection) -> object:
        return conn.execute(
            sa.select(o).where(o.c.tenant == T, sa.text(s.FAILED)).order_by(o.c.at.desc()).limit(50)
        ).all()

    def refused(conn: Connection) -> object:
        return conn.execute(
            sa.select(n).where(n.c.tenant == T, sa.text(s.REFUSED)).order_by(n.c.id.desc()).limit(50)
        ).all()

    def by_key(conn: Connection) -> object:
        return records.event_by_key(conn, T, f"key-{some_event()}")

    def by_subject(conn: Connection) -> object:
        wanted = sa.select(e).where(e.c.tenant == T, e.c.subject == f"cl/{some_event() // 5}")
        return conn.execute(wanted.order_by(e.c.id.desc()).limit(50)).all()

    found = bench.read(unread)
    for name, work in {
        f"unread count: {found:,} of {history.rows:,}": unread,
        "inbox, first page of 50": first_page,
        "explain (event, recipient)": explain,
        "everybody told of an event": everybody,
        "failures, newest 50": failures,
        "refused by a gate, newest 50": refused,
        "event by key": by_key,
        "events by subject": by_subject,
    }.items():
        bench.reading(f"{name}{state}", work)


# ── Claim and settle ─────────────────────────────────────────────────────────────────────────────────────


def claim(conn: Connection, each: int = BATCH, after: str = "") -> list[Claim]:
    return queue.claim_due(conn, "email", most=BATCH, each=each, lease=LEASE, after=after)


def settlements(claims: list[Claim]) -> list[outcomes.Settlement]:
    outcome = sent("250 queued", timedelta(milliseconds=12))
    return [outcomes.Settlement(claim, outcome) for claim in claims]


def claims_over_lanes(bench: Bench, lanes: int) -> None:
    """How many lanes fifteen claims serve, when nearly everything is ahead in one of them."""
    served: set[str] = set()
    after, taken = "", []
    for _ in range(15):
        begun = time.perf_counter()
        claims = bench.run(lambda c, a=after: claim(c, 10, a))  # type: ignore[misc]
        taken.append((time.perf_counter() - begun) * 1000)
        served |= {c.lane for c in claims}
        after = max((c.lane for c in claims), default="") if len(claims) == BATCH else ""
    plans = bench.plans.of("claim over lanes", lambda c: claim(c, 10))
    bench.add("claim 100, 10 a lane", taken, note=f"15 claims served {len(served)} of {lanes} lanes", **plans)


class Laps:
    """Milliseconds and bytes of write-ahead log of things done in turns."""

    def __init__(self, on: Opened) -> None:
        self._on = on
        self.taken: dict[str, list[float]] = {}
        self._written: dict[str, int] = {}

    def time(self, name: str, work: Callable[[], Done]) -> Done:
        before = self._on.wal_position()
        begun = time.perf_counter()
        done = work()
        self.taken.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
        self._written[name] = self._written.get(name, 0) + self._on.wal_position() - before
        return done

    def wal_of(self, name: str) -> str:
        share = self._written[name] / (len(self.taken[name]) * BATCH)
        return f"{share:,.0f} B of WAL a delivery" if self._on.postgresql else ""


def claim_and_settle(bench: Bench, floor: Floor) -> None:
    """Ours and the floor's in turns, on the same rows."""
    laps = Laps(bench.on)
    for turn in range(120):
        if turn == 20:
            laps = Laps(bench.on)
        claims = laps.time("claim", lambda: bench.run(claim))
        work = laps.time("read", lambda cl=claims: bench.read(lambda c: queue.read_work(c, cl)))  # type: ignore[misc]
        ended = settlements(claims)
        lost = laps.time("settle", lambda en=ended: bench.run(lambda c: outcomes.settle(c, en).lost))  # type: ignore[misc]
        assert len(claims) == len(work) == BATCH
        assert not lost
        rows = laps.time("floor claim", lambda: floor.claim(past.LANE, BATCH))
        laps.time("floor settle", lambda r=rows: floor.settle(r))  # type: ignore[misc]
    ours, floors = laps.taken, {name: laps.taken[f"floor {name}"] for name in ("claim", "settle")}

    claims = bench.run(claim)
    bench.add(
        "claim 100 of one lane",
        ours["claim"],
        floors["claim"],
        note=laps.wal_of("claim"),
        **bench.plans.of("claim", claim),
    )
    bench.reading("ask whether any lost delivery is due", lambda c: queue.any_lost(c, "email"))
    bench.add(
        "read what 100 are to send",
        ours["read"],
        **bench.plans.of("read_work", lambda c: queue.read_work(c, claims)),
    )
    settle_plans = bench.plans.of("settle", lambda c: outcomes.settle(c, settlements(claims)))
    bench.add("settle 100 sent", ours["settle"], floors["settle"], note=laps.wal_of("settle"), **settle_plans)
    both = [a + b for a, b in zip(ours["claim"], ours["settle"], strict=True)]
    floor_both = [a + b for a, b in zip(floors["claim"], floors["settle"], strict=True)]
    bench.add("claim and settle 100", both, floor_both, rate=BATCH / p50(both) * 1000)


def sustained(bench: Bench, floor: Floor) -> None:
    """Claim, read and settle without a pause for ten seconds: does it slow down while dead rows pile up?"""

    def ours(with_reading: bool) -> int:
        claims = bench.run(claim)
        if with_reading:
            bench.read(lambda c: queue.read_work(c, claims))
        bench.run(lambda c: outcomes.settle(c, settlements(claims)))
        return len(claims)

    def theirs() -> int:
        rows = floor.claim(past.LANE, BATCH)
        floor.settle(rows)
        return len(rows)

    most = _share(bench)
    rates = {}
    turns: dict[str, Callable[[], int]] = {
        "floor": theirs,
        "claim, settle": partial(ours, False),
        "claim, read, settle": partial(ours, True),
    }
    for name, turn in turns.items():
        if bench.on.postgresql:
            bench.on.maintain("VACUUM clarion_queue")  # none begins with what another left behind
        done: list[float] = []
        begun = time.perf_counter()
        while time.perf_counter() - begun < SUSTAINED and len(done) * BATCH < most and turn():
            done.append(time.perf_counter() - begun)
        fifth = done[-1] / 5
        first = sum(1 for at in done if at <= fifth) / fifth * BATCH
        last = sum(1 for at in done if at > fifth * 4) / fifth * BATCH
        rates[name] = len(done) * BATCH / done[-1]
        bench.add(
            f"{name}, without a pause for {done[-1]:.0f} s",
            rate=rates[name],
            ratio=None if name == "floor" else rates[name] / rates["floor"],
            note=f"first fifth {first:,.0f}, last fifth {last:,.0f} a second",
        )


def _share(bench: Bench) -> int:
    """A quarter of what is due in the lane: three runs share it."""
    lane = sa.select(sa.func.count()).where(s.queue.c.lane == past.LANE)
    return int(bench.read(lambda c: c.execute(lane).scalar_one())) // 4


# ── All of it ────────────────────────────────────────────────────────────────────────────────────────────


def measure(kind: str, *, rows: int, recipients: int, show_plans: bool) -> list[Figure]:
    figures: list[Figure] = []
    with opened(kind) as make_database:
        for page in (1_000, 5_000):
            bench = Bench(make_database(f"fan_out_{page}"), plans=show_plans)
            past.people(bench.on, recipients)
            floor = Floor(bench.on)
            fan_out(bench, floor, recipients, page)
            floor.close()
            figures += bench.figures
        bench = Bench(make_database("history"), plans=show_plans)
        unread = rows // 100
        bench.add(f"load {recipients:,} recipients", rate=past.people(bench.on, recipients), note="rows")
        history = past.History(bench.on, rows=rows, recipients=recipients, unread=unread)
        bench.add(f"load {rows:,} notifications, delivered", rate=history.write(), note="rows of five tables")
        floor = Floor(bench.on)
        if bench.on.postgresql:
            reads(bench, history, ", never analysed")
            bench.on.maintain("VACUUM ANALYZE")
        reads(bench, history, "")
        emits(bench, floor)
        bench.add(f"load {rows:,} due", rate=history.queue_again(200, 20), note="rows of the queue")
        claims_over_lanes(bench, 201)
        claim_and_settle(bench, floor)
        sustained(bench, floor)
        floor.close()
        figures += bench.figures
        print()
        show(figures, f"{bench.on.version()}: {rows:,} notifications of {recipients:,} recipients")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument(
        "--rows", type=int, default=1_000_000, help="notifications, deliveries, outcomes, due"
    )
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--plans", action="store_true", help="print each statement and how it is run")
    parser.add_argument("--no-write", action="store_true", help="leave results/schema.json as it is")
    given = parser.parse_args()
    if given.rows < 50_000:
        parser.error("at least 50000 rows: fewer are used up before the end")
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    figures: list[Figure] = []
    for kind in kinds:
        figures += measure(kind, rows=given.rows, recipients=given.recipients, show_plans=given.plans)
    if not given.no_write:
        print(write("schema", {"rows": given.rows, "recipients": given.recipients}, figures))


if __name__ == "__main__":
    main()
