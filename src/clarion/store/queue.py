"""The queue: claiming deliveries, reading what is to be sent, and settling what happened."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.delivery import LOSSES_ALLOWED, Outcome, Result
from clarion.event import Event
from clarion.severity import Severity
from clarion.store import dialect, people
from clarion.store.claims import Claimable, claim, claim_lost, visit_ends
from clarion.store.schema import deliveries, events, notifications, outcomes, queue
from clarion.store.walks import event_from

DUE = Claimable(
    table=queue,
    lane="lane",
    fence="claims",
    within="channel = :channel AND losses = 0",
    lost="channel = :channel AND losses > 0",
    levels="(SELECT 3 AS level UNION ALL SELECT 2 UNION ALL SELECT 1 UNION ALL SELECT 0) AS levels",
    level="priority = levels.level",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A delivery under this process's lease. `fence` tells this claim from any later one."""

    tenant: str
    delivery_id: UUID
    fence: int
    attempts: int  # spent so far
    losses: int
    lane: str
    now: datetime

    @property
    def key(self) -> tuple[str, UUID]:
        return self.tenant, self.delivery_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A claimed delivery and the notification that it carries."""

    claim: Claim
    event_id: UUID
    notification_id: UUID
    recipient: str
    reason: str
    severity: Severity
    read: bool
    withdrawn: bool
    address_id: UUID
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A claim and what it came to."""

    claim: Claim
    outcome: Outcome
    address_id: UUID | None = None


def claim_due(
    conn: Connection, channel: str, *, most: int, each: int, lease: timedelta, after: str
) -> list[Claim]:
    """Due deliveries of this channel, at most `each` of a lane; what had lost its lease is put to rest."""
    rows = claim(conn, DUE, most=most, each=each, lease=lease, after=after, channel=channel)
    return _ours(conn, rows)


def last_lane(conn: Connection, channel: str, *, after: str) -> str:
    """Where a claim behind the lane `after` that found little stopped looking; empty at the end."""
    return visit_ends(conn, DUE, after=after, channel=channel)


def any_lost(conn: Connection, channel: str) -> bool:
    """Whether a delivery that lost a lease is due again."""
    due = sa.select(sa.literal(1)).where(
        queue.c.channel == channel,
        queue.c.losses > 0,
        queue.c.due_at <= dialect.now(conn),
        sa.or_(queue.c.lease_until.is_(None), queue.c.lease_until <= dialect.now(conn)),
    )
    return conn.execute(due.limit(1)).first() is not None


def claim_one_lost(conn: Connection, channel: str, *, lease: timedelta) -> Claim | None:
    """A delivery that was in the hands of a process that died: to be sent alone, and not for ever."""
    row = claim_lost(conn, DUE, lease=lease, channel=channel)
    claimed = [] if row is None else _ours(conn, [row])
    return claimed[0] if claimed else None


def _ours(conn: Connection, rows: Sequence[Row[Any]]) -> list[Claim]:
    claims: list[Claim] = []
    lost: list[Claim] = []
    for row in rows:
        (lost if row.lease_until is None else claims).append(_claim(row))
    if lost:
        _record_losses(conn, lost)
    return claims


def _claim(row: Row[Any]) -> Claim:
    return Claim(
        tenant=row.tenant,
        delivery_id=row.delivery_id,
        fence=row.claims,
        attempts=row.attempts,
        losses=row.losses,
        lane=row.lane,
        now=row.now_,
    )


def _record_losses(conn: Connection, lost: Sequence[Claim]) -> None:
    """Write down that the claim before this one came to nothing; beyond the limit, that was the end."""
    given_up = [c for c in lost if c.losses > LOSSES_ALLOWED]
    _write_outcomes(
        conn,
        [
            (
                c,
                Outcome(
                    result=Result.FAILED if c.losses > LOSSES_ALLOWED else Result.LOST,
                    wait=None if c.losses > LOSSES_ALLOWED else timedelta(),
                    code="lease_lost",
                    detail=f"the worker died or froze while sending ({c.losses} times)",
                ),
            )
            for c in lost
        ],
        at=lost[0].now,
    )
    _delete(conn, given_up)


def read_work(conn: Connection, claims: Sequence[Claim]) -> list[Work]:
    """What each of these claims is to send."""
    by_id = {claim.delivery_id: claim for claim in claims}
    batch = _batch(conn, claims)
    same = sa.and_(
        notifications.c.tenant == deliveries.c.tenant, notifications.c.id == deliveries.c.notification_id
    )
    found = (
        sa.select(
            deliveries.c.address_id,
            deliveries.c.expires_at,
            notifications.c.id.label("notification_id"),
            notifications.c.event_id,
            notifications.c.recipient,
            notifications.c.reason,
            notifications.c.severity,
            notifications.c.read_at,
            notifications.c.withdrawn_at,
        )
        .select_from(deliveries.join(notifications, same))
        .where(deliveries.c.tenant == batch.c.tenant_, deliveries.c.id == batch.c.id_)
    )
    return [
        Work(
            claim=by_id[row.id_],
            event_id=row.event_id,
            notification_id=row.notification_id,
            recipient=row.recipient,
            reason=row.reason,
            severity=Severity(row.severity),
            read=row.read_at is not None,
            withdrawn=row.withdrawn_at is not None,
            address_id=row.address_id,
            expires_at=row.expires_at,
        )
        for row in conn.execute(dialect.look_up(conn, batch, found))
    ]


