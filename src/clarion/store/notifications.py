"""Writing what was decided: notifications, the questions they answered, and the deliveries that follow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import ids, question
from clarion.change import CREATED
from clarion.event import Event
from clarion.lane import Lanes
from clarion.plan import Answer, Plan, Planned, verdicts_json
from clarion.severity import Severity
from clarion.store import changes, dialect, inserting
from clarion.store.schema import deliveries, notifications, questions, queue, unnumbered_changes
from clarion.store.slots import Taken

_NOTIFICATION = (
    "tenant",
    "id",
    "event_id",
    "recipient",
    "thread",
    "place",
    "reason",
    "severity",
    "question",
    "visible",
    "gates",
    "verdicts",
    "created_at",
)
QUESTION = ("tenant", "event_id", "n", "question")
_DELIVERY = ("tenant", "id", "notification_id", "channel", "address_id", "created_at", "expires_at")
QUEUE = (
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
    "slots",
)


def already_told(conn: Connection, event: Event, among: Collection[str]) -> set[str]:
    """Those recipients who have their notification of this event, for a stronger reason or from an earlier walk."""
    # The whole key is in the batch: were the event a constant, SQLite would go through all that it has told.
    wanted = dialect.batch(
        conn,
        {"tenant_": sa.Text, "event_": sa.Uuid, "wanted": sa.Text},
        [(event.tenant, event.id, id) for id in sorted(among)],
    )
    found = sa.select(notifications.c.recipient).where(
        notifications.c.tenant == wanted.c.tenant_,
        notifications.c.event_id == wanted.c.event_,
        notifications.c.recipient == wanted.c.wanted,
    )
    return {row.recipient for row in conn.execute(dialect.look_up(conn, wanted, found))}


def write(
    conn: Connection,
    plans: Sequence[tuple[Event, timedelta | None, Plan]],
    now: datetime,
    *,
    lanes: Lanes,
    fresh: bool,
) -> list[Taken]:
    """Write one page: plans of (event, its type's max_age). `fresh`: no page of these events was written before.

    Returns the slots that the notifications take, which are still to be written.
    """
    minted = ids.several(sum(len(plan.planned) for _, _, plan in plans))
    next_id = iter(minted)
    asked: list[tuple[Any, ...]] = []
    told_of: list[tuple[Any, ...]] = []
    for event, _, plan in plans:
        tenant, event_id, thread = event.tenant, event.id, event.thread
        first = 0 if fresh else next_question(conn, event)
        asked += [(tenant, event_id, first + n, question.to_json(q)) for n, q in enumerate(plan.questions)]
        decided = [_decided(answer, first, now) for answer in plan.answers]  # by question
        for (who, reason, *_), answer, _, _ in plan.planned:
            id = next(next_id)
            told_of.append((tenant, id, event_id, who, thread, id, reason, *decided[answer.n]))
    following = _Following(plans, minted, now, lanes)
    tables = chain([(questions, QUESTION, asked), (notifications, _NOTIFICATION, told_of)], following.rows())
    inserting.in_turn(conn, tables)
    return following.taken


class _Following:
    """What follows from notifications that have these ids."""

    def __init__(
        self,
        plans: Sequence[tuple[Event, timedelta | None, Plan]],
        minted: Sequence[UUID],
        now: datetime,
        lanes: Lanes,
    ) -> None:
        self._plans, self._minted, self._now = plans, minted, now
        self._outgoing = Outgoing(lanes)
        self.taken: list[Taken] = []

    def rows(self) -> Iterator[inserting.Rows]:
        """What is to be inserted, made only when it is asked for: while the database writes the notifications."""
        minted, now = iter(self._minted), self._now
        change_rows = []
        for event, max_age, plan in self._plans:
            for told in plan.planned:
                id = next(minted)
                if told.answer.visible:
                    change_rows.append((event.tenant, now, CREATED, told.candidate.recipient, id, None))
                if told.addresses:
                    self._outgoing.add(event, max_age, id, told, now)
                if told.taking:
                    self.taken += takings(event.tenant, id, told)
        yield unnumbered_changes, changes.COLUMNS, change_rows
        yield from self._outgoing.rows()


def _decided(answer: Answer, first: int, now: datetime) -> tuple[Any, ...]:
    """What all who asked one question share of their rows, from `severity` on."""
    severity, verdicts = int(answer.question.severity), verdicts_json(answer.decisions)
    return (severity, first + answer.n, answer.visible, answer.gates, verdicts, now)


def takings(tenant: str, id: UUID, told: Planned) -> list[Taken]:
    """The slots that this notification takes."""
    return [Taken(tenant, told.candidate.recipient, told.severity, id, taking) for taking in told.taking]


class _Way(NamedTuple):
    """How all who got one answer are sent to on one channel: what of their rows they share."""

    answer: Answer
    lane: str | None  # None: each address has its own
    expires_at: datetime | None
    waits: tuple[Any, ...]  # as in `QUEUE`, behind the lane


class Outgoing:
    """The deliveries that follow from decisions, gathered to be written at once."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._ways: dict[tuple[int, str], _Way] = {}  # by what is `told`: an answer, and the channel
        self._deliveries: list[tuple[Any, ...]] = []  # what follows the id
        self._queue: list[tuple[Any, ...]] = []  # tenant, channel, lane, and what follows it

    def add(
        self,
        event: Event,
        max_age: timedelta | None,
        notification: UUID,
        told: Planned,
        now: datetime,
        *,
        but: Collection[UUID] = (),
    ) -> None:
        """A delivery to each address, but to those that have one, due when its channel's decision says."""
        tenant, which = event.tenant, id(told.answer)
        for address in told.addresses:
            if address.id in but:
                continue
            channel = address.channel
            way = self._ways.get((which, channel)) or self._way(event, max_age, told, channel, now)
            lane = way.lane or self._lanes.lane(tenant, channel, address.value, told.candidate.recipient)
            self._deliveries.append((notification, channel, address.id, now, way.expires_at))
            self._queue.append((tenant, channel, lane, way.waits))

    def _way(
        self, event: Event, max_age: timedelta | None, told: Planned, channel: str, now: datetime
    ) -> _Way:
        decision = told.decision(channel)
        due_at = now if decision is None or decision.until is None else decision.until
        way = _Way(
            answer=told.answer,
            lane=None if self._lanes.apart(channel) else event.tenant,
            expires_at=None if max_age is None else event.at + max_age,
            waits=_waits(told.severity, due_at, told.slots_on(channel)),
        )
        self._ways[id(told.answer), channel] = way
        return way

    def write(self, conn: Connection) -> None:
        inserting.in_turn(conn, self.rows())

    def rows(self) -> Iterator[inserting.Rows]:
        """What is to be inserted."""
        minted = ids.several(len(self._queue))
        waits = [
            (tenant, id, channel, lane, *waits)
            for id, (tenant, channel, lane, waits) in zip(minted, self._queue, strict=True)
        ]
        made = [(row[0], row[1], *what) for row, what in zip(waits, self._deliveries, strict=True)]
        yield deliveries, _DELIVERY, made
        yield queue, QUEUE, waits


def waiting(
    tenant: str,
    delivery: UUID,
    channel: str,
    lane: str,
    severity: Severity,
    due_at: datetime,
    slots: int,
    *,
    claims: int = 0,
    losses: int = 0,
) -> tuple[Any, ...]:
    """The row of a delivery that waits, and of which no attempt is spent."""
    return (tenant, delivery, channel, lane, *_waits(severity, due_at, slots, claims=claims, losses=losses))


def _waits(
    severity: Severity, due_at: datetime, slots: int, *, claims: int = 0, losses: int = 0
) -> tuple[Any, ...]:
    return (int(severity), due_at, claims, 0, losses, False, slots)


def next_question(conn: Connection, event: Event) -> int:
    """The number of the next question that is stored of this event."""
    highest = conn.execute(
        sa.select(sa.func.max(questions.c.n)).where(
            questions.c.tenant == event.tenant, questions.c.event_id == event.id
        )
    ).scalar()
    return 0 if highest is None else highest + 1
