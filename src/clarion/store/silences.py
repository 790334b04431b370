"""Operators' silences: saying, ending and listing them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import silence
from clarion.silence import Silence
from clarion.store import dialect
from clarion.store.prepared import LookUp
from clarion.store.schema import silences
from clarion.store.types import Instant


def add(conn: Connection, tenant: str, said: Silence) -> None:
    conn.execute(
        sa.insert(silences).values(
            tenant=tenant,
            id=said.id,
            matches=silence.to_json(said.matches),
            author=said.author,
            comment=said.comment,
            starts_at=said.starts_at,
            ends_at=said.ends_at,
        )
    )


def end(conn: Connection, tenant: str, id: UUID) -> bool:
    """End a silence now; whether it had not ended before."""
    now = dialect.now(conn)
    ended = sa.update(silences).where(silences.c.tenant == tenant, silences.c.id == id)
    return bool(conn.execute(ended.where(silences.c.ends_at > now).values(ends_at=now)).rowcount)


_STANDING = LookUp(
    {"tenant_": sa.Text},
    lambda batch, _: sa.select(*silences.c).where(
        silences.c.tenant == batch.c.tenant_, silences.c.ends_at > sa.bindparam("now", type_=Instant)
    ),
)


def standing(conn: Connection, tenants: Collection[str], now: datetime) -> dict[str, list[Silence]]:
    """Those that reign, or will, by tenant."""
    found: dict[str, list[Silence]] = {}
    rows = _STANDING.rows(conn, [(tenant,) for tenant in sorted(tenants)], now=now)
    for row in sorted(rows, key=lambda row: row.id.bytes):
        found.setdefault(row.tenant, []).append(_silence(row))
    return found


def _silence(row: Any) -> Silence:
    return Silence(
        id=row.id,
        matches=silence.parse(row.matches),
        author=row.author,
        comment=row.comment,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )


def over(conn: Connection, tenant: str, *, most: int = 1000) -> list[Silence]:
    """Those that have ended, the last first."""
    ended = (silences.c.tenant == tenant, silences.c.ends_at <= dialect.now(conn))
    chosen = sa.select(*silences.c).where(*ended).order_by(silences.c.ends_at.desc(), silences.c.id)
    return [_silence(row) for row in conn.execute(chosen.limit(most))]


def stands(conn: Connection, tenant: str, id: UUID) -> bool:
    """Whether there is such a silence, ended or not."""
    its = sa.exists().where(silences.c.tenant == tenant, silences.c.id == id)
    return bool(conn.execute(sa.select(its)).scalar_one())


def all_of(conn: Connection, tenant: str) -> list[Silence]:
    """Those of one tenant that reign now, or will."""
    return standing(conn, [tenant], dialect.read_now(conn)).get(tenant, [])
