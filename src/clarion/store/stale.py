"""Finding what waits and has become too old to be sent: without it, what no sender comes to would wait for ever."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.selectable import FromClause

from clarion.delivery import Claim
from clarion.store import dialect
from clarion.store.queue import claim_of
from clarion.store.schema import deliveries, events, notifications, queue

Key = tuple[str, UUID]


def find(
    conn: Connection, ages: Mapping[str, timedelta | None], *, after: Key | None, most: int
) -> tuple[list[Key], Key | None]:
    """What is too old among the next `most` rows behind `after`; and where to go on.

    `ages`: each declared type's max_age. What somebody has in hand is theirs to end.
    """
    page = sa.select(queue.c.tenant, queue.c.delivery_id).order_by(queue.c.tenant, queue.c.delivery_id)
    if after is not None:
        # As one row value: with OR, every page would read the index from its beginning.
        key = sa.tuple_(queue.c.tenant, queue.c.delivery_id)
        page = page.where(key > sa.tuple_(*after, types=[sa.Text, sa.Uuid]))
    keys: list[Key] = [(tenant, id) for tenant, id in conn.execute(page.limit(most))]
    found = _stale(conn, keys, ages) if keys else []
    return found, keys[-1] if len(keys) == most else None


def claim(conn: Connection, keys: list[Key], *, lease: timedelta) -> dict[str, list[Claim]]:
    """Claims of these, by channel, as far as nobody has them in hand by now."""
    taken = (
        sa.update(queue)
        .where(dialect.at_addresses(conn, queue, _free(conn, keys)))
        .values(claims=queue.c.claims + 1, lease_until=dialect.after(conn, lease.total_seconds()))
        .returning(*queue.c, dialect.now(conn).label("now_"))
    )
    claims: dict[str, list[Claim]] = {}
    for row in conn.execute(taken):
        claims.setdefault(row.channel, []).append(claim_of(row))
    return claims


def _stale(conn: Connection, keys: list[Key], ages: Mapping[str, timedelta | None]) -> list[Key]:
    """Of these, in their order: what the gate `expired` would refuse."""
    now = dialect.read_now(conn)
    by_age: dict[timedelta, list[str]] = {}
    for code, age in ages.items():
        if age is not None:
            by_age.setdefault(age, []).append(code)
    since = sa.func.coalesce(queue.c.aged_from, events.c.at)
    too_old = [sa.and_(events.c.type.in_(codes), since <= now - age) for age, codes in by_age.items()]
    batch = _batch(conn, keys)
    found = (
        sa.select(queue.c.claims)
        .select_from(queue)
        .join(deliveries, _same(deliveries, queue, id="delivery_id"))
        .join(notifications, _same(notifications, deliveries, id="notification_id"))
        .join(events, _same(events, notifications, id="event_id"))
        .where(
            queue.c.tenant == batch.c.tenant_,
            queue.c.delivery_id == batch.c.id_,
            _nobodys(conn),
            events.c.type.in_(list(ages)),  # what is not declared here is left to who declares it
            sa.or_(events.c.expires_at <= now, *too_old),
        )
    )
    rows = conn.execute(dialect.look_up(conn, batch, found))
    return sorted(((row.tenant_, row.id_) for row in rows), key=_order)


def _free(conn: Connection, keys: list[Key]) -> sa.Select[Any]:
    """Where the rows of these lie that nobody has in hand; locked, in the order of their keys."""
    batch = _batch(conn, keys)
    found = sa.select(dialect.row_address(conn, queue)).where(
        queue.c.tenant == batch.c.tenant_,
        queue.c.delivery_id == batch.c.id_,
        _nobodys(conn),
    )
    rows = dialect.look_up(conn, batch, found, lock=True, skip_locked=True).subquery("free")
    return sa.select(rows.c.here)


def _nobodys(conn: Connection) -> sa.ColumnElement[bool]:
    """In nobody's hands, or in those of a process that is gone."""
    return sa.or_(queue.c.lease_until.is_(None), queue.c.lease_until <= dialect.now(conn))


def _batch(conn: Connection, keys: list[Key]) -> FromClause:
    return dialect.batch(conn, {"tenant_": sa.Text, "id_": sa.Uuid}, keys)


def _same(one: sa.Table, other: sa.Table, *, id: str) -> sa.ColumnElement[bool]:
    return sa.and_(one.c.tenant == other.c.tenant, one.c.id == other.c[id])


def _order(key: Key) -> tuple[str, bytes]:
    return key[0], key[1].bytes
