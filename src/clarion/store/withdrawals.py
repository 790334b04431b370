"""Taking back: one event, all about a subject, or a condition that has ended.

A withdrawal is written in the caller's own transaction, like an event, and from its commit on nothing is sent
any more of what it bears on: that one event, or the events with ids below its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql import FromClause

from clarion import clock, ids
from clarion.errors import NotFound
from clarion.event import Event
from clarion.store import host
from clarion.store.prepared import LookUp
from clarion.store.schema import events, withdrawals

Target = Literal["event_id", "subject", "condition"]

_WRITTEN = ("tenant", "id", "event_id", "subject", "condition", "recipient", "at")


def write(
    conn: object, tenant: str, target: Target, value: str | UUID, *, recipient: str | None = None
) -> None:
    """Take back, inside the caller's transaction, in one statement. Raises `NotFound` for an unknown event."""
    row = dict.fromkeys(_WRITTEN) | {
        "tenant": tenant,
        "id": ids.uuid7(),
        target: value,
        "recipient": recipient,
        "at": clock.now(),
    }

    def build(_made_for: Dialect) -> tuple[sa.Executable, Mapping[str, Any]]:
        return _INSERT_FOR_EVENT if target == "event_id" else _INSERT, row

    if not host.execute(conn, build):
        raise NotFound(f"there is no event {value} in tenant {tenant!r}")


def _values() -> dict[str, sa.BindParameter[Any]]:
    return {name: sa.bindparam(name, type_=withdrawals.c[name].type) for name in _WRITTEN}


_INSERT = sa.insert(withdrawals).values(_values()).returning(withdrawals.c.id)
_INSERT_FOR_EVENT = (
    sa.insert(withdrawals)
    .from_select(
        list(_WRITTEN),
        sa.select(*(sa.cast(value, withdrawals.c[name].type) for name, value in _values().items())).where(
            sa.exists().where(
                events.c.tenant == sa.bindparam("tenant", type_=events.c.tenant.type),
                events.c.id == sa.bindparam("event_id", type_=events.c.id.type),
            )
        ),
    )
    .returning(withdrawals.c.id)
)


@dataclass(slots=True)
class Withdrawn:
    """Which of some events were taken back, for whom; and which told of a condition that has ended."""

    wholly: set[UUID] = field(default_factory=set)
    resolved: set[UUID] = field(default_factory=set)
    for_some: dict[UUID, set[str]] = field(default_factory=dict)

    def bears_on(self, event: UUID) -> bool:
        """Whether anything of it was taken back, for anybody."""
        return event in self.wholly or event in self.resolved or event in self.for_some

    def for_(self, event: UUID, recipient: str) -> bool:
        return event in self.wholly or recipient in self.for_some.get(event, ())


_KEYS = {"tenant_": sa.Text, "event_": sa.Uuid, "subject": sa.Text, "condition": sa.Text}


def _bearing(batch: FromClause, _: Connection) -> list[sa.Select[Any]]:
    """An event by itself is meant whatever the clocks of two machines say; with others, only what came before."""
    w, its = withdrawals.c, batch.c
    before = w.id > its.event_
    bearing = [
        (w.event_id == its.event_, sa.false()),
        (sa.and_(w.subject == its.subject, before), sa.false()),
        (sa.and_(w.condition == its.condition, before), sa.true()),
    ]
    return [
        sa.select(w.recipient, resolved.label("resolved")).where(w.tenant == its.tenant_, bears)
        for bears, resolved in bearing
    ]


_BEARING = LookUp(_KEYS, _bearing, but=("tenant_", "subject", "condition"))


def read(conn: Connection, of: Collection[Event]) -> Withdrawn:
    """What was taken back of these events, whether or not it is applied already to what was decided."""
    result = Withdrawn()
    wanted = [(e.tenant, e.id, e.subject, e.condition) for e in of]
    wanted.sort(key=lambda row: (row[0], row[1].bytes))
    for row in _BEARING.rows(conn, wanted):
        if row.resolved:
            result.resolved.add(row.event_)
        elif row.recipient is None:
            result.wholly.add(row.event_)
        else:
            result.for_some.setdefault(row.event_, set()).add(row.recipient)
    return result
