"""A key to the HTTP API: what it looks like, what it may do, and what is kept of it, which is never the key itself."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clarion.errors import InvalidInput, UnknownName, shown

PREFIX = "clk_"
SHOWN = 12  # characters of a secret that lists and logs may show; 35 more are needed to use it
_SECRET = re.compile(r"clk_[A-Za-z0-9_-]{43}")

# What a key may do, by scope. Whoever has `keys` makes none that may do more than their own.
SCOPES = {
    "events:write": "emit, cancel, move, resolve and withdraw",
    "events:read": "read events, their status, and why somebody was told",
    "recipients:read": "read recipients, what they said, and export all about one",
    "recipients:write": "write recipients, their addresses and what they said, and erase one",
    "inbox": "act for any recipient of the tenant under /v1/me",
    "observe": "sign in as an operator, and see what operators see",
    "operate": "the same, and act: replay, cancel, silence, revive an address",
    "providers": "pause and resume channels for the whole installation, and try them out",
    "keys": "list, issue and revoke keys; no scope that one does not have",
    "sinks": "fetch what is to be shown on devices, for any recipient of the tenant",
    "metrics": "read /metrics",
}
IMPLIED = {"operate": frozenset({"observe"})}  # who acts must see


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is known of a key. `prefix`: how its secret begins, to recognise it by."""

    id: UUID
    tenant: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    created_by: str | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None  # to within minutes

    def holds(self, now: datetime) -> bool:
        """Whether it opens anything at this instant."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new key, with the secret that is shown this once and kept nowhere."""

    key: ApiKey
    secret: str

    def __repr__(self) -> str:
        return f"Issued(key={self.key!r}, secret='{self.key.prefix}…')"


def new_secret() -> str:
    """256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def is_secret(text: str) -> bool:
    """Whether it looks like one; anything else need not be looked for."""
    return _SECRET.fullmatch(text) is not None


def hash_of(secret: str) -> bytes:
    """How a secret is stored and found. A plain hash will do: nobody guesses 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()


def allowed(scopes: Iterable[str]) -> frozenset[str]:
    """All that these scopes open."""
    said = frozenset(scopes)
    return said.union(*(IMPLIED.get(scope, ()) for scope in said))


def checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Each once, in the order of `SCOPES`. Raises `InvalidInput`, `UnknownName`."""
    if isinstance(scopes, str) or not isinstance(scopes, Iterable):
        raise InvalidInput(f"scopes must be a list such as ['events:write'], got {shown(scopes)}")
    wanted = set(scopes)
    for scope in sorted(map(str, wanted)):
        if scope not in SCOPES:
            raise UnknownName("scope", scope, SCOPES)
    if not wanted:
        raise InvalidInput(f"a key without scopes opens nothing; give some of {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in wanted)
