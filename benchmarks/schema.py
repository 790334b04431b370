"""Loads the whole schema with a million rows and measures the statements that everything else stands on.

`python -m benchmarks.schema --database both --rows 1000000 [--plans]`
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from benchmarks import history as past
from benchmarks.common import Figure, Opened, Plans, opened, p50, p99, show, times, write
from benchmarks.floors import Floor
from clarion import clock, ids, plan
from clarion.delivery import LEASE, sent
from clarion.event import Event, EventFields, make
from clarion.event_type import EventType
from clarion.preference import scopes
from clarion.store import events, inbox, notifications, people, queue, records, walks
from clarion.store import schema as s

T = past.TENANT
BATCH = 100
FAN_OUT_TYPE = EventType(code="bench.released", channels=("inbox", "email"), max_age=timedelta(days=3))
SUSTAINED = 10.0


class Bench:
    """One database under measurement, and the figures found so far."""

    def __init__(self, on: Opened, *, plans: bool) -> None:
        self.on = on
        self.run = on.database.run
        self.read = on.database.read
        self.plans = Plans(on, show=plans)
        self.figures: list[Figure] = []

    def add(
        self, name: str, taken: list[float] | None = None, floor: list[float] | None = None, **more: Any
    ) -> None:
        if taken:
            more |= {"p50_ms": p50(taken), "p99_ms": p99(taken)}
        if taken and floor:
            more |= {"floor_p50_ms": p50(floor), "ratio": p50(floor) / p50(taken)}
        self.figures.append(Figure(database=self.on.name, name=name, **more))
        print(".", end="", flush=True)

    def reading(self, name: str, work: Callable[[Connection], object], **more: Any) -> None:
        """A read: often enough that PostgreSQL may have chosen a generic plan (psycopg prepares at the 6th)."""
        taken = times(lambda: self.read(work), 60, warm=15)
        self.add(name, taken, **more, **self.plans.of(name, work))


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

    def told(conn: Connection) -> object:
        return records.told(conn, T, history.events[some_event()])

    def unread(conn: Connection) -> int:
        return inbox.count_unread(conn, T, past.READER)

    def first_page(conn: Connection) -> object:
        return inbox.items(conn, T, past.READER, most=50)

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
        "everybody told of an event": told,
        "failures, newest 50": failures,
        "refused by a gate, newest 50": refused,
        "event by key": by_key,
        "events by subject": by_subject,
    }.items():
        bench.reading(f"{name}{state}", work)


# ── Claim and settle ─────────────────────────────────────────────────────────────────────────────────────


def claim(conn: Connection, each: int = BATCH, after: str = "") -> list[queue.Claim]:
    return queue.claim_due(conn, "email", most=BATCH, each=each, lease=LEASE, after=after)


def settlements(claims: list[queue.Claim]) -> list[queue.Settlement]:
    outcome = sent("250 queued", timedelta(milliseconds=12))
    return [queue.Settlement(claim, outcome) for claim in claims]


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


def claim_and_settle(bench: Bench, floor: Floor) -> None:
    """Ours and the floor's in turns, on the same rows."""
    ours: dict[str, list[float]] = {"claim": [], "read": [], "settle": []}
    theirs: dict[str, list[float]] = {"claim": [], "settle": []}
    wal = {"claim": 0, "settle": 0}
    position = bench.on.wal_position
    for turn in range(120):
        t = [time.perf_counter()]
        w = [position()]

        def lap(t: list[float] = t, w: list[int] = w) -> None:
            t.append(time.perf_counter())
            w.append(position())

        t[0] = time.perf_counter()
        claims = bench.run(claim)
        lap()
        t[1], before = time.perf_counter(), t[1]
        took_claim = before - t[0]
        begun = time.perf_counter()
        work = bench.read(lambda c, cl=claims: queue.read_work(c, cl))  # type: ignore[misc]
        took_read = time.perf_counter() - begun
        before_settle = position()
        begun = time.perf_counter()
        lost = bench.run(lambda c, cl=claims: queue.settle(c, settlements(cl)))  # type: ignore[misc]
        took_settle = time.perf_counter() - begun
        after_settle = position()
        assert len(claims) == len(work) == BATCH
        assert not lost
        begun = time.perf_counter()
        rows = floor.claim(past.LANE, BATCH)
        floor_claim = time.perf_counter() - begun
        begun = time.perf_counter()
        floor.settle(rows)
        floor_settle = time.perf_counter() - begun
        if turn < 20:
            continue
        wal["claim"] += w[1] - w[0]
        wal["settle"] += after_settle - before_settle
        for name, took in (("claim", took_claim), ("read", took_read), ("settle", took_settle)):
            ours[name].append(took * 1000)
        theirs["claim"].append(floor_claim * 1000)
        theirs["settle"].append(floor_settle * 1000)
    share = 100 * BATCH

    def bytes_of(name: str) -> str:
        return f"{wal[name] / share:,.0f} B of WAL a delivery" if bench.on.postgresql else ""

    claims = bench.run(claim)
    bench.add(
        "claim 100 of one lane",
        ours["claim"],
        theirs["claim"],
        note=bytes_of("claim"),
        **bench.plans.of("claim", claim),
    )
    bench.reading("ask whether any lost delivery is due", lambda c: queue.any_lost(c, "email"))
    bench.add(
        "read what 100 are to send",
        ours["read"],
        **bench.plans.of("read_work", lambda c: queue.read_work(c, claims)),
    )
    settle_plans = bench.plans.of("settle", lambda c: queue.settle(c, settlements(claims)))
    bench.add("settle 100 sent", ours["settle"], theirs["settle"], note=bytes_of("settle"), **settle_plans)
    both = [a + b for a, b in zip(ours["claim"], ours["settle"], strict=True)]
    floor_both = [a + b for a, b in zip(theirs["claim"], theirs["settle"], strict=True)]
    bench.add("claim and settle 100", both, floor_both, rate=BATCH / p50(both) * 1000)


