"""Cancelling what waits: of notifications that were taken back, or deliveries that an operator chose.

What is being sent is marked: if that attempt comes to nothing, it is the last. The slots of what ends are locked before
its queue rows: see `holders`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.delivery import Claim, Result, cancelled
from clarion.slot import FREE
from clarion.store import dialect, fenced, holders
from clarion.store import outcomes as ends
from clarion.store.holders import Holder
from clarion.store.schema import deliveries, outcomes, queue


def cancel(
    conn: Connection, notifications: Collection[tuple[str, UUID]], *, code: str, detail: str = ""
) -> int:
    """End what waits of these notifications, (tenant, id); how many deliveries that were."""
    waiting = _of_notifications(conn, notifications)
    return len(_call_off(conn, waiting, waiting, code, detail)[0]) if waiting else 0


def cancel_some(
    conn: Connection, tenant: str, of: Mapping[UUID, int], *, code: str, detail: str = ""
) -> tuple[int, int]:
    """The same for these deliveries, each with the claim that it had when it was chosen: how many were ended, and how
    many are being sent and were marked. What a person replayed since is left alone.
    """
    waiting = _of_deliveries(conn, tenant, of)
    if not waiting:
        return 0, 0
    ended, marked = _call_off(conn, waiting, _not_replayed(conn, tenant, waiting, of), code, detail)
    return len(ended), len(marked)


def _call_off(
    conn: Connection, waiting: Sequence[Row[Any]], meant: Sequence[Row[Any]], code: str, detail: str
) -> tuple[Sequence[Claim], Sequence[Row[Any]]]:
    """End those of these that are `meant`; which were, and which are being sent, and are marked."""
    held = holders.lock(conn, {Holder(row.tenant_, row.id_) for row in waiting if row.slots != FREE})
    rows = _lock(conn, [(row.tenant_, row.delivery_id) for row in meant])
    now = dialect.read_now(conn)
    claims = [_claim_to_cancel(row, now) for row in rows if not row.leased]
    marked = [row for row in rows if row.leased]
    _mark(conn, [(row.tenant, row.delivery_id) for row in marked], code)
    fenced.take_out(conn, [claim._replace(fence=claim.fence - 1) for claim in claims])
    outcome = cancelled(code, detail)
    ends.write(conn, [(claim, outcome) for claim in claims], at=now)
    ends.count(conn, [(claim, outcome) for claim in claims], now)
    origins = {(r.tenant_, r.delivery_id): (Holder(r.tenant_, r.id_), r.channel) for r in waiting}
    ends.conclude(conn, held, origins, [(claim.key, outcome) for claim in claims], now)
    return claims, marked


def _claim_to_cancel(row: Row[Any], now: datetime) -> Claim:
    """As if it had been claimed once more, and came to nothing: its outcome collides with none."""
    return Claim(
        tenant=row.tenant,
        delivery_id=row.delivery_id,
        fence=row.claims + 1,
        attempts=row.attempts,
        losses=row.losses,
        lane=row.lane,
        now=now,
        slots=row.slots,
        channel=row.channel,
    )


def _of_notifications(conn: Connection, of: Collection[tuple[str, UUID]]) -> Sequence[Row[Any]]:
    """What is left to send of these notifications: (tenant_, id_, delivery_id, channel, slots)."""
    if not of:
        return ()
    ordered = sorted(set(of), key=lambda key: (key[0], key[1].bytes))
    batch = dialect.batch(conn, {"tenant_": sa.Text, "id_": sa.Uuid}, ordered)
    waits = sa.and_(queue.c.tenant == deliveries.c.tenant, queue.c.delivery_id == deliveries.c.id)
    found = (
        sa.select(queue.c.delivery_id, deliveries.c.channel, queue.c.slots)
        .select_from(deliveries.join(queue, waits))
        .where(deliveries.c.tenant == batch.c.tenant_, deliveries.c.notification_id == batch.c.id_)
    )
    return conn.execute(dialect.look_up(conn, batch, found)).all()


def _of_deliveries(conn: Connection, tenant: str, of: Collection[UUID]) -> Sequence[Row[Any]]:
    """The same of these deliveries, and the claim under which each stands by now."""
    ordered = [(tenant, id) for id in sorted(of, key=lambda id: id.bytes)]
    batch = dialect.batch(conn, {"tenant_": sa.Text, "of_": sa.Uuid}, ordered)
    waits = sa.and_(queue.c.tenant == deliveries.c.tenant, queue.c.delivery_id == deliveries.c.id)
    found = (
        sa.select(
            deliveries.c.notification_id.label("id_"),
            queue.c.delivery_id,
            deliveries.c.channel,
            queue.c.slots,
            queue.c.claims,
        )
        .select_from(deliveries.join(queue, waits))
        .where(deliveries.c.tenant == batch.c.tenant_, deliveries.c.id == batch.c.of_)
    )
    return conn.execute(dialect.look_up(conn, batch, found)).all()


def _not_replayed(
    conn: Connection, tenant: str, waiting: Sequence[Row[Any]], claims: Mapping[UUID, int]
) -> Sequence[Row[Any]]:
    """Those of these that stand in the queue ever since they had this claim."""
    later = [(tenant, row.delivery_id) for row in waiting if row.claims != claims[row.delivery_id]]
    batch = dialect.batch(conn, {"tenant_": sa.Text, "id_": sa.Uuid}, later)
    found = sa.select(outcomes.c.claim).where(
        outcomes.c.tenant == batch.c.tenant_,
        outcomes.c.delivery_id == batch.c.id_,
        outcomes.c.result == Result.REPLAYED.value,
    )
    rows = conn.execute(dialect.look_up(conn, batch, found)) if later else ()
    replayed = {row.id_ for row in rows if row.claim > claims[row.id_]}
    return [row for row in waiting if row.delivery_id not in replayed]


def _lock(conn: Connection, of: Sequence[tuple[str, UUID]]) -> Sequence[Row[Any]]:
    """The queue rows of these deliveries, those that still stand, and whether somebody is sending them."""
    ordered = sorted(of, key=lambda key: (key[0], key[1].bytes))
    batch = dialect.batch(conn, {"tenant_": sa.Text, "id_": sa.Uuid}, ordered)
    found = sa.select(
        *queue.c, sa.func.coalesce(queue.c.lease_until > dialect.now(conn), False).label("leased")
    )
    found = found.where(queue.c.tenant == batch.c.tenant_, queue.c.delivery_id == batch.c.id_)
    return conn.execute(dialect.look_up(conn, batch, found, lock=True)).all()


def _mark(conn: Connection, of: Sequence[tuple[str, UUID]], code: str) -> None:
    if of:
        conn.execute(
            sa.update(queue)
            .where(queue.c.tenant == sa.bindparam("tenant_"), queue.c.delivery_id == sa.bindparam("id_"))
            .values(cancelled=True, cancel_code=code),
            [{"tenant_": tenant, "id_": id} for tenant, id in of],
        )
