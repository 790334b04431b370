"""Addresses by how they begin."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.store import dialect
from clarion.store.schema import addresses

MOST = 10

_a = addresses.c


class Began(NamedTuple):
    recipient: str
    id: UUID
    channel: str


def that_begin(conn: Connection, tenant: str, text: str, *, most: int) -> list[Began]:
    """As they are written, or in small letters; at most so many."""
    found: dict[UUID, Began] = {}
    for written in dict.fromkeys([text, text.lower()]):
        begins = dialect.begins(conn, _a.value, written)
        chosen = sa.select(_a.recipient, _a.id, _a.channel).where(_a.tenant == tenant, *begins).limit(most)
        found |= {row.id: Began(row.recipient, row.id, row.channel) for row in conn.execute(chosen)}
    return sorted(found.values())[:most]