def sustained(bench: Bench, floor: Floor) -> None:
    """Claim, read and settle without a pause for ten seconds: does it slow down while dead rows pile up?"""

    def ours(with_reading: bool) -> int:
        claims = bench.run(claim)
        if with_reading:
            bench.read(lambda c: queue.read_work(c, claims))
        bench.run(lambda c: queue.settle(c, settlements(claims)))
        return len(claims)

    def theirs() -> int:
        rows = floor.claim(past.LANE, BATCH)
        floor.settle(rows)
        return len(rows)

    most = _share(bench)
    rates = {}
    for name, turn in {
        "floor": theirs,
        "claim, settle": lambda: ours(False),
        "claim, read, settle": lambda: ours(True),
    }.items():
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


# ── Emit and fan out ─────────────────────────────────────────────────────────────────────────────────────


def emits(bench: Bench, floor: Floor) -> None:
    fields: EventFields = {
        "subject": "cl/1",
        "thread": "cl/1",
        "to": ["bob"],
        "data": {"text": "Looks good to me"},
    }
    keys = iter(range(10**9))

    def ours() -> None:
        event = make("bench.happened", {**fields, "key": f"emit-{next(keys)}"})
        bench.run(lambda c: events.emit(c, [event]))

    row = {"tenant": T, "type": "bench.happened", "to": "[]", "tags": "[]", "data": "{}", "correlation_id": "x", "body_hash": "0" * 32, "subject": "cl/1", "thread": "cl/1"}  # fmt: skip

    def theirs() -> None:
        now, id = clock.now(), ids.uuid7()
        at = now if bench.on.postgresql else int(now.timestamp() * 1e6)
        values = {
            "id": id if bench.on.postgresql else id.hex,
            "emitted_at": at,
            "at": at,
            "due_at": at,
            "key": f"raw-{next(keys)}",
        }
        floor.insert(s.events, [row | values])

    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(20):
        taken[0].extend(times(ours, 20, warm=2))
        taken[1].extend(times(theirs, 20, warm=2))
    bench.add("emit, its own transaction", *taken, rate=1000 / p50(taken[0]))
    hundred = lambda: [make("bench.happened", {**fields, "key": f"emit-{next(keys)}"}) for _ in range(BATCH)]  # noqa: E731
    many = [hundred() for _ in range(30)]
    batches = iter(many)
    took = times(lambda: bench.run(lambda c: events.emit(c, next(batches))), 30)
    bench.add("emit 100 in one transaction", took, rate=BATCH / p50(took) * 1000)
    taken_walks = times(lambda: bench.run(lambda c: walks.claim_due(c, most=20, lease=LEASE)), 30)
    plans = bench.plans.of("claim events", lambda c: walks.claim_due(c, most=20, lease=LEASE))
    bench.add("claim events to walk, 20 of a tenant's 5", taken_walks, **plans)


