"""The queue: claiming deliveries, and reading what is to be sent. What became of it: see `outcomes`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.sql import FromClause

from clarion.delivery import Claim
from clarion.event import Event
from clarion.severity import Severity
from clarion.store import dialect, fenced, outcomes
from clarion.store.claims import LANES_A_VISIT, Claimable, claim, claim_lost, open_lanes, visit_ends
from clarion.store.outcomes import Settlement
from clarion.store.prepared import LookUp
from clarion.store.schema import deliveries, events, notifications, pauses, queue
from clarion.store.walks import event_from

_PAUSES_NOT = "NOT EXISTS (SELECT 1 FROM {pauses} AS p WHERE p.channel = :channel AND p.lane = {lane})"

DUE = Claimable(
    table=queue,
    lane="lane",
    fence="claims",
    within="channel = :channel AND losses = 0",
    lost="channel = :channel AND losses > 0",
    levels="(SELECT 3 AS level UNION ALL SELECT 2 UNION ALL SELECT 1 UNION ALL SELECT 0) AS levels",
    level="priority = levels.level",
    open=_PAUSES_NOT.format(pauses=pauses.name, lane="{lane}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A claimed delivery and the notification that it carries."""

    claim: Claim
    event_id: UUID
    notification_id: UUID
    recipient: str
    reason: str
    severity: Severity
    created_at: datetime
    read: bool
    withdrawn: bool
    resolved: bool
    address_id: UUID
    expires_at: datetime | None


def claim_due(
    conn: Connection,
    channel: str,
    *,
    most: int,
    each: int,
    lease: timedelta,
    after: str = "",
    lanes: Sequence[str] | None = None,
) -> list[Claim]:
    """Due deliveries of this channel, at most `each` of a lane; what had lost its lease is put to rest.

    Lanes that pause are passed over, but not where just these `lanes` are asked for.
    """
    rows = claim(conn, DUE, most=most, each=each, lease=lease, after=after, lanes=lanes, channel=channel)
    return _ours(conn, rows)[0]


def last_lane(conn: Connection, channel: str, *, after: str, most: int = LANES_A_VISIT) -> str:
    """Where a claim behind the lane `after` that found little stopped looking; empty at the end."""
    return visit_ends(conn, DUE, after=after, most=most, channel=channel)


def lanes_in_use(conn: Connection, channel: str, *, after: str, most: int) -> list[str]:
    """Of the next lanes behind `after` in which something waits, those that do not pause."""
    return open_lanes(conn, DUE, after=after, most=most, channel=channel)


def anything_waits(conn: Connection, channel: str) -> bool:
    """Whether there is a row of this channel that was never lost, due or not."""
    some = sa.select(sa.literal(1)).where(queue.c.channel == channel, sa.text("losses = 0"))
    return conn.execute(some.limit(1)).first() is not None


def any_lost(conn: Connection, channel: str) -> bool:
    """Whether a delivery that lost a lease is due again."""
    due = sa.select(sa.literal(1)).where(
        queue.c.channel == channel,
        queue.c.losses > 0,
        queue.c.due_at <= dialect.now(conn),
        sa.or_(queue.c.lease_until.is_(None), queue.c.lease_until <= dialect.now(conn)),
        sa.text(DUE.open.format(lane=f"{queue.name}.lane")).bindparams(channel=channel),
    )
    return conn.execute(due.limit(1)).first() is not None


def claim_one_lost(
    conn: Connection, channel: str, *, lease: timedelta, ended: list[Settlement] | None = None
) -> Claim | None:
    """A delivery that was in the hands of a process that died: to be sent alone, and not for ever.

    `ended` is filled with the one that was lost once too often.
    """
    row = claim_lost(conn, DUE, lease=lease, channel=channel)
    claimed, over = ([], []) if row is None else _ours(conn, [row])
    if ended is not None:
        ended[:] = _with_events(conn, over)
    return claimed[0] if claimed else None


def _ours(conn: Connection, rows: Sequence[Row[Any]]) -> tuple[list[Claim], list[Settlement]]:
    """What is ours now, and what was lost once too often."""
    claims = [claim_of(row) for row in rows if row.lease_until is not None]
    lost = [(claim_of(row), fenced.code_of(row)) for row in rows if row.lease_until is None]
    return claims, outcomes.lose(conn, lost) if lost else []


def _with_events(conn: Connection, ended: Sequence[Settlement]) -> list[Settlement]:
    """The same, with whom and what they were about."""
    if not ended:
        return []
    works = {work.claim.key: work for work in read_work(conn, [one.claim for one in ended])}
    events = read_events(conn, {(work.claim.tenant, work.event_id) for work in works.values()})
    return [
        replace(one, address_id=work.address_id, event=events[work.event_id], recipient=work.recipient)
        for one in ended
        for work in [works[one.claim.key]]
    ]


def claim_of(row: Row[Any]) -> Claim:
    return Claim(
        tenant=row.tenant,
        delivery_id=row.delivery_id,
        fence=row.claims,
        attempts=row.attempts,
        losses=row.losses,
        lane=row.lane,
        now=row.now_,
        slots=row.slots,
        due_at=row.due_at,
        aged_from=row.aged_from,
    )


def _work(batch: FromClause, _: Connection) -> sa.Select[Any]:
    same = sa.and_(
        notifications.c.tenant == deliveries.c.tenant, notifications.c.id == deliveries.c.notification_id
    )
    return (
        sa.select(
            deliveries.c.address_id,
            deliveries.c.expires_at,
            notifications.c.id.label("notification_id"),
            notifications.c.event_id,
            notifications.c.recipient,
            notifications.c.reason,
            notifications.c.severity,
            notifications.c.created_at,
            notifications.c.read_at,
            notifications.c.withdrawn_at,
            notifications.c.resolved_at,
        )
        .select_from(deliveries.join(notifications, same))
        .where(deliveries.c.tenant == batch.c.tenant_, deliveries.c.id == batch.c.id_)
    )


def _event(batch: FromClause, _: Connection) -> sa.Select[Any]:
    return sa.select(*events.c).where(events.c.tenant == batch.c.tenant_, events.c.id == batch.c.id_)


_KEYS = {"tenant_": sa.Text, "id_": sa.Uuid}
_WORK = LookUp(_KEYS, _work)
_EVENTS = LookUp(_KEYS, _event)


def read_work(conn: Connection, claims: Sequence[Claim]) -> list[Work]:
    """What each of these claims is to send."""
    by_id = {claim.delivery_id: claim for claim in claims}
    ordered = sorted(by_id.values(), key=lambda claim: (claim.tenant, claim.delivery_id.bytes))
    found = _WORK.rows(conn, [(claim.tenant, claim.delivery_id) for claim in ordered])
    return [
        Work(
            claim=by_id[row.id_],
            event_id=row.event_id,
            notification_id=row.notification_id,
            recipient=row.recipient,
            reason=row.reason,
            severity=Severity(row.severity),
            created_at=row.created_at,
            read=row.read_at is not None,
            withdrawn=row.withdrawn_at is not None,
            resolved=row.resolved_at is not None,
            address_id=row.address_id,
            expires_at=row.expires_at,
        )
        for row in found
    ]


def read_events(conn: Connection, wanted: Collection[tuple[str, UUID]]) -> dict[UUID, Event]:
    """These events, each (tenant, id)."""
    found = _EVENTS.rows(conn, sorted(wanted, key=lambda key: (key[0], key[1].bytes)))
    return {row.id: event_from(row) for row in found}
