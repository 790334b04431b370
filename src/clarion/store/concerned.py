"""Which event a piece of upkeep is about, for the line that says what went wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.store.schema import conditions, events, withdrawals


class Concerned(NamedTuple):
    """What a line says of an event. Not the event: what is wrong may be that it cannot be read."""

    id: UUID
    correlation_id: str
    trace_context: Mapping[str, str] | None


def event_of(conn: Connection, key: tuple[str, UUID]) -> Concerned | None:
    """Of a condition or a withdrawal, (tenant, id): the event that opened it, or that it takes back.

    A withdrawal of all about a subject is about no event of its own, nor is one of a condition.
    """
    tenant, id = key
    about = sa.union_all(
        *(
            sa.select(table.c.event_id).where(table.c.tenant == tenant, table.c.id == id)
            for table in (conditions, withdrawals)
        )
    )
    chosen = sa.select(*(events.c[name] for name in Concerned._fields))
    row = conn.execute(chosen.where(events.c.tenant == tenant, events.c.id.in_(about))).first()
    return None if row is None else Concerned(*row)
