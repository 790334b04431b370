"""Notifications, by recipient: there is no index of all of somebody's, but one of each view, and one of all that is in none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.store import dialect
from clarion.store.schema import DONE, HIDDEN, INBOX, SNOOZED, notifications

_n = notifications.c
_ALL_OF_THEM = (INBOX, DONE, SNOOZED, HIDDEN)


class Told(NamedTuple):
    place: UUID
    id: UUID


def of_recipients(
    conn: Connection, tenant: str, recipients: Sequence[str], *, upto: UUID, most: int
) -> list[Told]:
    """Of these recipients, the highest place first, at this place or below; at most so many."""
    batch = dialect.batch(
        conn, {"tenant_": sa.Text, "recipient_": sa.Text}, [(tenant, one) for one in sorted(recipients)]
    )
    found: set[Told] = set()
    for view in _ALL_OF_THEM:
        whose = [_n.tenant == batch.c.tenant_, _n.recipient == batch.c.recipient_, _n.place <= upto]
        newest = dialect.newest_each(
            conn, batch, [_n.place, _n.id], [*whose, sa.text(view)], by=_n.place, most=most
        )
        found |= {Told(row.place, row.id) for row in conn.execute(newest)}
    return sorted(found, reverse=True)[:most]


def all_of(tenant: str, recipient: str) -> sa.Select[tuple[UUID]]:
    """The ids of all notifications of a recipient."""
    parts = [
        sa.select(_n.id).where(_n.tenant == tenant, _n.recipient == recipient, sa.text(view))
        for view in _ALL_OF_THEM
    ]
    return sa.select(sa.union_all(*parts).subquery("theirs").c.id)
