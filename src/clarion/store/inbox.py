"""A recipient's inbox: what is visible, what is unread, and reading it. Delivery state is never touched here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.event import Event
from clarion.severity import Severity
from clarion.store import dialect
from clarion.store.schema import UNREAD, events, notifications
from clarion.store.walks import event_from


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One notification as its recipient sees it."""

    id: UUID
    event: Event
    reason: str
    severity: Severity
    created_at: datetime
    read_at: datetime | None


def items(
    conn: Connection, tenant: str, recipient: str, *, most: int, before: UUID | None = None
) -> list[Item]:
    """The newest visible items first; `before` an item's id, the page that follows it."""
    same = sa.and_(events.c.tenant == notifications.c.tenant, events.c.id == notifications.c.event_id)
    found = (
        sa.select(
            notifications.c.id.label("notification_id"),
            notifications.c.reason,
            notifications.c.severity.label("severity_"),
            notifications.c.created_at,
            notifications.c.read_at,
            *events.c,
        )
        .select_from(notifications.join(events, same))
        .where(
            notifications.c.tenant == tenant,
            notifications.c.recipient == recipient,
            sa.text(f"{notifications.name}.visible"),  # not "visible = 1", which is not the index's condition
            notifications.c.withdrawn_at.is_(None),
        )
        .order_by(notifications.c.id.desc())
        .limit(most)
    )
    if before is not None:
        found = found.where(notifications.c.id < before)
    return [
        Item(
            id=row.notification_id,
            event=event_from(row),
            reason=row.reason,
            severity=Severity(row.severity_),
            created_at=row.created_at,
            read_at=row.read_at,
        )
        for row in conn.execute(found)
    ]


def count_unread(conn: Connection, tenant: str, recipient: str) -> int:
    """Counted, not kept: a partial index holds the unread rows and nothing else."""
    return conn.execute(
        sa.select(sa.func.count())
        .select_from(notifications)
        .where(notifications.c.tenant == tenant, notifications.c.recipient == recipient, sa.text(UNREAD))
    ).scalar_one()


def mark_read(conn: Connection, tenant: str, recipient: str, of: Collection[UUID]) -> int:
    """Mark these items of this recipient read; how many were not already. Others' ids change nothing."""
    changed = conn.execute(
        sa.update(notifications)
        .where(
            notifications.c.tenant == tenant,
            notifications.c.recipient == recipient,
            notifications.c.id.in_(sorted(of, key=lambda id: id.bytes)),
            notifications.c.visible,
            notifications.c.read_at.is_(None),
        )
        .values(read_at=dialect.now(conn))
        .returning(notifications.c.id)
    )
    return len(changed.all())
