"""What is fetched: deliveries claimed by whoever may have them, and held under a lease. See `queue` for what is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.delivery import Claim
from clarion.lane import reach
from clarion.store import claims, dialect, pauses
from clarion.store import queue as queue_
from clarion.store.outcomes import Settlement
from clarion.store.schema import deliveries, notifications, outcomes, queue

_OF_SINK = "channel = :channel AND tenant = :tenant AND lane >= :least AND lane < :beyond"
DUE = replace(queue_.DUE, within=f"{_OF_SINK} AND losses = 0", lost=f"{_OF_SINK} AND losses > 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """Who fetches: somebody for all of a tenant, a recipient, or one of their devices."""

    channel: str
    tenant: str
    recipient: str | None = None
    address: str | None = None

    @property
    def bounds(self) -> Mapping[str, Any]:
        least, beyond = reach(self.tenant, self.recipient, self.address)
        return {"channel": self.channel, "tenant": self.tenant, "least": least, "beyond": beyond}


def claim(
    conn: Connection, sink: Sink, *, most: int, lease: timedelta, ended: list[Settlement]
) -> list[Claim]:
    """What is due there; what has lost its lease before comes alone. Nothing while the channel pauses.

    `ended` is filled with what came to its end by that, because it was lost once too often.
    """
    ended.clear()
    if _pauses(conn, sink.channel):
        return []
    row = claims.claim_lost(conn, DUE, lease=lease, **sink.bounds)
    if row is not None:
        found = _ours(conn, [row], ended)
        if found:
            return found
    found, after = [], ""
    while True:
        left = most - len(found)
        rows = claims.claim(conn, DUE, most=left, each=left, lease=lease, after=after, **sink.bounds)
        found += _ours(conn, rows, ended)
        if len(found) == most:
            return found
        after = claims.visit_ends(conn, DUE, after=after, **sink.bounds)
        if not after:
            return found


def _pauses(conn: Connection, channel: str) -> bool:
    standing, now = pauses.standing(conn, channel)
    return any(not pause.lane and pause.until > now for pause in standing)


def _ours(conn: Connection, rows: Iterable[Any], ended: list[Settlement]) -> list[Claim]:
    found, over = queue_.ours(conn, list(rows))
    ended += queue_.with_events(conn, over)
    return found


def due(conn: Connection, among: Iterable[Sink]) -> set[Sink]:
    """Those of these for whom something is due that nobody has in hand."""
    sinks = list(among)
    if not sinks:
        return set()
    types = {"n_": sa.Integer, **{f"{name}_": sa.Text for name in sinks[0].bounds}}
    batch = dialect.batch(conn, types, [(n, *sink.bounds.values()) for n, sink in enumerate(sinks)])
    now, q = dialect.now(conn), queue.c
    waits = sa.exists().where(
        q.channel == batch.c.channel_,
        q.tenant == batch.c.tenant_,
        q.lane >= batch.c.least_,
        q.lane < batch.c.beyond_,
        q.due_at <= now,
        sa.or_(q.lease_until.is_(None), q.lease_until <= now),
    )
    found = conn.execute(sa.select(batch.c.n_).where(waits)).scalars()
    return {sinks[n] for n in found}


# ── Under a lease ────────────────────────────────────────────────────────────────────────────────────────


def held(conn: Connection, sink: Sink, delivery: UUID, claim: int) -> Claim | None:
    """This claim, if it still is the newest one."""
    row = conn.execute(
        sa.select(*queue.c, dialect.now(conn).label("now_")).where(*_under(sink, delivery, claim))
    ).first()
    return None if row is None else queue_.claim_of(row)


def extend(
    conn: Connection, sink: Sink, delivery: UUID, claim: int, lease: timedelta
) -> tuple[datetime, bool] | None:
    """Let its lease end later: when, and whether it was cancelled meanwhile. `None`: it is not theirs any more."""
    row = conn.execute(
        sa.update(queue)
        .where(*_under(sink, delivery, claim))
        .values(lease_until=dialect.after(conn, lease.total_seconds()))
        .returning(queue.c.lease_until, queue.c.cancelled)
    ).first()
    return None if row is None else (row.lease_until, row.cancelled)


def _under(sink: Sink, delivery: UUID, claim: int) -> list[sa.ColumnElement[bool]]:
    bounds = sink.bounds
    return [
        queue.c.tenant == sink.tenant,
        queue.c.delivery_id == delivery,
        queue.c.channel == sink.channel,
        queue.c.lane >= bounds["least"],
        queue.c.lane < bounds["beyond"],
        queue.c.claims == claim,
        queue.c.lease_until.is_not(None),
    ]


def came_to(conn: Connection, sink: Sink, delivery: UUID, claim: int) -> tuple[bool, str | None]:
    """Whether there is such a delivery for them at all, and what this claim of it came to, if it ended."""
    d, n, o = deliveries.c, notifications.c, outcomes.c
    its = sa.and_(o.tenant == d.tenant, o.delivery_id == d.id, o.claim == claim)
    told = deliveries.join(notifications, sa.and_(n.tenant == d.tenant, n.id == d.notification_id))
    wanted = [d.tenant == sink.tenant, d.id == delivery, d.channel == sink.channel]
    if sink.recipient is not None:
        wanted.append(n.recipient == sink.recipient)
    row = conn.execute(sa.select(o.result).select_from(told.outerjoin(outcomes, its)).where(*wanted)).first()
    return row is not None, None if row is None else row.result