def fan_out(bench: Bench, floor: Floor, recipients: int, page: int) -> None:
    """One event to everybody who follows a topic, page by page, on tables that were never analysed."""
    event = make(
        "bench.released", {"topic": past.TOPIC, "data": {"version": "1.0"}, "key": f"fan-out-{page}"}
    )
    bench.run(lambda c: events.emit(c, [event]))
    (walk,) = [
        w for w in bench.run(lambda c: walks.claim_due(c, most=20, lease=LEASE)) if w.event.id == event.id
    ]
    cursor, first = None, True
    pages: list[float] = []
    parts = {"read": 0.0, "plan": 0.0, "write": 0.0}

    def one_page(conn: Connection) -> str | None:
        now, _ = walks.still_ours(conn, [walk])
        t0 = time.perf_counter()
        candidates = people.subscribers(conn, T, past.TOPIC, after=cursor, most=page)
        if not candidates:
            return None
        who = [c.recipient for c in candidates]
        told = notifications.already_told(conn, event, who)
        assert not told
        known = people.read(conn, [(T, id) for id in who], scopes(FAN_OUT_TYPE))[T]
        t1 = time.perf_counter()
        facts = known.facts({"inbox": event.at, "email": event.at})
        planned = plan.plan(event, FAN_OUT_TYPE, candidates, facts, now)
        t2 = time.perf_counter()
        notifications.write(conn, [(event, FAN_OUT_TYPE.max_age, planned)], now, fresh=first)
        t3 = time.perf_counter()
        walks.advance(conn, walk, cursor=who[-1], lease=LEASE)
        for name, took in (("read", t1 - t0), ("plan", t2 - t1), ("write", t3 - t2)):
            parts[name] += took
        return who[-1]

    begun = time.perf_counter()
    while True:
        started = time.perf_counter()
        cursor = bench.run(one_page)
        if cursor is None:
            break
        pages.append((time.perf_counter() - started) * 1000)
        first = False
    took = time.perf_counter() - begun
    plans = bench.plans.of(f"fan-out page of {page}", lambda c: _reads_of_page(c, event, page))
    floor_took = _floor_fan_out(bench, floor, event, page)
    bench.add(
        f"fan-out to {recipients:,}, a page of {page:,}",
        pages,
        rate=recipients / took,
        ratio=floor_took / took,
        note=f"{took:.2f} s (floor {floor_took:.2f} s), first page after {pages[0]:.0f} ms; "
        + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in parts.items()),
        **plans,
    )


def _reads_of_page(conn: Connection, event: Event, page: int) -> None:
    candidates = people.subscribers(conn, T, past.TOPIC, after=past.person(1), most=page)
    who = [c.recipient for c in candidates]
    notifications.already_told(conn, event, who)
    people.read(conn, [(T, id) for id in who], scopes(FAN_OUT_TYPE))


def _floor_fan_out(bench: Bench, floor: Floor, event: Event, page: int) -> float:
    """The seconds that the driver takes to write the same rows in pages: made beforehand, nothing is read."""
    lite = not bench.on.postgresql
    written = []
    for table, key in ((s.notifications, "id"), (s.deliveries, "id"), (s.queue, "delivery_id")):
        names = [
            column.name for column in table.c if column.server_default is None or column.name != "visible"
        ]
        chosen = sa.select(*(table.c[name] for name in names)).where(table.c.tenant == T)
        if table is s.notifications:
            chosen = chosen.where(table.c.event_id == event.id)
        sql = chosen.order_by(table.c[key]).compile(
            bench.on.database.engine, compile_kwargs={"literal_binds": True}
        )
        rows = [list(row) for row in floor.conn.execute(str(sql)).fetchall()]
        written.append((table, names, rows))
    if not lite:
        floor.conn.commit()
    new_event = ids.uuid7()
    fresh: dict[Any, Any] = {}

    def mint(old: Any) -> Any:
        if old not in fresh:
            fresh[old] = ids.uuid7().hex if lite else ids.uuid7()
        return fresh[old]

    for _, names, rows in written:
        for name in ("id", "notification_id", "delivery_id"):
            if name in names:
                at = names.index(name)
                for row in rows:
                    row[at] = mint(row[at])
        if "event_id" in names:
            for row in rows:
                row[names.index("event_id")] = new_event.hex if lite else new_event
    begun = time.perf_counter()
    for start in range(0, len(written[0][2]), page):
        floor.copy([(table, names, rows[start : start + page]) for table, names, rows in written])
    return time.perf_counter() - begun


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
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    figures: list[Figure] = []
    for kind in kinds:
        figures += measure(kind, rows=given.rows, recipients=given.recipients, show_plans=given.plans)
    if not given.no_write:
        print(write("schema", {"rows": given.rows, "recipients": given.recipients}, figures))


if __name__ == "__main__":
    main()
