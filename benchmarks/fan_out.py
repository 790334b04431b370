"""Fan-out to 100,000 people with every gate, on a fresh PostgreSQL: python -m benchmarks.fan_out

The page is the worker's own (`workers.deciding`): it locks, reads what the gates need, plans and writes. The floor
writes the very same rows by COPY, made beforehand and reading nothing, in transactions of as many. Both in one run,
in turns; never analysed before, as on the day after the installation.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from benchmarks import history as past
from benchmarks import latest
from benchmarks.common import Figure, Opened, opened, p50, show, write
from benchmarks.comparison import Comparison
from benchmarks.floors import Floor, again
from clarion import clock, ids
from clarion.delivery import LEASE
from clarion.event import Event, make
from clarion.event_type import EventType
from clarion.lane import Lanes
from clarion.policy import Cooldown, Policy
from clarion.silence import Silence, parse
from clarion.store import events, inserting, people, registry, silences, walks
from clarion.store import schema as s
from clarion.workers import deciding
from clarion.workers.collecting import collect_rarely
from clarion.workers.deciding import Page
from clarion.workers.pages import FIRST
from clarion.workers.wiring import Limits

T = past.TENANT
TARGET = 0.5  # of the floor's speed, on PostgreSQL
FIRST_MS = 100.0  # within which the first page should be told
PLAIN = EventType(
    code="bench.plain", category="releases", channels=("inbox", "email"), max_age=timedelta(days=3)
)
CHARGED = EventType(
    code="bench.charged",
    category="releases",
    channels=("inbox", "email"),
    max_age=timedelta(days=3),
    policy=Policy(cooldown=Cooldown(minutes=15, key="thread", channels=("email",))),
)


def say(on: Opened, count: int) -> None:
    """What people said, beyond the preferences of every fifth: quiet hours, tags, levels and mutes of a tenth each."""
    r = s.recipients

    def write(conn: Connection) -> None:
        ids_ = [past.person(n) for n in range(1, count)]
        for column, value, rest in (
            (r.c.quiet_hours, {"daily": ["00:00-12:00"], "weekdays": ["12:00-23:00"]}, 1),
            (r.c.tags, {"exclude": ["noise*"]}, 2),
        ):
            chosen = [id for n, id in enumerate(ids_) if n % 10 == rest]
            for start in range(0, len(chosen), 1000):
                some = chosen[start : start + 1000]
                conn.execute(
                    sa.update(r).where(r.c.tenant == T, r.c.id.in_(some)).values({column.name: value})
                )
        now = clock.now()
        rows = [
            (
                T,
                "cl/1",
                id,
                False,
                "participating" if n % 10 == 3 else None,
                None if n % 10 == 3 else now,
                now,
            )
            for n, id in enumerate(ids_)
            if n % 10 in (3, 4)
        ]
        names = ("tenant", "topic", "recipient", "subscribed", "level", "muted_until", "created_at")
        inserting.many(conn, s.subscriptions, names, rows)
        for matches in ({"type": "ci.*"}, {"recipient": past.person(7)}):
            until = now + timedelta(hours=1)
            silences.add(conn, T, Silence(id=ids.uuid7(), matches=parse(matches), author="olga", comment="flood", starts_at=now, ends_at=until))  # fmt: skip
        registry.persist(conn, [PLAIN, CHARGED], ["email"], "1")

    on.database.run(write)


def walk(on: Opened, type: EventType, page: int) -> tuple[Event, float, float]:
    """One event to everybody who follows the topic: the event, the seconds in all and those to the first page."""
    event = make(
        type.code, {"topic": past.TOPIC, "thread": "cl/1", "tags": ["release"], "data": {"version": "1.0"}}
    )
    on.database.run(lambda c: events.emit(c, [event]))
    (going,) = on.database.run(lambda c: walks.claim_due(c, most=20, lease=LEASE))
    cursor, first, most = "", 0.0, min(page, FIRST)
    begun = time.perf_counter()
    while told := on.database.read(
        lambda c, after=cursor, most=most: people.subscribers(c, T, past.TOPIC, after=after, most=most)  # type: ignore[misc]
    ):
        cursor = told[-1].recipient
        one = Page(walk=going, type=type, candidates=told, untold=True, side_by_side=True)

        def write(conn: Connection, one: Page = one, cursor: str = cursor, fresh: bool = not first) -> None:
            assert deciding.write(conn, [one], lanes=Lanes({}), fresh=fresh)
            walks.advance(conn, going, cursor=cursor, lease=LEASE)

        on.database.run(write)
        first, most = first or time.perf_counter() - begun, page
    on.database.run(lambda c: walks.finish(c, [going]))
    return event, time.perf_counter() - begun, first


def gates(on: Opened, event: Event) -> str:
    """How many were stopped by what."""
    from clarion.gates import names_in

    n = s.notifications
    rows = on.database.read(
        lambda c: c.execute(
            sa.select(n.c.gates, sa.func.count()).where(n.c.event_id == event.id).group_by(n.c.gates)
        ).all()
    )
    found: Counter[str] = Counter()
    for bits, count in rows:
        found.update(dict.fromkeys(names_in(bits) or ["told everywhere"], count))
    return ", ".join(f"{name} {count:,}" for name, count in found.most_common())


def floor(on: Opened, event: Event, page: int) -> float:
    """The seconds that COPY takes for the rows that this event made."""
    raw = Floor(on)
    try:
        return again(raw, event, page)
    finally:
        raw.close()


def compare(kind: str, name: str, taken: dict[str, list[float]]) -> list[Comparison]:
    """The whole, and the first page, beside the floor and the limit."""
    database = "PostgreSQL" if kind == "postgresql" else "SQLite"
    floor = "the same rows by COPY" if kind == "postgresql" else "the same rows by executemany"
    target = kind == "postgresql"
    return [
        Comparison(
            name=f"fan_out: {database}, {name}",
            ours=p50(taken["ours"]),
            other=p50(taken["floor"]),
            other_name=floor,
            unit="ms",
            target=TARGET if target else None,
        ),
        Comparison(
            name=f"fan_out: {database}, {name}, its first page",
            ours=p50(taken["first"]),
            other=FIRST_MS,
            other_name="the limit set",
            unit="ms",
            target=1 if target else None,
        ),
    ]


def measure(kind: str, recipients: int, page: int, rounds: int, compared: list[Comparison]) -> list[Figure]:
    figures = []
    with opened(kind) as make_database:
        for type, name, again_ in (
            (PLAIN, "no policy", False),
            (CHARGED, "and a cooldown", False),
            (CHARGED, "and a cooldown that stops them", True),
        ):
            on = make_database(name.replace(" ", "_"))
            past.people(on, recipients)
            say(on, recipients)
            taken: dict[str, list[float]] = {"ours": [], "first": [], "floor": []}
            said = ""
            if again_:
                walk(on, type, page)
            for _ in range(rounds):
                event, seconds, first = walk(on, type, page)
                said = said or gates(on, event)
                taken["ours"].append(seconds * 1000)
                taken["first"].append(first * 1000)
                taken["floor"].append(floor(on, event, page) * 1000)
                if not again_:  # the next round finds as much room
                    on.maintain("TRUNCATE clarion_slots" if on.postgresql else "DELETE FROM clarion_slots")
            ours, lowest = p50(taken["ours"]), p50(taken["floor"])
            compared += compare(kind, f"{recipients:,} people, all gates, {name}", taken)
            figures.append(
                Figure(
                    database=kind,
                    name=f"fan-out to {recipients:,}, pages of {page:,}, all gates {name}",
                    p50_ms=ours,
                    floor_p50_ms=lowest,
                    ratio=lowest / ours,
                    rate=recipients / ours * 1000,
                    note=f"first page after {p50(taken['first']):.0f} ms; {said}",
                )
            )
        show(figures, f"{on.version()}: fan-out with every gate")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--page", type=int, default=Limits().page)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    collect_rarely()  # as every worker process does
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    compared: list[Comparison] = []
    figures = [
        figure
        for kind in kinds
        for figure in measure(kind, given.recipients, given.page, given.rounds, compared)
    ]
    about: dict[str, Any] = {"recipients": given.recipients, "page": given.page}
    print(write("fan_out", about, figures))
    latest.record("fan_out", compared, **about)


if __name__ == "__main__":
    main()
