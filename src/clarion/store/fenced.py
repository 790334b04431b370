"""The queue's rows under a claim: taken out, put back, changed. Fenced: what is under a later claim stays as it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.delivery import Claim, Outcome, Result
from clarion.slot import HOLDS
from clarion.store import dialect
from clarion.store.schema import queue

Key = tuple[str, UUID, int]  # tenant, delivery, claim


def key_of(claim: Claim) -> Key:
    return claim.tenant, claim.delivery_id, claim.fence


def take_out(conn: Connection, claims: Sequence[Claim]) -> dict[Key, str | None]:
    """Take out the rows of these claims: those that were still theirs, with the code of what was cancelled."""
    found = _delete_seen(conn, claims)
    if len(found) < len(claims) and dialect.is_postgresql(conn):
        # A row that somebody else was just changing lies elsewhere now, where this statement could not see it.
        # It is locked by now, so that the next one will.
        found |= _delete_seen(conn, [c for c in claims if key_of(c) not in found])
    return found


def _delete_seen(conn: Connection, claims: Sequence[Claim]) -> dict[Key, str | None]:
    if not claims:
        return {}
    at = dialect.at_addresses(conn, queue, _addresses_of(conn, claims))
    rows = conn.execute(sa.delete(queue).where(at).returning(*_STANDS))
    return {_key(row): code_of(row) for row in rows}


def put_back(conn: Connection, ended: Sequence[tuple[Claim, Outcome]]) -> dict[Key, str | None]:
    """Let them wait; those that were still theirs, as above. What waits already under such a claim was put back before.

    Those that wait alike, as all that is given back at the end of a process, in one statement.
    """
    alike: dict[tuple[timedelta, bool, bool], list[tuple[Claim, Outcome]]] = {}
    for claim, outcome in ended:
        how = outcome.wait or timedelta(), outcome.spent, outcome.result is Result.HELD
        alike.setdefault(how, []).append((claim, outcome))
    codes: dict[Key, str | None] = {}
    for together in alike.values():
        if len(together) > 1:
            at = dialect.at_addresses(conn, queue, _addresses_of(conn, [claim for claim, _ in together]))
            codes |= _let_wait(conn, [at], together[0][1])
    # One by one, too, what somebody else was just changing: the statement could not see it where it lies now.
    left = [(claim, outcome) for claim, outcome in ended if key_of(claim) not in codes]
    for claim, outcome in sorted(left, key=lambda one: (one[0].tenant, one[0].delivery_id.bytes)):
        codes |= _let_wait(conn, _still(claim), outcome)
    return codes


def _let_wait(
    conn: Connection, which: Sequence[sa.ColumnElement[bool]], outcome: Outcome
) -> dict[Key, str | None]:
    """Until then. What a gate holds is not late: it is due from then on."""
    late = outcome.result is not Result.HELD
    rows = conn.execute(
        sa.update(queue)
        .where(*which, queue.c.lease_until.is_not(None))
        .values(
            lease_until=None,
            due_at=dialect.after(conn, (outcome.wait or timedelta()).total_seconds()),
            due_since=sa.func.coalesce(queue.c.due_since, queue.c.due_at) if late else None,
            attempts=queue.c.attempts + int(outcome.spent),
        )
        .returning(*_STANDS)
    )
    return {_key(row): code_of(row) for row in rows}


def now_hold(conn: Connection, claims: Collection[Claim]) -> set[tuple[str, UUID]]:
    """What owed a slot holds one now: those of these deliveries, (tenant, id), that are still under their claim."""
    ours = set()
    for claim in sorted(claims, key=lambda claim: (claim.tenant, claim.delivery_id.bytes)):
        row = conn.execute(
            sa.update(queue)
            .where(*_still(claim))
            .values(slots=HOLDS)
            .returning(queue.c.tenant, queue.c.delivery_id)
        ).first()
        if row is not None:
            ours.add((row.tenant, row.delivery_id))
    return ours


_STANDS: Sequence[sa.Column[Any]] = (
    queue.c.tenant,
    queue.c.delivery_id,
    queue.c.claims,
    queue.c.cancelled,
    queue.c.cancel_code,
)


def _key(row: Row[Any]) -> Key:
    return row.tenant, row.delivery_id, row.claims


def code_of(row: Row[Any]) -> str | None:
    """Why the delivery of this queue row was cancelled, if it was."""
    return (row.cancel_code or "cancelled") if row.cancelled else None


def _addresses_of(conn: Connection, claims: Sequence[Claim]) -> sa.Select[Any]:
    """Where the rows of these claims lie, those that are still theirs; locked, in the order of their keys."""
    ordered = sorted(claims, key=lambda claim: (claim.tenant, claim.delivery_id.bytes))
    batch = dialect.batch(
        conn,
        {"tenant_": sa.Text, "id_": sa.Uuid, "fence_": sa.Integer},
        [(c.tenant, c.delivery_id, c.fence) for c in ordered],
    )
    found = sa.select(dialect.row_address(conn, queue)).where(
        queue.c.tenant == batch.c.tenant_,
        queue.c.delivery_id == batch.c.id_,
        queue.c.claims == batch.c.fence_,
    )
    rows = dialect.look_up(conn, batch, found, lock=True).subquery("held")
    return sa.select(rows.c.here)


def _still(claim: Claim) -> list[sa.ColumnElement[bool]]:
    return [
        queue.c.tenant == claim.tenant,
        queue.c.delivery_id == claim.delivery_id,
        queue.c.claims == claim.fence,
    ]
