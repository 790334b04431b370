"""Searching events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.position import Position
from clarion.severity import Severity
from clarion.sought import EventFilter, EventState, FoundEvent
from clarion.store import dialect
from clarion.store.schema import CORRELATED, FAILURE, events
from clarion.store.search.walk import Looked, Next, Walk, batch_of, by_id, made_between, only

_e = events.c
_TEXTS = ("key", "type", "subject", "actor", "correlation_id", "condition")


def walk(tenant: str, wanted: EventFilter) -> Walk:
    """By the narrowest index that there is for what is asked; the newest first, but what waits by when it is due."""
    along, asked = _along(tenant, wanted)
    rest = _conditions(wanted, but=asked)
    if not rest and "id" not in asked:
        return along

    def passing(conn: Connection, rows: sa.FromClause) -> sa.Select[Any]:
        found = sa.select(_e.id).where(_e.tenant == rows.c.tenant_, _e.id == rows.c.id_, *rest)
        return dialect.look_up(conn, rows, found)

    return replace(along, passing=passing)


def _along(tenant: str, wanted: EventFilter) -> tuple[Walk, set[str]]:
    """The walk, and which parts of the filter it answers."""
    mine: list[Any] = [_e.tenant == tenant]
    between = {"since", "until"}
    if wanted.id is not None:
        return Walk(tenant=tenant, next=only(wanted.id)), {"id"}
    if wanted.correlation_id is not None:
        its = _correlated(tenant, wanted.correlation_id, wanted)
        return Walk(tenant=tenant, next=its), {"correlation_id", *between}
    by: dict[str, list[Any]] = {
        "key": [_e.key == wanted.key],
        "condition": [_e.condition == wanted.condition, _e.repeat_of.is_(None)],  # repeats are counted at it
        "subject": [_e.subject == wanted.subject],
    }
    for name, where in by.items():
        if getattr(wanted, name) is not None:
            return Walk(tenant=tenant, chunk=by_id(_e.id, [*mine, *where], wanted)), {name, *between}
    if wanted.state == "failed":
        mine.append(sa.text(FAILURE))
        return Walk(tenant=tenant, chunk=by_id(_e.id, mine, wanted)), {"state", *between}
    if wanted.state == "waiting":
        return Walk(
            tenant=tenant, next=_waiting(tenant)
        ), set()  # what was withdrawn meanwhile waits, too, but is told as that
    return Walk(tenant=tenant, chunk=by_id(_e.id, mine, wanted)), between


def _correlated(tenant: str, correlation_id: str, wanted: EventFilter) -> Next:
    """Where the application said none, it is the event's own id."""
    its = [_e.tenant == tenant, _e.correlation_id == correlation_id]
    said = by_id(_e.id, [*its, sa.text(CORRELATED)], wanted)

    def others(conn: Connection, after: Position | None, most: int) -> Looked:
        rows = [Position(id=row.id_) for row in conn.execute(said(after, most))]
        return Looked(rows, rows[-1] if len(rows) == most else None)

    def next_(conn: Connection, after: Position | None, most: int) -> Looked:
        if after is None and (own := _as_id(correlation_id)) is not None:
            between = made_between(_e.id, wanted.since, wanted.until)
            if conn.execute(sa.select(_e.id).where(*its, _e.id == own, *between)).first() is not None:
                found = others(conn, None, most)
                return Looked([Position(id=own), *found.rows], found.then)
        return others(conn, after, most)

    return next_


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _waiting(tenant: str) -> Next:
    """What waits to be decided on, the next due first."""

    def next_(conn: Connection, after: Position | None, most: int) -> Looked:
        parts: list[sa.Select[Any]] = []
        for losses in ("losses = 0", "losses > 0"):  # in the words of the indexes
            where: list[Any] = [_e.tenant == tenant, _e.due_at.is_not(None), sa.text(losses)]
            if after is not None and after.at is not None:
                behind = sa.and_(_e.due_at == after.at, _e.id > after.id)
                where += [_e.due_at >= after.at, sa.or_(_e.due_at > after.at, behind)]
            parts.append(sa.select(_e.due_at, _e.id).where(*where).order_by(_e.due_at, _e.id).limit(most))
        found = sorted((row.due_at, row.id) for part in parts for row in conn.execute(part))
        rows = [Position(id=id, at=at) for at, id in found[:most]]
        return Looked(rows, rows[-1] if len(rows) == most else None)

    return next_


def _conditions(wanted: EventFilter, *, but: set[str]) -> list[sa.ColumnElement[bool]]:
    said = {name: getattr(wanted, name) for name in _TEXTS if name not in but}
    found: list[sa.ColumnElement[bool]] = [_e[name] == value for name, value in said.items() if value]
    if not {"since", "until"} <= but:
        found += made_between(_e.id, wanted.since, wanted.until)
    if wanted.state is not None and "state" not in but:
        found.append(_state == wanted.state)
    return found


_state = sa.case(
    (_e.failure.is_not(None), "failed"),
    (_e.withdrawn_at.is_not(None), "withdrawn"),
    (_e.repeat_of.is_not(None), "repeat"),
    (_e.due_at.is_not(None), "waiting"),
    (_e.resolved_at.is_not(None), "resolved"),
    else_="decided",
)


def read(conn: Connection, tenant: str, of: Sequence[UUID]) -> list[FoundEvent]:
    """These events, in this order."""
    batch = batch_of(conn, tenant, of)
    found = sa.select(*(_e[name] for name in _SHOWN), _state.label("state")).where(
        _e.tenant == batch.c.tenant_, _e.id == batch.c.id_
    )
    rows = {row.id: row for row in conn.execute(dialect.look_up(conn, batch, found))}
    return [_found(rows[id]) for id in of if id in rows]


_SHOWN = (
    *("id", "type", "actor", "subject", "thread", "key", "condition", "severity", "correlation_id"),
    *("emitted_at", "at", "failure", "due_at"),
)


def _found(row: Row[Any]) -> FoundEvent:
    state: EventState = row.state
    return FoundEvent(
        **{name: getattr(row, name) for name in _SHOWN if name != "severity"},
        severity=None if row.severity is None else Severity(row.severity),
        state=state,
    )
