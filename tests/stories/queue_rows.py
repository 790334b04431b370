"""What the database holds of queue and outcomes, and whether it is what the model says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.delivery import Claim, Outcome, Result, given_back, held, not_sent, sent, suppressed
from clarion.errors import Down, Reject, Retry
from clarion.policy import Retries
from clarion.store import schema as s
from tests.store.make import CHANNEL
from tests.stories.queue_model import (
    HELD_FOR,
    MOST_LOSSES,
    RETRY_WAITS,
    SECOND,
    Key,
    Model,
    Past,
    Span,
    Waiting,
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Everything, as it is at one moment."""

    deliveries: set[Key]
    queue: dict[Key, Any]
    outcomes: list[Any]


def read(conn: Connection) -> Rows:
    return Rows(
        {(row.tenant, row.id) for row in conn.execute(sa.select(s.deliveries.c.tenant, s.deliveries.c.id))},
        {(row.tenant, row.delivery_id): row for row in conn.execute(sa.select(s.queue))},
        list(conn.execute(sa.select(s.outcomes).order_by(s.outcomes.c.claim))),
    )


def accepted(conn: Connection, event: UUID) -> list[Any]:
    """The deliveries of an event, with all that was said of each, in the order in which they were written."""
    d, n, q = s.deliveries.c, s.notifications.c, s.queue.c
    told = sa.and_(n.tenant == d.tenant, n.id == d.notification_id)
    waits = sa.and_(q.tenant == d.tenant, q.delivery_id == d.id)
    found = sa.select(d.tenant, d.id, d.notification_id, n.recipient, n.severity, q.lane)
    found = found.select_from(s.deliveries.join(s.notifications, told).join(s.queue, waits))
    return list(conn.execute(found.where(n.event_id == event).order_by(d.id)))


def outcome(word: str, claim: Claim) -> Outcome:
    """As a sender makes it."""
    match word:
        case "sent":
            return sent("taken", SECOND)
        case "suppressed":
            return suppressed("muted")
        case "given back":
            return given_back()
        case "held":
            return held("quiet_hours", HELD_FOR)
    errors = {"refused": Reject("smtp_550"), "down": Down("refused"), "busy": Retry("busy")}
    retries = Retries(RETRY_WAITS, jitter=0)
    return not_sent(errors[word], attempt=claim.attempts + 1, claim=claim.fence, retries=retries)


# ── Comparing ────────────────────────────────────────────────────────────────────────────────────────────


def in_one_place(rows: Rows) -> None:
    """What holds whatever the model says: every delivery is left to do, or has exactly one end."""
    ends = Counter((row.tenant, row.delivery_id) for row in rows.outcomes if row.final)
    sent_ = Counter((row.tenant, row.delivery_id) for row in rows.outcomes if row.result == Result.SENT)
    for key in rows.deliveries:
        assert ends[key] + (key in rows.queue) == 1, (
            f"{key} has {ends[key]} ends, in the queue: {key in rows.queue}"
        )
    assert set(rows.queue) <= rows.deliveries
    assert set(ends) <= rows.deliveries
    assert all(number == 1 for number in sent_.values()), "sent after it was sent"
    for row in rows.queue.values():
        assert row.losses <= MOST_LOSSES, "lost too often, and still tried"
        newest = max((o.claim for o in rows.outcomes if o.delivery_id == row.delivery_id), default=0)
        assert row.claims >= newest, "its fence went back"


def agree(rows: Rows, model: Model) -> None:
    """Row by row; from here on the model knows the exact instants."""
    assert rows.deliveries == set(model.deliveries), "accepted, and not there; or removed, and still there"
    past: dict[Key, dict[int, Past]] = {key: {} for key in model.deliveries}
    for row in rows.outcomes:
        past[row.tenant, row.delivery_id][row.claim] = Past(
            Result(row.result), row.final, row.code, row.attempt
        )
    for d in model.deliveries.values():
        assert past[d.key] == d.past, f"delivery {d.number}: outcomes"
        assert (d.key in rows.queue) == (d.waiting is not None), f"delivery {d.number}: in the queue"
        if d.waiting is not None:
            row = rows.queue[d.key]
            assert (row.channel, row.lane, row.priority) == (CHANNEL, d.lane, d.severity), (
                f"delivery {d.number}"
            )
            _agree(row, d.waiting, f"delivery {d.number}")
    for row in rows.outcomes:
        d = model.deliveries[row.tenant, row.delivery_id]
        if row.claim == max(d.past):
            assert d.last is not None
            assert d.last.holds(row.at), (
                f"delivery {d.number}: its last outcome is of {row.at}, not in {d.last}"
            )


def _agree(row: Any, w: Waiting, name: str) -> None:
    found = (row.claims, row.attempts, row.losses, row.cancel_code if row.cancelled else None)
    assert found == (w.claims, w.attempts, w.losses, w.cancelled), (
        f"{name}: claims, attempts, losses, cancelled"
    )
    assert w.due.holds(row.due_at), f"{name}: due at {row.due_at}, not in {w.due}"
    w.due = Span(row.due_at, row.due_at)
    assert (row.lease_until is None) == (w.lease is None), f"{name}: leased"
    if w.lease is not None:
        assert w.lease.holds(row.lease_until), f"{name}: leased until {row.lease_until}, not in {w.lease}"
        w.lease = Span(row.lease_until, row.lease_until)
