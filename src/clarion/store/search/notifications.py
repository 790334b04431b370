"""Searching notifications: what was decided on whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion import gates
from clarion.position import Position
from clarion.severity import Severity
from clarion.sought import FoundNotification, NotificationFilter
from clarion.store import dialect
from clarion.store.schema import REFUSED, deliveries, events, notifications, outcomes
from clarion.store.search import told
from clarion.store.search.walk import HIGHEST, Looked, Next, Walk, batch_of, by_id, made_between, only

_n = notifications.c


def walk(tenant: str, wanted: NotificationFilter) -> Walk:
    """The newest first; those of one event by recipient, those of one recipient as in their inbox."""
    along, asked = _along(tenant, wanted)
    rest = _conditions(wanted, but=asked)
    if not rest and "id" not in asked:
        return along

    def passing(conn: Connection, rows: sa.FromClause) -> sa.Select[Any]:
        its: sa.FromClause = notifications
        if wanted.type is not None:
            about = sa.and_(events.c.tenant == _n.tenant, events.c.id == _n.event_id)
            its = notifications.join(events, about)
        found = sa.select(_n.id).select_from(its).where(_n.tenant == rows.c.tenant_, _n.id == rows.c.id_)
        return dialect.look_up(conn, rows, found.where(*rest))

    return replace(along, passing=passing)


def _along(tenant: str, wanted: NotificationFilter) -> tuple[Walk, set[str]]:
    """By the narrowest index, and which parts of the filter that answers."""
    if wanted.id is not None:
        return Walk(tenant=tenant, next=only(wanted.id)), {"id"}
    if wanted.event is not None:
        its = _of_event(tenant, wanted.event, wanted.recipient)
        return Walk(tenant=tenant, next=its), {"event", "recipient"}
    if wanted.recipient is not None:
        return Walk(tenant=tenant, next=_of_recipient(tenant, wanted.recipient)), {"recipient"}
    mine: list[Any] = [_n.tenant == tenant]
    if wanted.gate is not None:
        mine.append(sa.text(REFUSED))
    return Walk(tenant=tenant, chunk=by_id(_n.id, mine, wanted)), {"since", "until"}


def _of_event(tenant: str, event: UUID, recipient: str | None) -> Next:
    def next_(conn: Connection, after: Position | None, most: int) -> Looked:
        its = [_n.tenant == tenant, _n.event_id == event]
        if recipient is not None:
            its.append(_n.recipient == recipient)
        if after is not None:
            its.append(_n.recipient > (after.recipient or ""))
        chosen = sa.select(_n.id, _n.recipient).where(*its).order_by(_n.recipient).limit(most)
        rows = [Position(id=row.id, recipient=row.recipient) for row in conn.execute(chosen)]
        return Looked(rows, rows[-1] if len(rows) == most else None)

    return next_


def _of_recipient(tenant: str, recipient: str) -> Next:
    def next_(conn: Connection, after: Position | None, most: int) -> Looked:
        upto = HIGHEST if after is None or after.place is None else after.place
        found = told.of_recipients(conn, tenant, [recipient], upto=upto, most=most + 1)
        behind = [Position(id=id, place=place) for place, id in found if not after or place != after.place]
        rows = behind[:most]
        return Looked(rows, rows[-1] if len(found) > most else None)

    return next_


def _conditions(wanted: NotificationFilter, *, but: set[str]) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.event is not None and "event" not in but:
        found.append(_n.event_id == wanted.event)
    if wanted.recipient is not None and "recipient" not in but:
        found.append(_n.recipient == wanted.recipient)
    if wanted.type is not None:
        found.append(events.c.type == wanted.type)
    if wanted.gate is not None:
        found.append(_n.gates.bitwise_and(gates.BITS[wanted.gate]) != 0)
    if wanted.told is not None:
        found.append(_told if wanted.told else ~_told)
    if "since" not in but:
        found += made_between(_n.id, wanted.since, wanted.until)
    return found


# As `store.counts` has it.
_unwanted = sa.exists().where(
    outcomes.c.tenant == deliveries.c.tenant,
    outcomes.c.delivery_id == deliveries.c.id,
    outcomes.c.final,
    outcomes.c.result.in_(["suppressed", "cancelled"]),
)
_told = sa.or_(
    _n.visible,
    sa.exists().where(deliveries.c.tenant == _n.tenant, deliveries.c.notification_id == _n.id, ~_unwanted),
)

_SHOWN = (
    *("id", "recipient", "reason", "visible", "created_at"),
    *("read_at", "withdrawn_at", "resolved_at"),
)


def read(conn: Connection, tenant: str, of: Sequence[UUID]) -> list[FoundNotification]:
    """These notifications, in this order."""
    batch = batch_of(conn, tenant, of)
    about = sa.and_(events.c.tenant == _n.tenant, events.c.id == _n.event_id)
    columns = [_n[name] for name in (*_SHOWN, "event_id", "severity", "gates")]
    found = (
        sa.select(*columns, events.c.type, events.c.subject, _told.label("told"))
        .select_from(notifications.join(events, about))
        .where(_n.tenant == batch.c.tenant_, _n.id == batch.c.id_)
    )
    rows = {row.id: row for row in conn.execute(dialect.look_up(conn, batch, found))}
    return [_found(rows[id]) for id in of if id in rows]


def _found(row: Row[Any]) -> FoundNotification:
    return FoundNotification(
        **{name: getattr(row, name) for name in _SHOWN},
        event=row.event_id,
        type=row.type,
        subject=row.subject,
        severity=Severity(row.severity),
        gates=tuple(gates.names_in(row.gates)),
        told=bool(row.told),
    )
