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

    def for_(self, event: UUID, recipient: str) -> bool:
        return event in self.wholly or recipient in self.for_some.get(event, ())


def _bears(target: Target) -> LookUp:
    column = withdrawals.c[target]

    def find(batch: FromClause, _: Connection) -> sa.Select[Any]:
        found = sa.select(withdrawals.c.recipient).where(
            withdrawals.c.tenant == batch.c.tenant_, column == batch.c.target_
        )
        if target != "event_id":  # an event by itself is meant whatever the clocks of two machines say
            found = found.where(withdrawals.c.id > batch.c.event_)
        return found

    return LookUp({"tenant_": sa.Text, "event_": sa.Uuid, "target_": column.type}, find)


_TARGETS: tuple[Target, ...] = ("event_id", "subject", "condition")
_BEARING = {target: _bears(target) for target in _TARGETS}


def read(conn: Connection, of: Collection[Event]) -> Withdrawn:
    """What was taken back of these events, whether or not it is applied already to what was decided."""
    result = Withdrawn()
    wanted: dict[Target, list[tuple[str, UUID, Any]]] = {
        "event_id": [(e.tenant, e.id, e.id) for e in of],
        "subject": [(e.tenant, e.id, e.subject) for e in of if e.subject is not None],
        "condition": [(e.tenant, e.id, e.condition) for e in of if e.condition is not None],
    }
    for target, rows in wanted.items():
        rows.sort(key=lambda row: (row[0], row[1].bytes))
        for row in _BEARING[target].rows(conn, rows):
            if target == "condition":
                result.resolved.add(row.event_)
            elif row.recipient is None:
                result.wholly.add(row.event_)
            else:
                result.for_some.setdefault(row.event_, set()).add(row.recipient)
    return result
