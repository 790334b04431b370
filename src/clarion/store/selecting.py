"""Selections as rows: what was chosen, what is left to do of it, and how far it is.

A selection is drawn in pieces. Until all its members stand it is over already, so that nobody confirms a part of one;
whoever died meanwhile leaves something that is forgotten with the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.delivery import State
from clarion.selection import SAMPLE, Group, Selection
from clarion.store import dialect, ended, inserting
from clarion.store.ended import Chosen
from clarion.store.schema import (
    RUNNING,
    UNCONFIRMED,
    deliveries,
    events,
    notifications,
    queue,
    selection_members,
    selections,
)
from clarion.store.search import told
from clarion.store.search.walk import made_between

_s, _m = selections.c, selection_members.c
_q, _d, _n = queue.c, deliveries.c, notifications.c
Member = tuple[UUID, int]  # a delivery, and its claim
Alike = tuple[str, State, str | None, str | None]  # channel, state, code, and why it is no member


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """Which deliveries of a tenant that wait or are being sent. `since`, `until`: when they were made."""

    tenant: str
    deliveries: tuple[UUID, ...] | None = None
    event: UUID | None = None
    channel: str | None = None
    type: str | None = None
    recipient: str | None = None
    lane: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was looked at, and those of it that are members. `more`: there were others."""

    groups: tuple[Group, ...]
    members: Sequence[Member]
    more: bool


# ── Choosing ─────────────────────────────────────────────────────────────────────────────────────────────


def ended_ones(conn: Connection, chosen: Chosen, *, most: int) -> Drawn:
    """What is to be replayed."""
    found = ended.some(conn, chosen, most=most + 1)
    found.sort(key=lambda end: (end.at, end.id), reverse=True)
    alike = (((end.channel, end.state, end.code, end.refused), end.id) for end in found[:most])
    members = [(end.id, end.claim) for end in found[:most] if end.refused is None]
    return Drawn(_grouped(alike), members, len(found) > most)


def queued_ones(conn: Connection, chosen: Queued, *, most: int) -> Drawn:
    """What is to be cancelled."""
    leased = sa.func.coalesce(_q.lease_until > dialect.now(conn), sa.false()).label("leased")
    columns = (_q.delivery_id, _q.claims, _q.channel, _q.cancelled, leased)
    found = conn.execute(_waiting(conn, chosen, columns).limit(most + 1)).all()
    rows = sorted(found[:most], key=lambda row: row.delivery_id.bytes, reverse=True)
    members = [(row.delivery_id, row.claims) for row in rows if not row.cancelled]
    return Drawn(_grouped((_stands(row), row.delivery_id) for row in rows), members, len(found) > most)


def _stands(row: Row[Any]) -> Alike:
    state = State.SENDING if row.leased else State.WAITING
    return row.channel, state, None, "being_cancelled" if row.cancelled else None


def _waiting(conn: Connection, chosen: Queued, columns: Sequence[Any]) -> sa.Select[Any]:
    its: sa.FromClause = queue
    if chosen.event is not None or chosen.type is not None or chosen.recipient is not None:
        its = its.join(deliveries, sa.and_(_d.tenant == _q.tenant, _d.id == _q.delivery_id))
        its = its.join(notifications, sa.and_(_n.tenant == _d.tenant, _n.id == _d.notification_id))
    if chosen.type is not None:
        its = its.join(events, sa.and_(events.c.tenant == _n.tenant, events.c.id == _n.event_id))
    equal = {
        _q.channel: chosen.channel,
        _q.lane: chosen.lane,
        _n.event_id: chosen.event,
        _n.recipient: chosen.recipient,
        events.c.type: chosen.type,
    }
    where = [column == value for column, value in equal.items() if value is not None]
    where += made_between(_q.delivery_id, chosen.since, chosen.until)
    if chosen.recipient is not None:
        where.append(_n.id.in_(told.all_of(chosen.tenant, chosen.recipient)))
    if chosen.deliveries is not None:
        named = dialect.batch(conn, {"id_": sa.Uuid}, [(id,) for id in sorted(set(chosen.deliveries))])
        where.append(_q.delivery_id.in_(sa.select(named.c.id_)))
    return sa.select(*columns).select_from(its).where(_q.tenant == chosen.tenant, *where)


def _grouped(found: Iterable[tuple[Alike, UUID]]) -> tuple[Group, ...]:
    """Of deliveries in order, the newest first: the largest group first, what is no member last."""
    number: dict[Alike, int] = defaultdict(int)
    sample: dict[Alike, list[UUID]] = defaultdict(list)
    for alike, id in found:
        number[alike] += 1
        if number[alike] <= SAMPLE:
            sample[alike].append(id)
    groups = [
        Group(
            channel=alike[0],
            state=alike[1],
            code=alike[2],
            refused=alike[3],
            number=number[alike],
            sample=tuple(sample[alike]),
        )
        for alike in number
    ]
    return tuple(sorted(groups, key=lambda g: (g.refused is not None, -g.number, g.channel, g.code or "")))


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────


