"""The registry of event types: what the application declared, kept for those who look from outside.

It never deletes, and rewrites only from an equal or newer version of the application, so that during an
upgrade the old processes do not undo what the new ones declared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import retention
from clarion.errors import ConfigError, shown
from clarion.event_type import EventType
from clarion.policy import Escalation
from clarion.question import INBOX
from clarion.slot import Rule
from clarion.store import dialect
from clarion.store.prepared import LookUp
from clarion.store.schema import event_types, type_channels


def sortable(version: str) -> str:
    """`1.10.2` in a form whose order as text is its order as a version; `1.4` is `1.4.0`."""
    if not isinstance(version, str) or not re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,8}){0,3}", version):
        raise ConfigError(
            f"application version {shown(version)}: use up to four numbers such as '1.4.2', as text"
        )
    parts = [*version.split("."), "0", "0", "0"][:4]
    return ".".join(part.zfill(8) for part in parts)


def readable(sortable: str) -> str:
    """The reverse: `1.10.2`, without the zeros that nobody wrote."""
    numbers = [str(int(part)) for part in sortable.split(".")]
    while len(numbers) > 1 and numbers[-1] == "0":
        numbers.pop()
    return ".".join(numbers)


def persist(conn: Connection, types: Iterable[EventType], channels: Iterable[str], version: str) -> None:
    """Write these types, and since when each may go out on each of these channels. Any number at once."""
    declared = sorted(types, key=lambda type: type.code)
    if not declared:
        return
    now = dialect.read_now(conn)
    rows = [
        {**_row(type), "version": sortable(version), "declared_at": now, "updated_at": now}
        for type in declared
    ]
    insert = dialect.insert(conn, event_types)
    update = {name: insert.excluded[name] for name in rows[0] if name not in ("code", "declared_at")}
    conn.execute(
        insert.on_conflict_do_update(
            index_elements=["code"], set_=update, where=event_types.c.version <= insert.excluded.version
        ),
        rows,
    )
    conn.execute(
        dialect.insert(conn, type_channels).on_conflict_do_nothing(),
        [
            {"type": type.code, "channel": channel, "enabled_since": now}
            for type in declared
            for channel in sorted({INBOX, *channels})
        ],
    )


_ENABLED = LookUp(
    {"type_": sa.Text},
    lambda batch, _: sa.select(*type_channels.c).where(type_channels.c.type == batch.c.type_),
)


def enabled_since(conn: Connection, types: Iterable[str]) -> dict[str, dict[str, datetime]]:
    """Since when each of these types may go out, by type and channel."""
    since: dict[str, dict[str, datetime]] = {}
    for row in _ENABLED.rows(conn, [(type,) for type in sorted(set(types))]):
        since.setdefault(row.type, {})[row.channel] = row.enabled_since
    return since


def channels(conn: Connection) -> set[str]:
    """All on which any type was ever enabled."""
    return set(conn.execute(sa.select(type_channels.c.channel).distinct()).scalars())


def codes(conn: Connection) -> set[str]:
    """All types that were ever declared."""
    return set(conn.execute(sa.select(event_types.c.code)).scalars())


def has_resolver(conn: Connection, code: str) -> bool:
    """Whether the application finds the audience of this type itself."""
    options = conn.execute(sa.select(event_types.c.options).where(event_types.c.code == code)).scalar()
    return bool(options and options["resolver"])


def looks_back(conn: Connection) -> tuple[timedelta, str]:
    """How far back the policies of all types look, and the type of the one that looks furthest."""
    found = conn.execute(sa.select(event_types.c.code, event_types.c.options)).all()
    seconds, code = max(((row.options["looks_back_seconds"], row.code) for row in found), default=(0, ""))
    return timedelta(seconds=seconds), code


def _row(type: EventType) -> dict[str, Any]:
    return {
        "code": type.code,
        "category": type.category,
        "description": type.description,
        "severity": int(type.severity),
        "channels": list(type.channels),
        "required": type.required,
        "enabled": type.enabled,
        "options": {
            "unless_read": type.unless_read,
            "max_age_seconds": None if type.max_age is None else type.max_age.total_seconds(),
            "access": type.access is not None,
            "resolver": type.resolver is not None,
            "tell_actor": type.policy.tell_actor,
            "retry_waits_seconds": [wait.total_seconds() for wait in type.policy.retries.waits],
            "cooldown": _rule(type.policy.cooldown),
            "throttle": _rule(type.policy.throttle),
            "escalation": [_step(step) for step in type.policy.escalation],
            "looks_back_seconds": retention.longest(type).total_seconds(),
        },
    }


def _rule(rule: Rule | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    return {
        "limit": rule.limit,
        "window_seconds": rule.window.total_seconds(),
        "key": list(rule.key),
        "channels": None if rule.channels is None else list(rule.channels),
        "charge": rule.charge,
        "overflow": rule.overflow,
        "exempt": None if rule.exempt is None else rule.exempt.label,
    }


def _step(step: Escalation) -> dict[str, Any]:
    return {
        "repeats": step.repeats,
        "after_seconds": None if step.after is None else step.after.total_seconds(),
        "severity": None if step.severity is None else step.severity.label,
        "renotify": step.renotify,
    }
