"""Keys to the HTTP API as rows: found by the hash of their secret, which is all that is kept of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.api_key import ApiKey
from clarion.store.schema import api_keys

USED_WITHIN = timedelta(minutes=5)  # how coarsely it is kept when a key was last used
_COLUMNS = [column for column in api_keys.c if column.name != "hash"]


def add(conn: Connection, key: ApiKey, hashed: bytes) -> None:
    row = {column.name: getattr(key, column.name) for column in _COLUMNS}
    conn.execute(sa.insert(api_keys).values(**{**row, "scopes": list(key.scopes)}, hash=hashed))


def by_hash(conn: Connection, hashed: bytes) -> ApiKey | None:
    """The key of this secret, whosever it is: which tenant asks is what it tells."""
    return _only(conn, api_keys.c.hash == hashed)


def by_id(conn: Connection, tenant: str, id: UUID) -> ApiKey | None:
    return _only(conn, sa.and_(api_keys.c.tenant == tenant, api_keys.c.id == id))


def all_of(conn: Connection, tenant: str) -> list[ApiKey]:
    """The oldest first; those that are over, too."""
    chosen = sa.select(*_COLUMNS).where(api_keys.c.tenant == tenant)
    return [_key(row) for row in conn.execute(chosen.order_by(api_keys.c.created_at, api_keys.c.id))]


def revoke(conn: Connection, tenant: str, id: UUID, at: datetime) -> bool:
    """Whether it was not revoked before."""
    its = (api_keys.c.tenant == tenant, api_keys.c.id == id, api_keys.c.revoked_at.is_(None))
    return bool(conn.execute(sa.update(api_keys).where(*its).values(revoked_at=at)).rowcount)


def used(conn: Connection, key: ApiKey, at: datetime) -> None:
    """Note that it was used, unless that was noted a short while ago."""
    last = api_keys.c.last_used_at
    its = (api_keys.c.tenant == key.tenant, api_keys.c.id == key.id)
    stale = sa.or_(last.is_(None), last < at - USED_WITHIN)
    conn.execute(sa.update(api_keys).where(*its, stale).values(last_used_at=at))


def _only(conn: Connection, which: sa.ColumnElement[bool]) -> ApiKey | None:
    row = conn.execute(sa.select(*_COLUMNS).where(which)).first()
    return None if row is None else _key(row)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(**{**row._asdict(), "scopes": tuple(row.scopes)})
