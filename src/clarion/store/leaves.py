"""What hangs on events, notifications and digests that go: removed with them, from the leaves up, or only counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.store import dialect
from clarion.store.schema import (
    PREFIX,
    conditions,
    deliveries,
    digest_members,
    digests,
    events,
    notifications,
    outcomes,
    questions,
    slots,
    withdrawals,
)

Rows = Counter[str]  # how many, by table
# Does something with the rows of a table whose column is one of these ids; how many.
Act = Callable[[Connection, sa.Column[Any], str, Collection[UUID]], int]


def of_notifications(
    conn: Connection, act: Act, tenant: str, ids: Collection[UUID], sent: Collection[UUID]
) -> Rows:
    """`sent`: their deliveries."""
    return _each(
        conn,
        act,
        tenant,
        (outcomes.c.delivery_id, sent),
        (deliveries.c.id, sent),
        (digest_members.c.notification_id, ids),
        (slots.c.holder, ids),
        (notifications.c.id, ids),
    )


def of_events(conn: Connection, act: Act, tenant: str, ids: Collection[UUID]) -> Rows:
    """What hangs on these events once their notifications are gone."""
    columns = (questions.c.event_id, withdrawals.c.event_id, conditions.c.event_id, events.c.id)
    return _each(conn, act, tenant, *((column, ids) for column in columns))


def of_digests(conn: Connection, act: Act, tenant: str, ids: Collection[UUID]) -> Rows:
    sent = _deliveries(conn, deliveries.c.digest_id, tenant, ids)
    return _each(
        conn, act, tenant, (outcomes.c.delivery_id, sent), (deliveries.c.id, sent), (digests.c.id, ids)
    )


def _each(conn: Connection, act: Act, tenant: str, *what: tuple[sa.Column[Any], Collection[UUID]]) -> Rows:
    rows = Rows()
    for column, ids in what:
        if ids and (number := act(conn, column, tenant, ids)):
            rows[name(column.table)] += number
    return rows


def deliveries_of(conn: Connection, tenant: str, ids: Collection[UUID]) -> Collection[UUID]:
    """The deliveries of these notifications."""
    return _deliveries(conn, deliveries.c.notification_id, tenant, ids) if ids else ()


def _deliveries(conn: Connection, by: sa.Column[Any], tenant: str, ids: Collection[UUID]) -> Collection[UUID]:
    return [row.id for row in conn.execute(found(conn, by, tenant, ids, deliveries.c.id))]


def name(table: Any) -> str:
    return str(table.name).removeprefix(PREFIX)


# ── What is done ─────────────────────────────────────────────────────────────────────────────────────────


def delete(conn: Connection, by: sa.Column[Any], tenant: str, ids: Collection[UUID]) -> int:
    """A row that somebody changed meanwhile lies elsewhere, and stays: a slot that was taken again."""
    here = found(conn, by, tenant, ids, dialect.row_address(conn, by.table)).subquery("going").c.here
    at = dialect.at_addresses(conn, by.table, sa.select(here))
    return conn.execute(sa.delete(by.table).where(at)).rowcount


def count(conn: Connection, by: sa.Column[Any], tenant: str, ids: Collection[UUID]) -> int:
    going = found(conn, by, tenant, ids, sa.literal(1).label("one")).subquery("going")
    return conn.execute(sa.select(sa.func.count()).select_from(going)).scalar_one()


def found(
    conn: Connection,
    by: sa.Column[Any],
    tenant: str,
    ids: Collection[UUID],
    *columns: Any,
    where: sa.ColumnElement[bool] | None = None,
    **how: bool,
) -> sa.Select[Any]:
    """These columns, and `id_`, of the rows whose column `by` is one of these; `how` as for `dialect.look_up`."""
    ordered = sorted(ids, key=lambda id: id.bytes)
    batch = dialect.batch(conn, {"tenant_": sa.Text, "id_": sa.Uuid}, [(tenant, id) for id in ordered])
    rows = sa.select(*columns).where(by.table.c.tenant == batch.c.tenant_, by == batch.c.id_)
    return dialect.look_up(conn, batch, rows if where is None else rows.where(where), **how)


# ── What may be too much, or in use ──────────────────────────────────────────────────────────────────────


def attempts(conn: Connection, tenant: str, sent: Collection[UUID], most: int) -> Rows:
    """If these deliveries were tried more than `most` times in all, remove some of these tries.

    After a long outage they may be thousands for each. The final outcome stays to the end.
    """
    if not sent:
        return Rows()
    here = dialect.row_address(conn, outcomes)
    tried = found(conn, outcomes.c.delivery_id, tenant, sent, here, outcomes.c.final).subquery("tried")
    page = sa.select(tried.c.here).where(sa.not_(tried.c.final)).limit(most)
    if conn.execute(sa.select(sa.func.count()).select_from(page.subquery())).scalar_one() < most:
        return Rows()
    gone = conn.execute(sa.delete(outcomes).where(dialect.at_addresses(conn, outcomes, page)))
    return Rows({name(outcomes): gone.rowcount})


def questions_of(conn: Connection, tenant: str, ids: Collection[UUID], most: int) -> Rows:
    """The same for the questions of an event with a large audience."""
    here = dialect.row_address(conn, questions)
    some = sa.select(found(conn, questions.c.event_id, tenant, ids, here).subquery("asked").c.here).limit(
        most
    )
    if conn.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one() < most:
        return Rows()
    gone = conn.execute(sa.delete(questions).where(dialect.at_addresses(conn, questions, some)))
    return Rows({name(questions): gone.rowcount})


def busy(conn: Connection, tenant: str, ids: Collection[UUID]) -> set[UUID]:
    """Those of these notifications with a slot that somebody has locked; all other slots of them are locked now."""
    if not ids or not dialect.is_postgresql(conn):
        return set()
    place = (slots.c.recipient, slots.c.key, slots.c.severity, slots.c.n)
    if not conn.execute(found(conn, slots.c.holder, tenant, ids, *place)).first():
        return set()
    locked = found(conn, slots.c.holder, tenant, ids, *place, lock=True, skip_locked=True)
    ours = {tuple(row) for row in conn.execute(locked)}
    theirs = conn.execute(found(conn, slots.c.holder, tenant, ids, *place))
    return {row.id_ for row in theirs if tuple(row) not in ours}
