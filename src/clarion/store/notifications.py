"""Writing what was decided: notifications, the questions they answered, and the deliveries that follow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import ids, question
from clarion.change import CREATED
from clarion.event import Event
from clarion.lane import Lanes
from clarion.plan import Plan, Planned, verdicts_json
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
    question_rows, notification_rows, change_rows, taken = [], [], [], []
    outgoing = Outgoing(lanes)
    minted = iter(ids.several(sum(len(plan.planned) for _, _, plan in plans)))
    for event, max_age, plan in plans:
        first = 0 if fresh else next_question(conn, event)
        question_rows += [
            (event.tenant, event.id, first + n, question.to_json(q)) for n, q in enumerate(plan.questions)
        ]
        verdicts: dict[int, dict[str, Any] | None] = {}  # by question
        for told in plan.planned:
            id, answer = next(minted), told.answer
            if answer.n not in verdicts:
                verdicts[answer.n] = verdicts_json(answer.decisions)
            notification_rows.append(
                (
                    event.tenant,
                    id,
                    event.id,
                    told.candidate.recipient,
                    event.thread,
                    id,
                    told.candidate.reason,
                    int(answer.question.severity),
                    first + answer.n,
                    answer.visible,
                    answer.gates,
                    verdicts[answer.n],
                    now,
                )
            )
            if answer.visible:
                who = told.candidate.recipient
                change_rows.append((event.tenant, now, CREATED, who, id, None))
            if told.addresses:
                outgoing.add(event, max_age, id, told, now)
            if told.taking:
                taken += takings(event.tenant, id, told)
    told_of = (notifications, _NOTIFICATION, notification_rows)
    others: list[inserting.Rows] = [
        (questions, QUESTION, question_rows),
        (unnumbered_changes, changes.COLUMNS, change_rows),
    ]
    inserting.in_turn(conn, [told_of, *outgoing.rows(), *others])
    return taken


def takings(tenant: str, id: UUID, told: Planned) -> list[Taken]:
    """The slots that this notification takes."""
    return [Taken(tenant, told.candidate.recipient, told.severity, id, taking) for taking in told.taking]


class Outgoing:
    """The deliveries that follow from decisions, gathered to be written at once."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._deliveries: list[tuple[Any, ...]] = []  # what follows the id
        self._queue: list[tuple[Any, ...]] = []

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
        expires_at = None if max_age is None else event.at + max_age
        for address in told.addresses:
            if address.id in but:
                continue
            decision = told.decision(address.channel)
            due_at = now if decision is None or decision.until is None else decision.until
            self._deliveries.append((notification, address.channel, address.id, now, expires_at))
            slots = told.slots_on(address.channel)
            who = told.candidate.recipient
            lane = self._lanes.lane(event.tenant, address.channel, address.value, who)
            self._queue.append((event.tenant, address.channel, lane, told.severity, due_at, slots))

    def write(self, conn: Connection) -> None:
        inserting.in_turn(conn, self.rows())

    def rows(self) -> list[inserting.Rows]:
        """What is to be inserted."""
        minted = ids.several(len(self._queue))
        waits = [waiting(tenant, id, *how) for id, (tenant, *how) in zip(minted, self._queue, strict=True)]
        made = [(row[0], row[1], *what) for row, what in zip(waits, self._deliveries, strict=True)]
        return [(deliveries, _DELIVERY, made), (queue, QUEUE, waits)]


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
    return (tenant, delivery, channel, lane, int(severity), due_at, claims, 0, losses, False, slots)


def next_question(conn: Connection, event: Event) -> int:
    """The number of the next question that is stored of this event."""
    highest = conn.execute(
        sa.select(sa.func.max(questions.c.n)).where(
            questions.c.tenant == event.tenant, questions.c.event_id == event.id
        )
    ).scalar()
    return 0 if highest is None else highest + 1
