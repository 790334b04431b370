"""`clarion.keys`: who may use the HTTP API, and for what. A key belongs to one tenant and opens nothing of another's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import api_key, clock, ids
from clarion.api_key import ApiKey, Issued
from clarion.errors import InvalidInput, NotFound
from clarion.event import DEFAULT_TENANT, instant, required_text
from clarion.store import keys
from clarion.store.database import Database


class Keys:
    """Issuing, listing and revoking keys, and checking what somebody shows as one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def issue(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        expires_at: datetime | None = None,
        by: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> Issued:
        """A new key, with its secret: the only time that anybody sees it. `by` is who asks.

        Raises `InvalidInput`, `UnknownName`.
        """
        secret, now, ends = api_key.new_secret(), clock.now(), instant("expires_at", expires_at)
        if ends is not None and ends <= now:
            raise InvalidInput(f"expires_at {ends.isoformat()} is over already; name an instant to come")
        key = ApiKey(
            id=ids.uuid7(),
            tenant=required_text("tenant", tenant),
            name=required_text("name", name),
            prefix=secret[: api_key.SHOWN],
            scopes=api_key.checked_scopes(scopes),
            created_at=now,
            created_by=None if by is None else required_text("by", by),
            expires_at=ends,
        )
        self._database.run(lambda conn: keys.add(conn, key, api_key.hash_of(secret)))
        return Issued(key=key, secret=secret)

    def all(self, *, tenant: str = DEFAULT_TENANT) -> list[ApiKey]:
        """The oldest first; those that have expired or were revoked, too."""
        return self._database.read(lambda conn: keys.all_of(conn, tenant))

    def revoke(self, id: UUID, *, tenant: str = DEFAULT_TENANT) -> ApiKey:
        """Let a key open nothing any more; said again, it changes nothing. The service notices within seconds.

        Raises `NotFound`.
        """

        def work(conn: Connection) -> ApiKey | None:
            keys.revoke(conn, tenant, id, clock.now())
            return keys.by_id(conn, tenant, id)

        if (key := self._database.run(work)) is None:
            raise NotFound(f"there is no key {id} in tenant {tenant!r}; `clarion keys list` shows their ids")
        return key

    def check(self, secret: str) -> ApiKey | None:
        """The key of this secret, if it holds now; notes, to within minutes, that it was used."""
        if not api_key.is_secret(secret):
            return None
        key = self._database.read(lambda conn: keys.by_hash(conn, api_key.hash_of(secret)))
        if key is None or not key.holds(now := clock.now()):
            return None
        if key.last_used_at is None or key.last_used_at < now - keys.USED_WITHIN:
            self._database.run(lambda conn: keys.used(conn, key, now))
            return replace(key, last_used_at=now)
        return key

    def standing(self, id: UUID, *, tenant: str) -> ApiKey | None:
        """The key of this id, if it holds now: a session lives no longer than the key that it began with."""
        key = self._database.read(lambda conn: keys.by_id(conn, tenant, id))
        return key if key is not None and key.holds(clock.now()) else None
