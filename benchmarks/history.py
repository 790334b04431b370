"""A database with a past: people, events, notifications, deliveries and their outcomes, by the million."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from benchmarks.common import Opened
from clarion import clock, ids
from clarion.event import make
from clarion.question import Place, Question, to_json
from clarion.severity import Severity
from clarion.store import inserting
from clarion.store import schema as s
from clarion.store.events import EMISSION

TENANT = "default"
READER = "reader"  # has many unread
TOPIC = "release"
LANE = "lane-000"  # nearly everything is ahead in this one
CHUNK = 50_000
CONSENT = 1 << 6


def person(n: int) -> str:
    return f"person-{n:06d}"


def people(on: Opened, count: int) -> float:
    """Recipients, each with an address and following TOPIC, every fifth with a preference; rows a second."""
    now = clock.now()
    who = [READER, *(person(n) for n in range(1, count))]
    tables: list[tuple[sa.Table, tuple[str, ...], list[tuple[Any, ...]]]] = [
        (
            s.recipients,
            ("tenant", "id", "name", "locale", "time_zone", "active", "enabled", "created_at", "updated_at"),
            [(TENANT, id, f"Name of {id}", "en", "UTC", True, True, now, now) for id in who],
        ),
        (
            s.addresses,
            ("tenant", "id", "recipient", "channel", "value", "created_at"),
            [(TENANT, ids.uuid7(), id, "email", f"{id}@example.test", now) for id in who],
        ),
        (
            s.subscriptions,
            ("tenant", "topic", "recipient", "level", "created_at"),
            [(TENANT, TOPIC, id, "all", now) for id in who],
        ),
        (
            s.preferences,
            ("tenant", "recipient", "scope", "channel", "min_severity", "changed_at"),
            [(TENANT, id, "*", "email", n % 2, now) for n, id in enumerate(who) if n % 5 == 0],
        ),
    ]
    return _insert(on, tables)


class History:
    """What is remembered of the rows written, to ask for them afterwards."""

    def __init__(self, on: Opened, *, rows: int, recipients: int, unread: int, named: str = "key") -> None:
        self.on, self.rows, self.recipients, self.named = on, rows, recipients, named
        self.events: list[UUID] = []
        self.deliveries: list[UUID] = []
        self.each = 50
        self._unread_every = max(1, rows // self.each // unread)
        self._addresses = on.database.read(
            lambda c: {
                r.recipient: r.id for r in c.execute(sa.select(s.addresses.c.recipient, s.addresses.c.id))
            }
        )

    def write(self) -> float:
        """`rows` notifications in events of 50, each with a delivery and its final outcome; rows a second."""
        begun, written = time.perf_counter(), 0
        numbers = iter(range(self.rows // self.each))
        while chunk := list(islice(numbers, CHUNK // self.each)):
            events, questions, notifications, deliveries, outcomes = [], [], [], [], []
            for n in chunk:
                event = make("bench.happened", {
                    "actor": "somebody", "subject": f"cl/{n // 5}", "thread": f"cl/{n // 5}", "key": f"{self.named}-{n}",
                    "to": {"participant": [person(1)]}, "data": {"text": "Looks good to me", "number": n},
                    "url": f"/cl/{n // 5}",
                })  # fmt: skip
                values = {name: getattr(event, name) for name in EMISSION} | {"to": [["participant", ["x"]]]}
                events.append(tuple(values[name] for name in EMISSION))
                questions.append(
                    (
                        TENANT,
                        event.id,
                        0,
                        to_json(
                            Question(
                                now=event.at,
                                type=event.type,
                                required=False,
                                severity=Severity.INFO,
                                reason="participant",
                                emitted_at=event.at,
                                due_at=event.at,
                                places=(Place(channel="inbox"), Place(channel="email")),
                            )
                        ),
                    )
                )
                self.events.append(event.id)
                for row in self._told(n, event.id, event.at):
                    notifications.append(row[0])
                    deliveries.append(row[1])
                    outcomes.append(row[2])
                    self.deliveries.append(row[1][1])
            tables = [
                (s.events, EMISSION, events),
                (s.questions, ("tenant", "event_id", "n", "question"), questions),
                (s.notifications, ("tenant", "id", "event_id", "recipient", "thread", "place", "reason", "severity", "question", "visible", "gates", "verdicts", "created_at", "read_at"), notifications),
                (s.deliveries, ("tenant", "id", "notification_id", "channel", "address_id", "created_at", "expires_at"), deliveries),
                (s.outcomes, ("tenant", "delivery_id", "claim", "attempt", "at", "result", "final", "code", "duration_ms", "receipt"), outcomes),
            ]  # fmt: skip
            _insert(self.on, tables)
            written += sum(len(rows) for _, _, rows in tables)
        return written / (time.perf_counter() - begun)

    def _told(self, n: int, event_id: UUID, at: datetime) -> Iterator[tuple[tuple[Any, ...], ...]]:
        for k in range(self.each):
            i = n * self.each + k
            who = READER if k == 0 and n % self._unread_every == 0 else person(1 + i % (self.recipients - 1))
            read = None if who == READER or i % 10 == 0 else at + timedelta(minutes=5)
            refused = i % 20 == 0
            notification, delivery = ids.uuid7(), ids.uuid7()
            failed = i % 100 == 0
            yield (
                (TENANT, notification, event_id, who, f"cl/{n // 5}", notification, "participant", 0, 0, True, CONSENT if refused else 0,
                 {"webhook": ["consent", {"said_by": "*"}]} if refused else None, at, read),
                (TENANT, delivery, notification, "email", self._addresses[who], at, at + timedelta(days=3)),
                (TENANT, delivery, 1, 1, at + timedelta(seconds=1), "failed" if failed else "sent", True,
                 "550" if failed else None, 12, None if failed else f"250 queued as {i:x}"),
            )  # fmt: skip

    def queue_again(self, lanes: int, few: int) -> float:
        """Every delivery due once more: `few` in each of `lanes` small lanes, all others ahead of them in LANE."""
        begun, old = time.perf_counter(), clock.now() - timedelta(hours=1)
        names = (
            "tenant",
            "delivery_id",
            "channel",
            "lane",
            "priority",
            "due_at",
            "claims",
            "attempts",
            "losses",
            "cancelled",
        )
        small = lanes * few
        ahead = len(self.deliveries) - small
        order = iter(enumerate(self.deliveries))
        while chunk := list(islice(order, CHUNK)):
            rows = []
            for i, id in chunk:
                lane = LANE if i < ahead else f"lane-{1 + (i - ahead) // few:03d}"
                rows.append((TENANT, id, "email", lane, 0, old + timedelta(milliseconds=i), 1, 0, 0, False))
            _insert(self.on, [(s.queue, names, rows)])
        return len(self.deliveries) / (time.perf_counter() - begun)


def _insert(on: Opened, tables: Iterable[tuple[sa.Table, tuple[str, ...], list[tuple[Any, ...]]]]) -> float:
    begun, count = time.perf_counter(), 0
    for table, names, rows in tables:
        count += len(rows)
        on.database.run(lambda c, t=table, n=names, r=rows: inserting.many(c, t, n, r))  # type: ignore[misc]
    return count / (time.perf_counter() - begun)
