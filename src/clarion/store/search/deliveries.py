"""Searching deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.delivery import State, state_of
from clarion.position import Position
from clarion.sought import DeliveryFilter, FoundDelivery
from clarion.store import dialect
from clarion.store.schema import FAILED, deliveries, events, notifications, outcomes, queue
from clarion.store.search import told
from clarion.store.search.walk import (
    HIGHEST,
    SCATTERED,
    Chunk,
    Looked,
    Next,
    Walk,
    batch_of,
    by_id,
    made_between,
    only,
)

_d, _n, _q, _o = deliveries.c, notifications.c, queue.c, outcomes.c
_OPEN = (State.WAITING, State.SENDING)

Address = tuple[str, UUID]  # the recipient, and the address's id


def walk(tenant: str, wanted: DeliveryFilter, at: Sequence[Address] | None = None) -> Walk:
    """The newest first; those of one event by recipient. `at`: the addresses that begin as is asked, if it is."""
    along, asked = _along(tenant, wanted, at)
    where = _conditions(wanted, at, but=asked)
    if not where and wanted.state not in _OPEN and wanted.code is None and "id" not in asked:
        return along

    def passing(conn: Connection, rows: sa.FromClause) -> sa.Select[Any]:
        if "code_" in rows.c and wanted.code is not None:  # of what failed, the index tells
            of_code = sa.select(*rows.c).where(rows.c.code_ == wanted.code)
            if not where:
                return of_code
            rows = of_code.subquery("of_code")
        found = sa.select(_d.id).select_from(_joined(wanted, but=asked))
        found = found.where(_d.tenant == rows.c.tenant_, _d.id == rows.c.id_, *where)
        if wanted.state in _OPEN:
            leased = sa.func.coalesce(_q.lease_until > dialect.now(conn), sa.false())
            found = found.where(leased if wanted.state == State.SENDING else ~leased)
        if wanted.code is not None and "code_" not in rows.c:
            found = found.where(_last_code == wanted.code)
        return dialect.look_up(conn, rows, found)

    return replace(along, passing=passing)


# ── Along which index ────────────────────────────────────────────────────────────────────────────────────


def _along(tenant: str, wanted: DeliveryFilter, at: Sequence[Address] | None) -> tuple[Walk, set[str]]:
    """By the narrowest index, and which parts of the filter that answers."""
    if wanted.id is not None:
        return Walk(tenant=tenant, next=only(wanted.id)), {"id"}
    if wanted.event is not None:
        return Walk(tenant=tenant, next=_of_event(tenant, wanted.event)), {"event"}
    if at is not None or wanted.recipient is not None:
        whose = {wanted.recipient} if at is None else {recipient for recipient, _ in at}
        its = _of_recipients(tenant, sorted(one for one in whose if one))
        return Walk(tenant=tenant, next=its), {"recipient"} if at is None else set()
    if wanted.state == State.FAILED:
        failed = Walk(tenant=tenant, chunk=_failed(tenant, wanted), most=SCATTERED)
        return failed, {"state", "since", "until"}
    if wanted.state in _OPEN or wanted.lane is not None:
        waiting = by_id(_q.delivery_id, [_q.tenant == tenant], wanted)
        return Walk(tenant=tenant, chunk=waiting), {"since", "until"}
    return Walk(tenant=tenant, chunk=by_id(_d.id, [_d.tenant == tenant], wanted)), {"since", "until"}


def _failed(tenant: str, wanted: DeliveryFilter) -> Chunk:
    """What failed last, first."""
    its: list[Any] = [_o.tenant == tenant, sa.text(FAILED)]
    its += [] if wanted.since is None else [_o.at >= wanted.since]
    its += [] if wanted.until is None else [_o.at < wanted.until]

    def chunk(after: Position | None, most: int) -> sa.Select[Any]:
        behind: list[Any] = []
        if after is not None and after.at is not None:
            same = sa.and_(_o.at == after.at, _o.delivery_id < after.id)
            behind = [_o.at <= after.at, sa.or_(_o.at < after.at, same)]
        columns = (_o.tenant.label("tenant_"), _o.at.label("at_"), _o.delivery_id.label("id_"))
        chosen = (
            sa.select(*columns, _o.code.label("code_"))
            .where(*its, *behind)
            .order_by(_o.at.desc(), _o.delivery_id.desc())
        )
        return chosen.limit(most)

    return chunk


def _of_event(tenant: str, event: UUID) -> Next:
    """By recipient, and then the oldest first."""

    def next_(conn: Connection, after: Position | None, most: int) -> Looked:
        its = [_n.tenant == tenant, _n.event_id == event]
        if after is not None:
            its.append(_n.recipient >= (after.recipient or ""))
        chosen = sa.select(_n.id, _n.recipient).where(*its).order_by(_n.recipient).limit(most + 1)
        page = [(row.recipient, row.id) for row in conn.execute(chosen)]
        sent = sorted((whose, id) for whose, _, id in _sent_as(conn, tenant, page))
        rows = [
            Position(id=id, recipient=recipient)
            for recipient, id in sent
            if after is None or (recipient, id) > (after.recipient or "", after.id)
        ]
        return Looked(rows, Position(id=HIGHEST, recipient=page[-1][0]) if len(page) > most else None)

    return next_


def _of_recipients(tenant: str, recipients: Sequence[str]) -> Next:
    """By the place of their notifications, the highest first, and then the newest."""

    def next_(conn: Connection, after: Position | None, most: int) -> Looked:
        upto = HIGHEST if after is None or after.place is None else after.place
        page = told.of_recipients(conn, tenant, recipients, upto=upto, most=most + 1)
        sent = sorted(((place, id) for place, _, id in _sent_as(conn, tenant, page)), reverse=True)
        rows = [
            Position(id=id, place=place)
            for place, id in sent
            if after is None or (place, id) < (after.place or HIGHEST, after.id)
        ]
        return Looked(rows, Position(id=UUID(int=0), place=page[-1].place) if len(page) > most else None)

    return next_


def _sent_as(conn: Connection, tenant: str, told: Sequence[tuple[Any, UUID]]) -> list[tuple[Any, UUID, UUID]]:
    """The deliveries of these notifications, each with what stands before its notification's id."""
    before = {id: what for what, id in told}
    batch = batch_of(conn, tenant, list(before))
    found = sa.select(_d.id).where(_d.tenant == batch.c.tenant_, _d.notification_id == batch.c.id_)
    rows = conn.execute(dialect.look_up(conn, batch, found))
    return [(before[row.id_], row.id_, row.id) for row in rows]


