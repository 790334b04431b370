"""Recipients by the thousand, with roles and the time when each was last seen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from clarion import Clarion, clock
from clarion.store.schema import recipient_roles, recipients


def settle(
    clarion: Clarion,
    ids: Iterable[str],
    *,
    roles: Iterable[str] = (),
    seen: datetime | timedelta | None = None,
    active: bool = True,
    tenant: str = "default",
) -> list[str]:
    """New recipients; `seen` when, or so long ago."""
    all_, now = list(ids), clock.now()
    at = now - seen if isinstance(seen, timedelta) else seen
    row: dict[str, Any] = {"tenant": tenant, "active": active, "created_at": now, "updated_at": now}
    people = [{**row, "id": id, "last_active_at": at} for id in all_]
    having = [{"tenant": tenant, "role": role, "recipient": id} for role in roles for id in all_]

    def write(conn: sa.Connection) -> None:
        conn.execute(sa.insert(recipients), people)
        if having:
            conn.execute(sa.insert(recipient_roles), having)

    clarion.database.run(write)
    return all_


def leave(clarion: Clarion, role: str, *ids: str) -> None:
    """These have this role no longer."""
    gone = sa.delete(recipient_roles).where(
        recipient_roles.c.role == role, recipient_roles.c.recipient.in_(ids)
    )
    clarion.database.run(lambda conn: conn.execute(gone))
