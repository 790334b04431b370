"""Replaying: what has come to an end and is to be tried once more, because a person says so.

A delivery that is replayed stays the same, and so does its id on the wire. Its end becomes an outcome among others,
one more outcome says who replayed it, and a row stands in the queue again: with all its attempts, and with claims
that count on. Slots are not touched: what is put back owes one, and takes it before it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.delivery import Claim, Outcome, Result
from clarion.lane import Lanes
from clarion.severity import Severity
from clarion.slot import OWES
from clarion.store import dialect, ended, rows
from clarion.store import outcomes as ends
from clarion.store.ended import Chosen, Key
from clarion.store.notifications import QUEUE, waiting
from clarion.store.schema import events, outcomes, queue

_KEY = ("tenant", "delivery_id", "claim")


def put_back(conn: Connection, chosen: Chosen, of: Sequence[Key], *, lanes: Lanes, by: str | None) -> int:
    """Put these into the queue, in one transaction, those that still can be; how many.

    Beside any number of others who do the same: whoever gets hold of a delivery's end first replays it.
    """
    tenant = chosen.tenant
    found = ended.still(conn, chosen, of)
    # Events first, as everybody locks them: so none is purged, or withdrawn from under our hands.
    about = sorted({(tenant, row.event_id) for row in found}, key=lambda key: key[1].bytes)
    rows.find(conn, events, ("tenant", "id"), about, ("id",), lock=True)
    ours = _still_ended(conn, tenant, found)
    if ours:
        now = dialect.read_now(conn)
        _reopen(conn, tenant, ours)
        ends.write(conn, [(_claim(tenant, row, now), _replayed(by)) for row in ours], at=now)
        aged_from = now if chosen.past_max_age else None
        waits = [(*_waits(tenant, row, lanes, now), aged_from) for row in ours]
        rows.write(conn, queue, (*QUEUE, "aged_from"), waits, key=("tenant", "delivery_id"))
    return len(ours)


def _still_ended(conn: Connection, tenant: str, found: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Lock the ends of these deliveries, which are in the order of their ids; those that still are ends."""
    keys = [(tenant, row.delivery_id, row.claim) for row in found]
    locked = rows.find(conn, outcomes, _KEY, keys, ("final",), lock=True)
    standing = {row.delivery_id_ for row in locked if row.final}
    return [row for row in found if row.delivery_id in standing]


def _reopen(conn: Connection, tenant: str, of: Sequence[Row[Any]]) -> None:
    conn.execute(
        sa.update(outcomes)
        .where(*(outcomes.c[name] == sa.bindparam(f"{name}_") for name in _KEY))
        .values(final=False),
        [{"tenant_": tenant, "delivery_id_": row.delivery_id, "claim_": row.claim} for row in of],
    )


def _claim(tenant: str, row: Row[Any], now: datetime) -> Claim:
    """As if it had been claimed once more: whoever settles the claim before this one again finds another number."""
    return Claim(
        tenant=tenant,
        delivery_id=row.delivery_id,
        fence=row.claim + 1,
        attempts=0,
        losses=0,
        lane="",
        now=now,
    )


def _replayed(by: str | None) -> Outcome:
    return Outcome(result=Result.REPLAYED, wait=timedelta(), detail=None if by is None else f"by {by}")


def _waits(tenant: str, row: Row[Any], lanes: Lanes, now: datetime) -> tuple[Any, ...]:
    """Due now. What may have killed a worker begins as what was lost once: it is claimed alone."""
    losses = 1 if row.code == "lease_lost" else 0
    severity = Severity(row.severity)
    lane = lanes.lane(tenant, row.channel, row.address, row.recipient)
    return waiting(
        tenant,
        row.delivery_id,
        row.channel,
        lane,
        severity,
        now,
        OWES,
        claims=row.claim + 1,
        losses=losses,
    )
