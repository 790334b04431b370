"""Asking what became of events, and which conditions are open: methods of `Clarion`."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion.condition import OpenCondition
from clarion.errors import NotFound
from clarion.event import DEFAULT_TENANT
from clarion.event_type import EventType
from clarion.explanation import Explanation, explain
from clarion.store import conditions, records, registry
from clarion.store import counts as counts_
from clarion.store import told as told_
from clarion.store.counts import Counts
from clarion.store.database import Database
from clarion.store.told import Told


class _Application(Protocol):
    database: Database
    types: dict[str, EventType]


def why(app: _Application, event: UUID, recipient: str, *, tenant: str = DEFAULT_TENANT) -> Explanation:
    """Why this recipient did, or did not, hear of this event. Raises `NotFound` for an unknown event."""

    def read(conn: Connection) -> Explanation:
        found = records.event(conn, tenant, event)
        if found is None:
            raise NotFound(f"there is no event {event} in tenant {tenant!r}")
        about, progress = found
        record = records.notification(conn, tenant, event, recipient)
        has_resolver = registry.has_resolver(conn, about.type)
        return explain(about, progress, has_resolver, recipient, record)

    return app.database.read(read)


def status(app: _Application, event: UUID, *, tenant: str = DEFAULT_TENANT) -> list[Told]:
    """Everybody who was decided on, and when each channel really went out to them."""
    return app.database.read(lambda conn: told_.read(conn, tenant, event))


def counts(app: _Application, event: UUID, *, tenant: str = DEFAULT_TENANT) -> Counts:
    """How many were told of this event and how many were not, and how its deliveries stand, at this instant.

    Raises `NotFound` for an unknown event.
    """
    found = app.database.read(lambda conn: counts_.read(conn, tenant, event))
    if found is None:
        raise NotFound(f"there is no event {event} in tenant {tenant!r}")
    return found


def open_conditions(
    app: _Application, prefix: str = "", *, tenant: str = DEFAULT_TENANT
) -> list[OpenCondition]:
    """The conditions that are open and begin with `prefix`, to be compared with the world when it starts."""
    return app.database.read(lambda conn: conditions.opened(conn, tenant, prefix, app.types))
