"""The registry of event types: what the application declared, kept for those who look from outside.

It never deletes, and rewrites only from an equal or newer version of the application, so that during an
upgrade the old processes do not undo what the new ones declared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.errors import ConfigError, shown
from clarion.event_type import EventType
from clarion.question import INBOX
from clarion.store import dialect
from clarion.store.schema import event_types, type_channels


def sortable(version: str) -> str:
    """`1.10.2` in a form whose order as text is its order as a version; `1.4` is `1.4.0`."""
    if not isinstance(version, str) or not re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,8}){0,3}", version):
        raise ConfigError(
            f"application version {shown(version)}: use up to four numbers such as '1.4.2', as text"
        )
    parts = [*version.split("."), "0", "0", "0"][:4]
    return ".".join(part.zfill(8) for part in parts)


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


def enabled_since(conn: Connection, types: Iterable[str]) -> dict[str, dict[str, datetime]]:
    """Since when each of these types may go out, by type and channel."""
    rows = conn.execute(sa.select(*type_channels.c).where(type_channels.c.type.in_(sorted(set(types)))))
    since: dict[str, dict[str, datetime]] = {}
    for row in rows:
        since.setdefault(row.type, {})[row.channel] = row.enabled_since
    return since


def has_resolver(conn: Connection, code: str) -> bool:
    """Whether the application finds the audience of this type itself."""
    options = conn.execute(sa.select(event_types.c.options).where(event_types.c.code == code)).scalar()
    return bool(options and options["resolver"])


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
        },
    }
