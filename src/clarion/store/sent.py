"""What was sent, by far the most of all that ends: taken out of the queue and written down in one statement.

Whether it was cancelled meanwhile makes no difference: what was sent is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql import FromClause

from clarion.delivery import Claim, Outcome, Result
from clarion.store import dialect, inserting
from clarion.store.prepared import LookUp, Prepared
from clarion.store.schema import outcomes, queue
from clarion.store.types import Instant

Sent = tuple[Claim, Outcome]

_MILLISECOND = timedelta(milliseconds=1)
_BATCH = {
    "tenants": sa.Text,
    "deliveries": sa.Uuid,
    "fences": sa.Integer,
    "numbers": sa.Integer,
    "durations": sa.Integer,
    "receipts": sa.Text,
}

# Locked in the order of their keys, as by everybody who takes several; `numbers` says which of the batch these were.
_TAKE_OUT = f"""
WITH batch AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:deliveries AS uuid[]), CAST(:fences AS int[]),
        CAST(:numbers AS int[]), CAST(:durations AS int[]), CAST(:receipts AS text[]))
        AS each(tenant, id, fence, number, duration, receipt)
), held AS MATERIALIZED (
    SELECT found.here FROM batch CROSS JOIN LATERAL (
        SELECT ctid AS here FROM {queue.name}
        WHERE tenant = batch.tenant AND delivery_id = batch.id AND claims = batch.fence
        OFFSET 0 FOR NO KEY UPDATE
    ) AS found
), gone AS (
    DELETE FROM {queue.name} WHERE ctid = ANY (ARRAY(SELECT here FROM held))
    RETURNING tenant, delivery_id, claims, attempts
), ended AS MATERIALIZED (
    SELECT gone.*, batch.number, batch.duration, batch.receipt FROM gone
    JOIN batch ON batch.tenant = gone.tenant AND batch.id = gone.delivery_id AND batch.fence = gone.claims
), written AS (
    INSERT INTO {outcomes.name} (tenant, delivery_id, claim, attempt, at, result, final, duration_ms, receipt)
    SELECT tenant, delivery_id, claims, attempts + 1, {{now}}, '{Result.SENT}', TRUE, duration, receipt FROM ended
)
SELECT {{now}} AS now_, array_agg(number) AS numbers FROM ended"""  # noqa: S608 - our schema's names


def write(conn: Connection, sent: Sequence[Sent]) -> tuple[list[int], datetime]:
    """End these, of which there are some; which, by their place in `sent`, were still under their claim, and when."""
    order = sorted(range(len(sent)), key=lambda n: (sent[n][0].tenant, sent[n][0].delivery_id.int))
    if not dialect.is_postgresql(conn):
        return _one_by_one(conn, sent, order)
    kept, now = _take_out(conn, sent, order)
    if len(kept) < len(sent):
        # A row that somebody else was just changing lies elsewhere now, where the statement could not see it.
        # It is locked by now, so that the next one will.
        left = set(kept)
        more, now = _take_out(conn, sent, [n for n in order if n not in left])
        kept += more
    return kept, now


def _take_out(conn: Connection, sent: Sequence[Sent], order: Sequence[int]) -> tuple[list[int], datetime]:
    rows = []
    for n in order:
        claim, outcome = sent[n]
        duration = outcome.duration // _MILLISECOND
        rows.append((claim.tenant, claim.delivery_id, claim.fence, n, duration, outcome.receipt))
    now, instant = dialect.now_text(conn)
    values = {**dialect.columns_values(_BATCH, rows), **instant}
    ((at, numbers),) = _prepared(conn.dialect, now).rows(conn, values)
    return numbers or [], at


@cache
def _prepared(made_for: Dialect, now: str) -> Prepared:
    statement = sa.text(_TAKE_OUT.format(now=now))
    return Prepared(made_for, statement.columns(sa.column("now_", Instant), sa.column("numbers")))


# ── SQLite: nobody else writes between two statements ────────────────────────────────────────────────────


def _lies(batch: FromClause, conn: Connection) -> sa.Select[Any]:
    return sa.select(dialect.row_address(conn, queue)).where(
        queue.c.tenant == batch.c.tenant_,
        queue.c.delivery_id == batch.c.id_,
        queue.c.claims == batch.c.fence_,
    )


_KEYS = {"tenant_": sa.Text, "id_": sa.Uuid, "fence_": sa.Integer}
_LIES = LookUp({**_KEYS, "n_": sa.Integer}, _lies, but=_KEYS)
_OUTCOME = ("tenant", "delivery_id", "claim", "attempt", "at", "result", "final", "duration_ms", "receipt")


def _one_by_one(conn: Connection, sent: Sequence[Sent], order: Sequence[int]) -> tuple[list[int], datetime]:
    wanted = [(sent[n][0].tenant, sent[n][0].delivery_id, sent[n][0].fence, n) for n in order]
    found = _LIES.rows(conn, wanted)
    now = dialect.read_now(conn)
    if found:
        conn.exec_driver_sql(f"DELETE FROM {queue.name} WHERE rowid = ?", [(here,) for _, here in found])  # noqa: S608 - our schema's name
    rows = []
    for n, _ in found:
        claim, outcome = sent[n]
        duration = outcome.duration // _MILLISECOND
        key = claim.tenant, claim.delivery_id, claim.fence
        rows.append((*key, claim.attempts + 1, now, Result.SENT.value, True, duration, outcome.receipt))
    inserting.many(conn, outcomes, _OUTCOME, rows)
    return [n for n, _ in found], now
