"""Conditions: opened once while open, repeats counted, and which are open. The constraint is the unique open row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion import clock, condition, ids
from clarion.circumstances import severity_of
from clarion.condition import OpenCondition
from clarion.event import Event
from clarion.event_type import EventType
from clarion.severity import Severity
from clarion.store import dialect, walks, withdrawals
from clarion.store.schema import conditions, events
from clarion.store.walks import Walk, event_from

OPEN = "resolved_at IS NULL"  # in the words of the index
_EVER = datetime(1, 1, 1, tzinfo=UTC)


class Admission(Enum):
    """What becomes of the walk of an event that tells of a condition."""

    TELL = "its audience is decided on"
    WITHDRAWN = "as above, and all of them are refused"
    COUNTED = "nobody is decided on: the walk is finished"
    LOST = "another process has the event by now"


def admit(conn: Connection, walk: Walk, types: Mapping[str, EventType]) -> Admission:
    """Open the event's condition, or count it as a repeat; the same again when the walk is begun again.

    Locks the event, then the condition, and looks for resolutions in between: whoever applies one locks the
    events first, and so closes what is opened here.
    """
    event = walk.event
    now, ours = walks.still_ours(conn, [walk])
    if event.id not in ours:
        return Admission.LOST
    taken_back = withdrawals.read(conn, [event])
    if event.id in taken_back.wholly:
        return Admission.WITHDRAWN
    if event.id in taken_back.resolved:
        return Admission.TELL  # so that the gates say why not
    admitted = None
    escalated = condition.escalates(event.key)
    if escalated is not None and (row := _by_id(conn, event.tenant, escalated)) is not None:
        admitted = _tell_of_step(conn, event, row, now)
    elif _is_too_late(event, types[event.type], now):  # it opens nothing that nobody would hear of
        admitted = _meet(conn, event, types, now) or Admission.TELL
    while admitted is None:
        admitted = _open(conn, event, types) or _meet(conn, event, types, now)
    if admitted is Admission.COUNTED:
        walks.finish(conn, [walk])
    return admitted


def _is_too_late(event: Event, type: EventType, now: datetime) -> bool:
    stale_at = None if type.max_age is None else event.at + type.max_age
    return any(end is not None and end <= now for end in (event.expires_at, stale_at))


def _open(conn: Connection, event: Event, types: Mapping[str, EventType]) -> Admission | None:
    """Open the condition; `None` if it is open already."""
    type = types[event.type]
    steps = type.policy.escalation
    opened = conn.execute(
        dialect.insert(conn, conditions)
        .values(
            tenant=event.tenant,
            id=ids.uuid7(),
            condition=event.condition,
            event_id=event.id,
            severity=int(severity_of(event, type)),
            opened_at=event.at,
            last_at=event.at,
            escalate_at=condition.next_at(steps, 0, event.at),
        )
        .on_conflict_do_nothing(
            index_elements=[conditions.c.tenant, conditions.c.condition], index_where=sa.text(OPEN)
        )
        .returning(conditions.c.id)
    ).first()
    return None if opened is None else Admission.TELL


def _meet(conn: Connection, event: Event, types: Mapping[str, EventType], now: datetime) -> Admission | None:
    """What this event is to the open condition; `None` if there is none any more."""
    row = conn.execute(
        sa.select(*conditions.c)
        .where(conditions.c.tenant == event.tenant, conditions.c.condition == event.condition, sa.text(OPEN))
        .with_for_update(key_share=True)
    ).first()
    if row is None:
        return None
    if event.id in (row.event_id, row.escalated_by):
        return Admission.TELL
    opener = opener_of(conn, row)
    if is_over(conn, row, opener) or (opener is not None and opener.failure is not None):
        close(conn, row, now)  # it has ended, or nobody could be told of it
        return None
    return _repeat(conn, event, row, opener, types, now)


def _repeat(
    conn: Connection,
    event: Event,
    row: Row[Any],
    opener: Row[Any] | None,
    types: Mapping[str, EventType],
    now: datetime,
) -> Admission:
    """Count it. One that is more severe than the condition is told all the same: no lower one may block it."""
    repeats = row.repeats + 1
    counted: dict[str, Any] = {"repeats": repeats, "last_at": max(row.last_at, event.at)}
    type = types.get(event.type if opener is None else opener.type)
    steps = () if type is None else type.policy.escalation
    taken = condition.steps_taken(steps, row.escalations, repeats=repeats, opened_at=row.opened_at, now=now)
    if type is None or taken > row.escalations:  # it is taken by `escalations`, soon
        counted["escalate_at"] = now
    severity = severity_of(event, types[event.type])
    if severity > row.severity:
        counted |= {"severity": int(severity), "escalated_by": event.id}
    change(conn, row, **counted)
    if severity > row.severity:
        return Admission.TELL
    _mark(conn, event, repeat_of=row.event_id)
    return Admission.COUNTED


def _tell_of_step(conn: Connection, event: Event, row: Row[Any], now: datetime) -> Admission:
    """A step is told of, unless its condition has ended meanwhile, or a later step is told of instead."""
    over = row.resolved_at is not None or is_over(conn, row, opener_of(conn, row))
    if not over and row.escalated_by == event.id:
        return Admission.TELL
    _mark(conn, event, repeat_of=row.event_id, **({"resolved_at": now} if over else {}))
    return Admission.COUNTED


def _by_id(conn: Connection, tenant: str, id: UUID) -> Row[Any] | None:
    return conn.execute(
        sa.select(*conditions.c)
        .where(conditions.c.tenant == tenant, conditions.c.id == id)
        .with_for_update(key_share=True)
    ).first()


def opener_of(conn: Connection, row: Row[Any]) -> Row[Any] | None:
    """The event that opened it; `None` if it is no longer kept."""
    return conn.execute(
        sa.select(*events.c).where(events.c.tenant == row.tenant, events.c.id == row.event_id)
    ).first()


def is_over(conn: Connection, row: Row[Any], opener: Row[Any] | None) -> bool:
    """Whether it was resolved, or what opened it taken back, though that may not be applied yet."""
    taken_back = withdrawals.read(conn, [_opened_by(row, opener)])
    return row.event_id in taken_back.wholly | taken_back.resolved


def _opened_by(row: Row[Any], opener: Row[Any] | None) -> Event:
    """The event that opened it; of one that is no longer kept, what withdrawals are found by."""
    if opener is not None:
        return event_from(opener)
    return Event(
        id=row.event_id,
        tenant=row.tenant,
        type="",
        emitted_at=row.opened_at,
        at=row.opened_at,
        condition=row.condition,
        data={},
    )


def close(conn: Connection, row: Row[Any], now: datetime) -> None:
    change(conn, row, resolved_at=now)


def change(conn: Connection, row: Row[Any], **values: Any) -> None:
    """Write to a condition that is locked."""
    its = (conditions.c.tenant == row.tenant, conditions.c.id == row.id)
    conn.execute(sa.update(conditions).where(*its).values(values))


def _mark(conn: Connection, event: Event, **values: Any) -> None:
    its = (events.c.tenant == event.tenant, events.c.id == event.id)
    conn.execute(sa.update(events).where(*its).values(values))


# ── Which are open ───────────────────────────────────────────────────────────────────────────────────────


def opened(conn: Connection, tenant: str, prefix: str, types: Mapping[str, EventType]) -> list[OpenCondition]:
    """Those that are open and begin with `prefix`, by name; with what was emitted and no worker has come to yet."""
    its = (conditions.c.tenant == tenant, sa.text(OPEN), _begins(conditions.c.condition, prefix))
    # What is always so says to SQLite that an index bears on it; else it would go through all that ever was.
    rows = conn.execute(sa.select(*conditions.c).where(*its, conditions.c.condition >= "")).all()
    openers = _openers(conn, rows)
    waiting = [event for event in _waiting(conn, tenant, prefix) if condition.escalates(event.key) is None]
    said = [_opened_by(row, openers.get(row.event_id)) for row in rows]
    taken_back = withdrawals.read(conn, [*said, *waiting])
    over = taken_back.wholly | taken_back.resolved
    found = {row.condition: _value(row) for row in rows if row.event_id not in over}
    admitted = {id for row in rows for id in (row.event_id, row.escalated_by)}
    for event in waiting:
        if event.id not in over | admitted:
            one = _first(event, types)
            found[one.condition] = _again(found[one.condition], one) if one.condition in found else one
    return [found[name] for name in sorted(found)]


def _openers(conn: Connection, rows: Sequence[Row[Any]]) -> dict[UUID, Row[Any]]:
    keys = sorted(((row.tenant, row.event_id) for row in rows), key=lambda key: key[1].bytes)
    batch = dialect.batch(conn, {"tenant_": sa.Text, "id_": sa.Uuid}, keys)
    found = sa.select(*events.c).where(events.c.tenant == batch.c.tenant_, events.c.id == batch.c.id_)
    return {row.id: row for row in conn.execute(dialect.look_up(conn, batch, found))} if keys else {}


def _waiting(conn: Connection, tenant: str, prefix: str) -> list[Event]:
    """What tells of a condition and is not walked to its end, the oldest first."""
    rows = conn.execute(
        sa.union_all(
            *(
                sa.select(*events.c).where(
                    events.c.tenant == tenant,
                    sa.text(due),
                    events.c.due_at > _EVER,  # as above
                    events.c.at <= clock.now(),
                    events.c.condition.is_not(None),
                    _begins(events.c.condition, prefix),
                )
                for due in (walks.DUE.within, walks.DUE.lost)  # in the words of their indexes
            )
        )
    )
    return sorted((event_from(row) for row in rows), key=lambda event: event.id.bytes)


def _begins(column: sa.ColumnElement[str | None], prefix: str) -> sa.ColumnElement[bool]:
    """To the letter: LIKE knows wildcards, and on SQLite no capitals."""
    return sa.func.substr(column, 1, len(prefix)) == prefix


def _value(row: Row[Any]) -> OpenCondition:
    return OpenCondition(
        condition=row.condition,
        event_id=row.event_id,
        severity=Severity(row.severity),
        opened_at=row.opened_at,
        repeats=row.repeats,
        last_at=row.last_at,
    )


def _first(event: Event, types: Mapping[str, EventType]) -> OpenCondition:
    """The condition that this event will open."""
    type = types.get(event.type)
    default = Severity.INFO if type is None else type.severity
    return OpenCondition(
        condition=event.condition or "",
        event_id=event.id,
        severity=default if event.severity is None else event.severity,
        opened_at=event.at,
        repeats=0,
        last_at=event.at,
    )


def _again(known: OpenCondition, one: OpenCondition) -> OpenCondition:
    return replace(
        known,
        severity=max(known.severity, one.severity),
        repeats=known.repeats + 1,
        last_at=max(known.last_at, one.last_at),
    )