def begin(conn: Connection, tenant: str, made: Selection, recipient: str | None) -> None:
    """A selection without members, which is over already."""
    row = {name: getattr(made, name) for name in ("id", "verb", "number", "more", "by", "created_at")}
    conn.execute(
        sa.insert(selections).values(
            **row,
            tenant=tenant,
            filter={name: value for name, value in made.filter.items() if name != "recipient"},
            recipient=recipient,
            groups=[_to_json(group) for group in made.groups],
            expires_at=made.created_at,
        )
    )


def add(conn: Connection, tenant: str, id: UUID, members: Sequence[Member]) -> None:
    rows = [(tenant, id, delivery, claim) for delivery, claim in members]
    inserting.many(conn, selection_members, ("tenant", "selection_id", "delivery_id", "claim"), rows)


def complete(conn: Connection, tenant: str, made: Selection) -> None:
    """All members stand: it may be confirmed until it expires."""
    its = (_s.tenant == tenant, _s.id == made.id)
    conn.execute(sa.update(selections).where(*its).values(expires_at=made.expires_at))


def confirm(conn: Connection, tenant: str, id: UUID, *, by: str, at: datetime) -> bool:
    """Let it be carried out; whether it had not been confirmed before, and has not expired."""
    its = (_s.tenant == tenant, _s.id == id, sa.text(UNCONFIRMED), _s.expires_at > at)
    return bool(
        conn.execute(sa.update(selections).where(*its).values(confirmed_by=by, confirmed_at=at)).rowcount
    )


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────


def read(conn: Connection, tenant: str, id: UUID) -> Selection | None:
    row = conn.execute(sa.select(*_s).where(_s.tenant == tenant, _s.id == id)).first()
    return None if row is None else _selection(row)


def newest(conn: Connection, tenant: str, *, before: UUID | None, most: int) -> list[Selection]:
    chosen = sa.select(*_s).where(_s.tenant == tenant, *([] if before is None else [_s.id < before]))
    return [_selection(row) for row in conn.execute(chosen.order_by(_s.id.desc()).limit(most))]


def running(conn: Connection, *, most: int) -> list[tuple[str, UUID]]:
    """Those that are confirmed and not done with, each (tenant, id), the oldest first."""
    chosen = sa.select(_s.tenant, _s.id).where(sa.text(RUNNING)).order_by(_s.id).limit(most)
    return [(row.tenant, row.id) for row in conn.execute(chosen)]


def _selection(row: Row[Any]) -> Selection:
    names = ("id", "verb", "number", "more", "by", "created_at", "expires_at")
    since = ("confirmed_by", "confirmed_at", "done", "left_alone", "finished_at")
    said: Mapping[str, Any] = {} if row.recipient is None else {"recipient": row.recipient}
    return Selection(
        **{name: getattr(row, name) for name in (*names, *since)},
        filter={**row.filter, **said},
        groups=tuple(_from_json(group) for group in row.groups),
    )


def _to_json(group: Group) -> list[Any]:
    sample = [id.hex for id in group.sample]
    return [group.channel, group.state.value, group.code, group.refused, group.number, sample]


def _from_json(said: Sequence[Any]) -> Group:
    channel, state, code, refused, number, sample = said
    return Group(
        channel=channel,
        state=State(state),
        code=code,
        refused=refused,
        number=number,
        sample=tuple(UUID(hex=id) for id in sample),
    )


# ── Forgetting ───────────────────────────────────────────────────────────────────────────────────────────


def forget(conn: Connection, *, before: datetime, most: int) -> int:
    """Remove members of those that expired before this instant, at most so many, and what has none; how many rows."""
    over = sa.select(_s.tenant, _s.id).where(sa.text(UNCONFIRMED), _s.expires_at < before)
    over = over.order_by(_s.expires_at).limit(1).with_for_update(skip_locked=True)
    row = conn.execute(over).first()
    if row is None:
        return 0
    here = dialect.row_address(conn, selection_members)
    some = sa.select(here).where(_m.tenant == row.tenant, _m.selection_id == row.id).limit(most)
    gone = sa.delete(selection_members).where(dialect.at_addresses(conn, selection_members, some))
    number = conn.execute(gone).rowcount
    if number < most:
        conn.execute(sa.delete(selections).where(_s.tenant == row.tenant, _s.id == row.id))
        number += 1
    return number
