"""Event types as the registry keeps them: without the application's functions, of which only their presence is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.event_type import EventType
from clarion.policy import Escalation, Policy, Retries
from clarion.severity import Severity
from clarion.slot import Rule
from clarion.store import registry
from clarion.store.schema import event_types


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredType:
    """One of them. `version`: of the application that declared it last. `enabled_since`: by channel.

    `resolver`, `access`: whether the application has such a function.
    """

    type: EventType
    resolver: bool
    access: bool
    version: str
    declared_at: datetime
    updated_at: datetime
    enabled_since: Mapping[str, datetime]


def read(conn: Connection) -> dict[str, StoredType]:
    """All that were ever declared here, by code."""
    found = conn.execute(sa.select(*event_types.c).order_by(event_types.c.code)).all()
    since = registry.enabled_since(conn, [row.code for row in found])
    return {row.code: _stored(row, since.get(row.code, {})) for row in found}


def _stored(row: Row[Any], since: Mapping[str, datetime]) -> StoredType:
    return StoredType(
        type=_type(row),
        resolver=bool(row.options.get("resolver")),
        access=bool(row.options.get("access")),
        version=registry.readable(row.version),
        declared_at=row.declared_at,
        updated_at=row.updated_at,
        enabled_since=since,
    )


def _type(row: Row[Any]) -> EventType:
    """The type again. What another version of Clarion did not store has its default."""
    options = row.options
    age = options.get("max_age_seconds")
    return EventType(
        code=row.code,
        category=row.category,
        description=row.description,
        severity=Severity(row.severity),
        channels=tuple(row.channels),
        required=row.required,
        enabled=row.enabled,
        policy=Policy(
            retries=_retries(options.get("retry_waits_seconds")),
            tell_actor=options.get("tell_actor", False),
            cooldown=_rule("cooldown", options.get("cooldown")),
            throttle=_rule("throttle", options.get("throttle")),
            escalation=tuple(_step(step) for step in options.get("escalation", ())),
        ),
        unless_read=options.get("unless_read", False),
        max_age=None if age is None else timedelta(seconds=age),
    )


def _retries(waits: Any) -> Retries:
    return Retries() if waits is None else Retries(tuple(timedelta(seconds=wait) for wait in waits))


def _rule(name: str, written: Mapping[str, Any] | None) -> Rule | None:
    if written is None:
        return None
    channels, exempt = written["channels"], written["exempt"]
    return Rule(
        name=name,
        limit=written["limit"],
        window=timedelta(seconds=written["window_seconds"]),
        key=tuple(written["key"]),
        channels=None if channels is None else tuple(channels),
        charge=written["charge"],
        overflow=written["overflow"],
        exempt=None if exempt is None else Severity.of(exempt),
    )


def _step(written: Mapping[str, Any]) -> Escalation:
    after, severity = written["after_seconds"], written["severity"]
    return Escalation(
        repeats=written["repeats"],
        after=None if after is None else timedelta(seconds=after),
        severity=None if severity is None else Severity.of(severity),
        renotify=written["renotify"],
    )
