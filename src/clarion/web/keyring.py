"""The keys that were shown lately, so that not every request asks the database.

A key that is revoked is refused `REMEMBERED_FOR` later at the latest, in every process.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from uuid import UUID

from clarion import api_key, clock
from clarion.api_key import ApiKey
from clarion.keys import Keys
from clarion.web.transactions import Transactions

REMEMBERED_FOR = 5.0  # seconds
MOST = 10_000


class Keyring:
    """Looks up secrets and ids of keys. Many requests that ask for the same at once ask the database once."""

    def __init__(self, keys: Keys, transactions: Transactions) -> None:
        self._keys, self._transactions = keys, transactions
        self._known: OrderedDict[Hashable, tuple[float, ApiKey]] = OrderedDict()
        self._asking: dict[Hashable, asyncio.Task[ApiKey | None]] = {}

    async def of_secret(self, secret: str) -> ApiKey | None:
        """The key, if it holds. By the hash of the secret: nothing is compared character by character."""
        if not api_key.is_secret(secret):
            return None
        return await self._find(api_key.hash_of(secret), lambda: self._keys.check(secret))

    async def of_id(self, tenant: str, id: UUID) -> ApiKey | None:
        return await self._find((tenant, id), lambda: self._keys.standing(id, tenant=tenant))

    async def _find(self, name: Hashable, ask: Callable[[], ApiKey | None]) -> ApiKey | None:
        until, key = self._known.get(name, (0.0, None))
        if key is not None and clock.monotonic() < until:
            return key if key.holds(clock.now()) else None
        if name not in self._asking:
            self._asking[name] = asyncio.ensure_future(self._ask(name, ask))
        return await asyncio.shield(self._asking[name])

    async def _ask(self, name: Hashable, ask: Callable[[], ApiKey | None]) -> ApiKey | None:
        asked = clock.monotonic()
        try:
            key = await self._transactions.run(ask)
        finally:
            del self._asking[name]
        self._known.pop(name, None)
        if key is not None:
            self._known[name] = (asked + REMEMBERED_FOR, key)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return key
