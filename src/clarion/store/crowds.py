"""The people of a group, page by page: however many they are, no more than a page is read at once."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.group import Active, Everyone, Group, Role
from clarion.store import dialect
from clarion.store.schema import recipient_roles, recipients


def members(conn: Connection, tenant: str, group: Group, at: datetime, *, after: str, most: int) -> list[str]:
    """The next active recipients of a group as it is now, by id; `at`: what `Active` counts back from.

    What comes `after` is left to the database, which compares as it sorts: Python would compare otherwise.
    """
    dialect.without_sorting(conn)
    match group:
        case Role(name):
            chosen = _of_role(conn, tenant, name, after)
        case Active(within=within):
            chosen = _all(tenant, after).where(recipients.c.last_active_at >= at - within)
        case Everyone():
            chosen = _all(tenant, after)
    return list(conn.execute(chosen.limit(most)).scalars())


def _all(tenant: str, after: str) -> sa.Select[str]:
    return (
        sa.select(recipients.c.id)
        .where(recipients.c.tenant == tenant, recipients.c.id > after, recipients.c.active)
        .order_by(recipients.c.id)
    )


def _of_role(conn: Connection, tenant: str, role: str, after: str) -> sa.Select[str]:
    """From the role's own rows, each looked up among the recipients: there may be many more of those."""
    having = (
        sa.select(recipient_roles.c.recipient.label("recipient_"))
        .where(
            recipient_roles.c.tenant == tenant,
            recipient_roles.c.role == role,
            recipient_roles.c.recipient > after,
        )
        .order_by(recipient_roles.c.recipient)
        .subquery("having_role")
    )
    found = sa.select(recipients.c.id).where(
        recipients.c.tenant == tenant, recipients.c.id == having.c.recipient_, recipients.c.active
    )
    return (
        dialect.look_up(conn, having, found)
        .with_only_columns(having.c.recipient_)
        .order_by(having.c.recipient_)
    )