def read_events(conn: Connection, wanted: Collection[tuple[str, UUID]]) -> dict[UUID, Event]:
    """These events, each (tenant, id)."""
    batch = dialect.batch(
        conn, {"tenant_": sa.Text, "id_": sa.Uuid}, sorted(wanted, key=lambda key: (key[0], key[1].bytes))
    )
    found = sa.select(*events.c).where(events.c.tenant == batch.c.tenant_, events.c.id == batch.c.id_)
    return {row.id: event_from(row) for row in conn.execute(dialect.look_up(conn, batch, found))}


def settle(conn: Connection, settlements: Sequence[Settlement]) -> set[tuple[str, UUID]]:
    """Turn outcomes into rows: the only place where that happens. The keys whose lease was lost meanwhile.

    Fenced: a claim that is no longer the newest changes nothing.
    """
    final = [s for s in settlements if s.outcome.final]
    ours = _delete(conn, [s.claim for s in final]) | _put_back(
        conn, [s for s in settlements if not s.outcome.final]
    )
    kept = [s for s in settlements if (*s.claim.key, s.claim.fence) in ours]
    now = dialect.read_now(conn) if kept else None
    if now is not None:
        _write_outcomes(conn, [(s.claim, s.outcome) for s in kept], at=now)
    for s in kept:
        if s.outcome.address_gone and s.address_id is not None:
            people.mark_gone(conn, s.claim.tenant, s.address_id, s.outcome.detail or "")
    return {s.claim.key for s in settlements if (*s.claim.key, s.claim.fence) not in ours}


def _delete(conn: Connection, claims: Sequence[Claim]) -> set[tuple[str, UUID, int]]:
    """Take out the rows of these claims; (tenant, delivery, fence) of those that were still theirs."""
    if not claims:
        return set()
    at = dialect.at_addresses(conn, queue, _addresses_of(conn, claims))
    rows = conn.execute(
        sa.delete(queue).where(at).returning(queue.c.tenant, queue.c.delivery_id, queue.c.claims)
    )
    return {(row.tenant, row.delivery_id, row.claims) for row in rows}


def _put_back(conn: Connection, settlements: Sequence[Settlement]) -> set[tuple[str, UUID, int]]:
    ours = set()
    for s in sorted(settlements, key=lambda s: s.claim.delivery_id.bytes):
        wait = s.outcome.wait or timedelta()
        row = conn.execute(
            sa.update(queue)
            .where(
                queue.c.tenant == s.claim.tenant,
                queue.c.delivery_id == s.claim.delivery_id,
                queue.c.claims == s.claim.fence,
            )
            .values(
                lease_until=None,
                due_at=dialect.after(conn, wait.total_seconds()),
                attempts=queue.c.attempts + int(s.outcome.spent),
            )
            .returning(queue.c.tenant, queue.c.delivery_id, queue.c.claims)
        ).first()
        if row is not None:
            ours.add((row.tenant, row.delivery_id, row.claims))
    return ours


def _addresses_of(conn: Connection, claims: Sequence[Claim]) -> sa.Select[Any]:
    """Where the rows of these claims lie, those that are still theirs; locked, in the order of their keys."""
    batch = _batch(conn, claims)
    found = sa.select(dialect.row_address(conn, queue)).where(
        queue.c.tenant == batch.c.tenant_,
        queue.c.delivery_id == batch.c.id_,
        queue.c.claims == batch.c.fence_,
    )
    rows = dialect.look_up(conn, batch, found, lock=True).subquery("held")
    return sa.select(rows.c.here)


def _batch(conn: Connection, claims: Sequence[Claim]) -> sa.FromClause:
    ordered = sorted(claims, key=lambda claim: (claim.tenant, claim.delivery_id.bytes))
    return dialect.batch(
        conn,
        {"tenant_": sa.Text, "id_": sa.Uuid, "fence_": sa.Integer},
        [(c.tenant, c.delivery_id, c.fence) for c in ordered],
    )


def _write_outcomes(conn: Connection, ended: Sequence[tuple[Claim, Outcome]], *, at: datetime) -> None:
    dialect.insert_many(
        conn,
        outcomes,
        (
            "tenant",
            "delivery_id",
            "claim",
            "attempt",
            "at",
            "result",
            "final",
            "code",
            "detail",
            "duration_ms",
            "receipt",
        ),
        [
            (
                claim.tenant,
                claim.delivery_id,
                claim.fence,
                claim.attempts + int(outcome.spent),
                at,
                outcome.result.value,
                outcome.final,
                outcome.code,
                outcome.detail,
                int(outcome.duration.total_seconds() * 1000),
                outcome.receipt,
            )
            for claim, outcome in ended
        ],
    )
