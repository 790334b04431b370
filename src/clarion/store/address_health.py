"""The health of addresses: one that the other side called dead is marked, listed, and may be revived."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.store import dialect, rows
from clarion.store.schema import GONE, addresses

_KEY = ("tenant", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressHealth:
    """An address of a recipient's. `gone_at`: since when nothing is sent there, because of what the other side said."""

    id: UUID
    recipient: str
    channel: str
    value: str
    gone_at: datetime | None
    gone_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """An address that was marked dead just now. Without its value, which logs need not know."""

    tenant: str
    id: UUID
    channel: str


def lock(conn: Connection, dead: Collection[tuple[str, UUID, str]]) -> Sequence[Row[Any]]:
    """Lock these addresses, each (tenant, id, reason), in the order of their ids."""
    ordered = sorted({(tenant, id) for tenant, id, _ in dead}, key=lambda key: (key[0], key[1].bytes))
    return rows.find(conn, addresses, _KEY, ordered, ("id", "channel", "gone_at"), lock=True)


def mark_gone(conn: Connection, dead: Collection[tuple[str, UUID, str]]) -> list[Marked]:
    """Mark these addresses, each (tenant, id, reason): nothing more is sent there. Those that were not yet."""
    reasons = {(tenant, id): reason for tenant, id, reason in dead}
    alive = [row for row in lock(conn, dead) if row.gone_at is None]
    if alive:
        conn.execute(
            sa.update(addresses)
            .where(addresses.c.tenant == sa.bindparam("tenant_"), addresses.c.id == sa.bindparam("id_"))
            .values(gone_at=dialect.now(conn), gone_reason=sa.bindparam("reason_")),
            [
                {"tenant_": row.tenant_, "id_": row.id, "reason_": reasons[row.tenant_, row.id]}
                for row in alive
            ],
        )
    return [Marked(tenant=row.tenant_, id=row.id, channel=row.channel) for row in alive]


def revive(conn: Connection, tenant: str, id: UUID) -> bool | None:
    """Let this address be tried again; whether it was dead, `None` if there is none of this id."""
    found = rows.find(conn, addresses, _KEY, [(tenant, id)], ("gone_at",), lock=True)
    if not found:
        return None
    its = (addresses.c.tenant == tenant, addresses.c.id == id)
    conn.execute(sa.update(addresses).where(*its).values(gone_at=None, gone_reason=None))
    return found[0].gone_at is not None


def read(
    conn: Connection,
    tenant: str,
    *,
    gone: bool | None,
    recipient: str | None,
    channel: str | None,
    after: UUID | None,
    most: int,
) -> list[AddressHealth]:
    """The next addresses behind the id `after`, at most so many: dead ones, living ones, or all."""
    chosen = sa.select(*(addresses.c[name] for name in AddressHealth.__slots__)).where(
        addresses.c.tenant == tenant
    )
    if gone is not None:
        chosen = chosen.where(sa.text(GONE) if gone else addresses.c.gone_at.is_(None))
    if recipient is not None:
        chosen = chosen.where(addresses.c.recipient == recipient)
    if channel is not None:
        chosen = chosen.where(addresses.c.channel == channel)
    if after is not None:
        chosen = chosen.where(addresses.c.id > after)
    return [
        AddressHealth(
            id=row.id,
            recipient=row.recipient,
            channel=row.channel,
            value=row.value,
            gone_at=row.gone_at,
            gone_reason=row.gone_reason,
        )
        for row in conn.execute(chosen.order_by(addresses.c.id).limit(most))
    ]