# ── What passes ──────────────────────────────────────────────────────────────────────────────────────────


def _joined(wanted: DeliveryFilter, *, but: set[str]) -> sa.FromClause:
    """As many tables as the filter asks."""
    its: sa.FromClause = deliveries
    asks = {name for name in ("event", "recipient", "type") if getattr(wanted, name) is not None} - but
    if asks:
        its = its.join(notifications, sa.and_(_n.tenant == _d.tenant, _n.id == _d.notification_id))
    if "type" in asks:
        its = its.join(events, sa.and_(events.c.tenant == _n.tenant, events.c.id == _n.event_id))
    if wanted.state in _OPEN or wanted.lane is not None:
        return its.join(queue, sa.and_(_q.tenant == _d.tenant, _q.delivery_id == _d.id))
    if wanted.state is not None and "state" not in but:
        its = its.join(outcomes, sa.and_(_o.tenant == _d.tenant, _o.delivery_id == _d.id, _o.final))
    return its


def _conditions(wanted: DeliveryFilter, at: Sequence[Address] | None, *, but: set[str]) -> list[Any]:
    said = {
        "event": (_n.event_id, wanted.event),
        "recipient": (_n.recipient, wanted.recipient),
        "channel": (_d.channel, wanted.channel),
        "type": (events.c.type, wanted.type),
        "lane": (_q.lane, wanted.lane),
        "state": (_o.result, None if wanted.state in _OPEN else wanted.state),
    }
    found: list[Any] = [
        column == value for name, (column, value) in said.items() if name not in but and value is not None
    ]
    if at is not None:
        found.append(_d.address_id.in_([id for _, id in at]))
    if "since" not in but:
        found += made_between(_d.id, wanted.since, wanted.until)
    return found


_every = outcomes.alias("every")
_last_code = (
    sa.select(_every.c.code)
    .where(_every.c.tenant == _d.tenant, _every.c.delivery_id == _d.id)
    .order_by(_every.c.claim.desc())
    .limit(1)
    .scalar_subquery()
)


def _last(conn: Connection, tenant: str, of: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    """The last outcome of each."""
    batch = batch_of(conn, tenant, of)
    columns = [_o[name] for name in ("claim", "attempt", "at", "result", "final", "code", "detail")]
    whose = [_o.tenant == batch.c.tenant_, _o.delivery_id == batch.c.id_]
    newest = dialect.newest_each(conn, batch, columns, whose, by=_o.claim, most=1)
    return {row.id_: row for row in conn.execute(newest)} if of else {}


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────


def read(conn: Connection, tenant: str, of: Sequence[UUID]) -> list[FoundDelivery]:
    """These deliveries, in this order."""
    batch = batch_of(conn, tenant, of)
    found = (
        sa.select(
            _d.id,
            _d.channel,
            _d.created_at,
            _d.notification_id,
            _n.event_id,
            _n.recipient,
            events.c.type,
            _q.lane,
            _q.due_at,
            _q.attempts,
            (_q.lease_until > dialect.now(conn)).label("leased"),
        )
        .select_from(
            deliveries.join(notifications, sa.and_(_n.tenant == _d.tenant, _n.id == _d.notification_id))
            .join(events, sa.and_(events.c.tenant == _n.tenant, events.c.id == _n.event_id))
            .outerjoin(queue, sa.and_(_q.tenant == _d.tenant, _q.delivery_id == _d.id))
        )
        .where(_d.tenant == batch.c.tenant_, _d.id == batch.c.id_)
    )
    rows = {row.id: row for row in conn.execute(dialect.look_up(conn, batch, found))}
    last = _last(conn, tenant, list(rows))
    return [_found(rows[id], last.get(id)) for id in of if id in rows]


def expires_at(conn: Connection, tenant: str, id: UUID) -> datetime | None:
    """When it is too old to be sent."""
    found: datetime | None = conn.execute(
        sa.select(_d.expires_at).where(_d.tenant == tenant, _d.id == id)
    ).scalar()
    return found


def _found(row: Row[Any], last: Row[Any] | None) -> FoundDelivery:
    queued = row.lane is not None
    final = last.result if last is not None and last.final else None
    return FoundDelivery(
        id=row.id,
        event=row.event_id,
        notification=row.notification_id,
        recipient=row.recipient,
        type=row.type,
        channel=row.channel,
        lane=row.lane,
        state=state_of(queued=queued, leased=bool(row.leased), final=final),
        code=None if last is None else last.code,
        detail=None if last is None else last.detail,
        at=None if last is None else last.at,
        attempts=row.attempts if queued else 0 if last is None else last.attempt,
        due_at=row.due_at,
        created_at=row.created_at,
    )
