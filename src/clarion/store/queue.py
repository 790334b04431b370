"""The queue: claiming deliveries, and reading what is to be sent. What became of it: see `outcomes`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql import FromClause

from clarion.delivery import Claim
from clarion.event import Event
from clarion.recipient import Recipient, StoredAddress
from clarion.severity import Severity
from clarion.store import dialect, fenced, outcomes, people
from clarion.store.claims import LANES_A_VISIT, Claimable, claim, claim_lost, open_lanes, visit_ends
from clarion.store.outcomes import Settlement
from clarion.store.prepared import LookUp
from clarion.store.schema import (
    addresses,
    deliveries,
    events,
    notifications,
    pauses,
    preferences,
    queue,
    recipients,
)
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
    since="due_since",
)


class Work(NamedTuple):
    """A claimed delivery, the notification that it carries, and for whom and where that is by now."""

    claim: Claim
    notification_id: UUID
    event_id: UUID
    recipient: str
    reason: str
    severity: Severity
    created_at: datetime
    read: bool
    withdrawn: bool
    resolved: bool
    address_id: UUID
    known: Recipient | None  # None: there is nobody of this id
    address: StoredAddress | None  # None: it was removed
    said: bool  # whether the recipient ever said anything of what to be told


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
    return ours(conn, rows)[0]


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
    claimed, over = ([], []) if row is None else ours(conn, [row])
    if ended is not None:
        ended[:] = with_events(conn, over)
    return claimed[0] if claimed else None


def ours(conn: Connection, rows: Sequence[Any]) -> tuple[list[Claim], list[Settlement]]:
    """What is ours now, and what was lost once too often."""
    claims = [claim_of(row) for row in rows if row.lease_until is not None]
    lost = [(claim_of(row), fenced.code_of(row)) for row in rows if row.lease_until is None]
    return claims, outcomes.lose(conn, lost) if lost else []


def with_events(conn: Connection, ended: Sequence[Settlement]) -> list[Settlement]:
    """The same, with whom and what they were about."""
    if not ended:
        return []
    works = {work.claim.key: work for work in read_work(conn, [one.claim for one in ended])}
    events = read_events(conn, {(work.claim.tenant, work.event_id) for work in works.values()})
    return [
        one._replace(address_id=work.address_id, event=events[work.event_id], recipient=work.recipient)
        for one in ended
        for work in [works[one.claim.key]]
    ]


def claim_of(row: Any) -> Claim:
    return Claim(
        row.tenant,
        row.delivery_id,
        row.claims,
        row.attempts,
        row.losses,
        row.lane,
        row.now_,
        row.slots,
        row.due_since or row.due_at,
        row.aged_from,
        row.channel,
    )


def _work(batch: FromClause, _: Connection) -> sa.Select[Any]:
    n, d = notifications.c, deliveries.c
    theirs = sa.and_(recipients.c.tenant == n.tenant, recipients.c.id == n.recipient)
    there = sa.and_(
        addresses.c.tenant == d.tenant, addresses.c.id == d.address_id, addresses.c.recipient == n.recipient
    )
    said = sa.exists().where(preferences.c.tenant == n.tenant, preferences.c.recipient == n.recipient)
    return (
        sa.select(
            n.id.label("notification"),
            n.event_id,
            n.recipient,
            n.reason,
            n.severity,
            n.created_at,
            n.read_at.is_not(None).label("read"),
            n.withdrawn_at.is_not(None).label("withdrawn"),
            n.resolved_at.is_not(None).label("resolved"),
            d.address_id,
            said.label("said"),
            recipients.c.id.is_not(None).label("known"),
            addresses.c.id.is_not(None).label("there"),
            *people.of_address("address"),
            *people.of_recipient("recipient"),
        )
        .select_from(
            deliveries.join(notifications, sa.and_(n.tenant == d.tenant, n.id == d.notification_id))
            .outerjoin(recipients, theirs)
            .outerjoin(addresses, there)
        )
        .where(d.tenant == batch.c.tenant_, d.id == batch.c.id_)
    )


def _event(batch: FromClause, _: Connection) -> sa.Select[Any]:
    return sa.select(*events.c).where(events.c.tenant == batch.c.tenant_, events.c.id == batch.c.id_)


_KEYS = {"tenant_": sa.Text, "id_": sa.Uuid}
_WORK = LookUp({**_KEYS, "n_": sa.Integer}, _work, but=_KEYS)
_EVENTS = LookUp(_KEYS, _event)
_SEVERITIES = {severity.value: severity for severity in Severity}
_WHERE, _WHOM = len(people.of_address("")), len(people.of_recipient(""))


def read_work(conn: Connection, claims: Sequence[Claim]) -> list[Work]:
    """What each of these claims is to send."""
    ordered = sorted(claims, key=lambda claim: (claim.tenant, claim.delivery_id.int))
    wanted = [(claim.tenant, claim.delivery_id, n) for n, claim in enumerate(ordered)]
    return [_work_of(ordered[row.n_], row) for row in _WORK.rows(conn, wanted)]


def _work_of(claim: Claim, row: Any) -> Work:
    """Of a row of `_WORK`, whose last columns are the address and the recipient, if there are any."""
    where, whom = row[-_WHOM - _WHERE : -_WHOM], row[-_WHOM:]
    return Work(
        claim,
        row.notification,
        row.event_id,
        row.recipient,
        row.reason,
        _SEVERITIES[row.severity],
        row.created_at,
        row.read,
        row.withdrawn,
        row.resolved,
        row.address_id,
        people.recipient_from(row.recipient, *whom) if row.known else None,
        people.address_from(row.address_id, *where) if row.there else None,
        row.said,
    )


def read_events(conn: Connection, wanted: Collection[tuple[str, UUID]]) -> dict[UUID, Event]:
    """These events, each (tenant, id)."""
    found = _EVENTS.rows(conn, sorted(wanted, key=lambda key: (key[0], key[1].bytes)))
    return {row.id: event_from(row) for row in found}
