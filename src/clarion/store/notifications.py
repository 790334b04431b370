"""Writing what was decided: notifications, the questions they answered, and the deliveries that follow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import ids, question
from clarion.event import Event
from clarion.plan import Plan, verdicts_json
from clarion.store import dialect
from clarion.store.schema import deliveries, notifications, questions, queue

_NOTIFICATION = (
    "tenant",
    "id",
    "event_id",
    "recipient",
    "reason",
    "severity",
    "question",
    "visible",
    "gates",
    "verdicts",
    "created_at",
)
_DELIVERY = ("tenant", "id", "notification_id", "channel", "address_id", "created_at", "expires_at")
_QUEUE = (
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
    conn: Connection, plans: Sequence[tuple[Event, timedelta | None, Plan]], now: datetime, *, fresh: bool
) -> None:
    """Write one page: plans of (event, its type's max_age). `fresh`: no page of these events was written before."""
    question_rows, notification_rows, delivery_rows, queue_rows = [], [], [], []
    for event, max_age, plan in plans:
        first = 0 if fresh else _next_question(conn, event)
        question_rows += [
            (event.tenant, event.id, first + n, question.to_json(q)) for n, q in enumerate(plan.questions)
        ]
        expires_at = None if max_age is None else event.at + max_age
        for told in plan.planned:
            id = ids.uuid7()
            notification_rows.append(
                (
                    event.tenant,
                    id,
                    event.id,
                    told.candidate.recipient,
                    told.candidate.reason,
                    int(told.severity),
                    first + told.question,
                    told.visible,
                    told.gates,
                    verdicts_json(told.decisions) if told.gates else None,
                    now,
                )
            )
            for address in told.addresses:
                delivery_id = ids.uuid7()
                delivery_rows.append(
                    (event.tenant, delivery_id, id, address.channel, address.id, now, expires_at)
                )
                queue_rows.append(
                    (
                        event.tenant,
                        delivery_id,
                        address.channel,
                        event.tenant,
                        int(told.severity),
                        now,
                        0,
                        0,
                        0,
                        False,
                    )
                )
    dialect.insert_many(conn, questions, ("tenant", "event_id", "n", "question"), question_rows)
    dialect.insert_many(conn, notifications, _NOTIFICATION, notification_rows)
    dialect.insert_many(conn, deliveries, _DELIVERY, delivery_rows)
    dialect.insert_many(conn, queue, _QUEUE, queue_rows)


def _next_question(conn: Connection, event: Event) -> int:
    highest = conn.execute(
        sa.select(sa.func.max(questions.c.n)).where(
            questions.c.tenant == event.tenant, questions.c.event_id == event.id
        )
    ).scalar()
    return 0 if highest is None else highest + 1
