"""What the database holds in the end, read from its tables with plain SQL: none of the code that sends is asked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.store.database import Database

_EVENTS = """
SELECT id, key, type, data, due_at, failure FROM clarion_events ORDER BY id
"""
_NOTIFICATIONS = """
SELECT n.id, e.id AS event_id, e.key, e.type, n.recipient, n.reason, n.visible, n.verdicts, q.question
FROM clarion_notifications n
JOIN clarion_events e ON e.tenant = n.tenant AND e.id = n.event_id
JOIN clarion_questions q ON q.tenant = n.tenant AND q.event_id = n.event_id AND q.n = n.question
ORDER BY n.id
"""
_DELIVERIES = """
SELECT d.id, d.notification_id, d.channel, a.value, q.delivery_id AS queued, q.lease_until
FROM clarion_deliveries d
LEFT JOIN clarion_addresses a ON a.tenant = d.tenant AND a.id = d.address_id
LEFT JOIN clarion_queue q ON q.tenant = d.tenant AND q.delivery_id = d.id
ORDER BY d.id
"""
_OUTCOMES = "SELECT delivery_id, result, code, final FROM clarion_outcomes ORDER BY delivery_id, claim"
_LEASED = "SELECT delivery_id, claims FROM clarion_queue WHERE lease_until IS NOT NULL"
_PROGRESS = """
SELECT (SELECT count(*) FROM clarion_events) AS events,
       (SELECT count(*) FROM clarion_events WHERE due_at IS NULL) AS walked,
       (SELECT count(*) FROM clarion_notifications) AS decided,
       (SELECT count(*) FROM clarion_deliveries) AS deliveries,
       (SELECT count(*) FROM clarion_queue) AS queued,
       (SELECT count(*) FROM clarion_outcomes WHERE result = 'down') AS down
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """An event. All demo events have a key. `walked`: everybody was decided on."""

    id: UUID
    key: str
    type: str
    title: str
    walked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A notification: `told` are the channels that its question passed, `stopped` the others with their gates."""

    id: UUID
    event_id: UUID
    key: str
    type: str
    recipient: str
    reason: str
    visible: bool
    told: tuple[str, ...]
    stopped: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A delivery: its state, its attempts that may have arrived without being written down, its lost leases."""

    id: UUID
    notification_id: UUID
    channel: str
    address: str
    state: str
    unsure: int
    losses: int
    finals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    events: list[Happened]
    decided: list[Decided]
    deliveries: list[Sent]
    suppressed: Counter[str] = field(default_factory=Counter)  # by gate, each channel of each notification


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far everything is. `down`: tries that found the mail server out of reach."""

    events: int
    walked: int
    decided: int
    deliveries: int
    queued: int
    down: int

    @property
    def settled(self) -> bool:
        return self.walked == self.events and self.queued == 0


def progress(database: Database) -> Progress:
    (row,) = _rows(database, _PROGRESS)
    return Progress(**row._asdict())


def leased(database: Database) -> set[tuple[UUID, int]]:
    """The deliveries in some worker's hands, each with the number of its claim."""
    return {(_id(row.delivery_id), row.claims) for row in _rows(database, _LEASED)}


def read(database: Database) -> Ledger:
    decided = [_decided(row) for row in _rows(database, _NOTIFICATIONS)]
    outcomes: dict[UUID, list[sa.Row[Any]]] = {}
    for row in _rows(database, _OUTCOMES):
        outcomes.setdefault(_id(row.delivery_id), []).append(row)
    deliveries = [_sent(row, outcomes.get(_id(row.id), [])) for row in _rows(database, _DELIVERIES)]
    suppressed = Counter(gate for one in decided for gate in one.stopped.values())
    for ended in outcomes.values():
        suppressed.update(row.code for row in ended if row.final and row.result == "suppressed")
    return Ledger(
        events=[
            Happened(
                id=_id(row.id),
                key=row.key,
                type=row.type,
                title=str(json.loads(row.data).get("title", "")),
                walked=row.due_at is None and row.failure is None,
            )
            for row in _rows(database, _EVENTS)
        ],
        decided=decided,
        deliveries=deliveries,
        suppressed=suppressed,
    )


def _decided(row: sa.Row[Any]) -> Decided:
    stopped = {channel: gate for channel, (gate, _) in json.loads(row.verdicts or "{}").items()}
    asked = [place["channel"] for place in json.loads(row.question)["places"]]
    return Decided(
        id=_id(row.id),
        event_id=_id(row.event_id),
        key=row.key,
        type=row.type,
        recipient=row.recipient,
        reason=row.reason,
        visible=bool(row.visible),
        told=tuple(channel for channel in asked if channel not in stopped),
        stopped=stopped,
    )


def _sent(row: sa.Row[Any], outcomes: Sequence[sa.Row[Any]]) -> Sent:
    finals = [outcome.result for outcome in outcomes if outcome.final]
    waits = "sending" if row.lease_until is not None else "waiting"
    return Sent(
        id=_id(row.id),
        notification_id=_id(row.notification_id),
        channel=row.channel,
        address=row.value or "",
        state=waits if row.queued is not None or not finals else finals[-1],
        unsure=sum(one.code in ("unknown_outcome", "lease_lost") for one in outcomes),
        losses=sum(one.code == "lease_lost" for one in outcomes),
        finals=len(finals),
    )


def _rows(database: Database, statement: str) -> Sequence[sa.Row[Any]]:
    def work(conn: Connection) -> Sequence[sa.Row[Any]]:
        return conn.execute(sa.text(statement)).all()

    return database.read(work)


def _id(stored: object) -> UUID:
    """SQLite keeps ids as 32 hexadecimal digits."""
    return stored if isinstance(stored, UUID) else UUID(str(stored))
