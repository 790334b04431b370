"""The part of the schema's measurements that fills it: emitting, and fanning out to many."""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy.engine import Connection

from benchmarks import history as past
from benchmarks.common import Bench, p50, times
from benchmarks.floors import Floor, again
from clarion import clock, ids, plan
from clarion.delivery import LEASE
from clarion.event import Event, EventFields, make
from clarion.event_type import EventType
from clarion.lane import Lanes
from clarion.preference import scopes
from clarion.store import events, notifications, people, walks
from clarion.store import schema as s

T = past.TENANT
BATCH = 100
FAN_OUT_TYPE = EventType(code="bench.released", channels=("inbox", "email"), max_age=timedelta(days=3))


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

    def many() -> None:
        batch = [make("bench.happened", {**fields, "key": f"emit-{next(keys)}"}) for _ in range(BATCH)]
        bench.run(lambda c: events.emit(c, batch))

    took = times(many, 30)
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
        notifications.write(conn, [(event, FAN_OUT_TYPE.max_age, planned)], now, lanes=Lanes({}), fresh=first)
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
    floor_took = again(floor, event, page)
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
