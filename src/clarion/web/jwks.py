"""The application's public keys (RFC 7517), from a file or a URL that the operator set: read rarely, and again for a new key."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt

from clarion import clock
from clarion.errors import ConfigError, said
from clarion.web import https, problem
from clarion.web.https import LARGEST
from clarion.web.transactions import Transactions

log = logging.getLogger(__name__)

MOST = 100  # keys
_FRESH_FOR = 300.0  # seconds
_AGAIN_AFTER = 10.0  # seconds between two readings, however many unknown keys are named
_KIND = {"RS256": "RSA", "ES256": "EC"}


class KeySet:
    """Keys by (id, algorithm). Where they cannot be read again, those that are known go on to count."""

    def __init__(self, source: str, transactions: Transactions) -> None:
        self._source, self._transactions = _checked(source), transactions
        self._keys: Mapping[tuple[str, str], Any] | None = None
        self._read_at = self._tried_at = float("-inf")

    async def find(self, kid: object, algorithm: str) -> Any:
        """The key of this id for this algorithm. Raises `jwt.PyJWTError`; a `Problem` 503 if none could be read."""
        if not isinstance(kid, str):
            raise jwt.DecodeError("it names no key (kid)")
        now = clock.monotonic()
        known = self._keys is not None and (kid, algorithm) in self._keys
        stale = now - self._read_at > _FRESH_FOR
        if (stale or not known) and now - self._tried_at > _AGAIN_AFTER:
            await self._read_again(now)
        if self._keys is None:
            raise problem.unavailable(
                "the keys that tokens are checked with cannot be read; the log says why"
            )
        key = self._keys.get((kid, algorithm))
        if key is None:
            raise jwt.DecodeError("the key that it names is not known")
        return key

    async def _read_again(self, now: float) -> None:
        self._tried_at = now
        try:
            self._keys = await self._transactions.run(lambda: _parsed(_content(self._source)))
            self._read_at = now
        except (OSError, ValueError, TimeoutError, RecursionError) as error:
            log.warning("keys for tokens could not be read from %s: %s", self._source, said(error))


def _checked(source: str) -> str:
    parts = urlsplit(source)
    if parts.scheme == "http" and not https.is_safe(source):
        raise ConfigError(f"jwks {source!r}: keys that came without https could be anybody's; use https")
    if parts.scheme in ("", "file") and not Path(parts.path).is_file():
        raise ConfigError(f"jwks {source!r}: there is no such file")
    if parts.scheme not in ("", "file", "http", "https"):
        raise ConfigError(f"jwks {source!r} must be a file, or begin with https://")
    return source


def _content(source: str) -> bytes:
    parts = urlsplit(source)
    if parts.scheme not in ("", "file"):
        return https.get(source)
    with Path(parts.path).open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"more than {LARGEST:,} bytes")
    return content


def _parsed(content: bytes) -> dict[tuple[str, str], Any]:
    """The public keys for our algorithms; of others, private ones and secrets nothing is taken."""
    listed = json.loads(content)
    keys = listed.get("keys") if isinstance(listed, dict) else None
    if not isinstance(keys, list):
        raise ValueError('no key set: {"keys": […]} is expected')  # noqa: TRY004 - of what was read, not of ours
    found: dict[tuple[str, str], Any] = {}
    for one in keys[:MOST]:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or not isinstance(one.get("kid"), str):
            continue
        for algorithm, kind in _KIND.items():
            if one.get("kty") == kind and one.get("alg", algorithm) == algorithm and "d" not in one:
                try:
                    found[one["kid"], algorithm] = jwt.PyJWK(one, algorithm).key
                except jwt.PyJWTError as error:
                    log.warning("a key for tokens is passed over: %s", said(error))
    return found
