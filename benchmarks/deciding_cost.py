"""Whether a decision costs more for who was told much before: python -m benchmarks.deciding_cost

One event for one recipient of a type with a cooldown and a throttle, decided on as the worker does, for somebody with
10 earlier deliveries and for somebody with 100,000: in turns, in one run. Ratio: the first's time to the second's.
"""

from __future__ import annotations

import argparse
from datetime import timedelta

from sqlalchemy.engine import Connection

from benchmarks.common import Figure, opened, p50, show, times, write
from clarion import clock, ids
from clarion.circumstances import Candidate
from clarion.delivery import LEASE
from clarion.edit import Edit
from clarion.event import make
from clarion.event_type import EventType
from clarion.gates import BITS
from clarion.lane import Lanes
from clarion.policy import Cooldown, Policy, Throttle
from clarion.recipient import Address
from clarion.store import events, inserting, people, registry, roster, walks
from clarion.store import schema as s
from clarion.workers import deciding
from clarion.workers.deciding import Page

T = "default"
CHUNK = 10_000
TYPE = EventType(
    code="bench.charged",
    channels=("inbox", "email"),
    max_age=timedelta(days=3),
    policy=Policy(
        cooldown=Cooldown(seconds=0.001, key="thread", channels=("email",)),
        throttle=Throttle(1000, hours=1, key="severity", channels=("email",)),
    ),
)
FEW, MANY = "told-10-times", "told-100000-times"


def past(conn: Connection, who: str, address: object, count: int) -> None:
    """So many earlier notifications of this recipient, delivered; every tenth was stopped by a cooldown."""
    now = clock.now()
    told, sent, ended = [], [], []
    stopped = {"email": ["cooldown", {"key": "old", "taken": 1, "limit": 1, "since": None, "until": None}]}
    for n in range(count):
        notification, delivery = ids.uuid7(), ids.uuid7()
        blocked = n % 10 == 0
        told.append((T, notification, ids.uuid7(), who, notification, "direct", 0, 0, True, BITS["cooldown"] if blocked else 0, stopped if blocked else None, now))  # fmt: skip
        if not blocked:
            sent.append((T, delivery, notification, "email", address, now, now))
            ended.append((T, delivery, 1, 1, now, "sent", True, 12))
    for table, names, rows in (
        (s.notifications, ("tenant", "id", "event_id", "recipient", "place", "reason", "severity", "question", "visible", "gates", "verdicts", "created_at"), told),
        (s.deliveries, ("tenant", "id", "notification_id", "channel", "address_id", "created_at", "expires_at"), sent),
        (s.outcomes, ("tenant", "delivery_id", "claim", "attempt", "at", "result", "final", "duration_ms"), ended),
    ):  # fmt: skip
        inserting.many(conn, table, names, rows)


def measure(kind: str, rounds: int) -> list[Figure]:
    with opened(kind) as make_database:
        on = make_database("cost")
        run = on.database.run
        run(lambda c: registry.persist(c, [TYPE], ["email"], "1"))
        for who, count in ((FEW, 10), (MANY, 100_000)):
            edit = Edit(recipient=who, addresses=(Address("email", f"{who}@a.test"),))
            run(lambda c, edit=edit: roster.write(c, T, [edit], create=True))  # type: ignore[misc]
            known = on.database.read(lambda c, who=who: people.read(c, [(T, who)], []))  # type: ignore[misc]
            address = known[T].addresses[who][0].id
            for start in range(0, count, CHUNK):
                some = min(CHUNK, count - start)
                run(lambda c, w=who, a=address, n=some: past(c, w, a, n))  # type: ignore[misc]

        def decide(who: str) -> None:
            event = make(TYPE.code, {"thread": "cl/1", "to": [who]})
            run(lambda c: events.emit(c, [event]))
            (walk,) = run(lambda c: walks.claim_due(c, most=1, lease=LEASE))
            page = Page(walk=walk, type=TYPE, candidates=[Candidate(who, "direct")])

            def page_and_end(conn: Connection) -> None:
                assert deciding.write(conn, [page], lanes=Lanes({}), fresh=True)
                walks.finish(conn, [walk])

            taken[who] += times(lambda: run(page_and_end), 1)

        taken: dict[str, list[float]] = {FEW: [], MANY: []}
        for n in range(rounds):
            if n == rounds // 10:
                taken = {FEW: [], MANY: []}
            for who in (FEW, MANY):
                decide(who)
        few, many = p50(taken[FEW]), p50(taken[MANY])
        figure = Figure(
            database=kind,
            name="decide for one told 100,000 times, against one told 10 times",
            p50_ms=many,
            floor_p50_ms=few,
            ratio=few / many,
            rate=1000 / many,
            note="a transaction with its commit",
        )
        show([figure], f"{on.version()}: what a past costs")
    return [figure]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--rounds", type=int, default=300)
    given = parser.parse_args()
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    print(write("deciding_cost", {}, [f for kind in kinds for f in measure(kind, given.rounds)]))


if __name__ == "__main__":
    main()
