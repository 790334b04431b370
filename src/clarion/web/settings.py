"""What the HTTP service is told when it is made. What cannot work is a `ConfigError` at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from clarion.errors import ConfigError
from clarion.secret import check_length
from clarion.web.openid_settings import OpenIdSettings

JWKS_ALGORITHMS = ("RS256", "ES256")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """How recipients' tokens are checked: by a secret shared with the application, or by its public keys.

    `jwks`: their URL or file. `lifetime`: the longest that a token may still be valid. What is signed with any other
    algorithm than the one that follows from these is refused.
    """

    audience: str = "clarion"
    secret: str | None = None
    jwks: str | None = None
    lifetime: timedelta = timedelta(hours=24)
    leeway: timedelta = timedelta(seconds=5)

    def __post_init__(self) -> None:
        if (self.secret is None) == (self.jwks is None):
            raise ConfigError("recipients' tokens are checked by a secret or by jwks: give one of the two")
        if self.secret is not None:
            check_length("the secret for recipients' tokens", self.secret)
        if not self.audience:
            raise ConfigError("the audience of recipients' tokens is empty; name this service, as 'clarion'")
        if self.lifetime <= timedelta():
            raise ConfigError(f"tokens that live for {self.lifetime} open nothing; say at least a minute")

    def __repr__(self) -> str:
        how = "a secret" if self.jwks is None else f"jwks={self.jwks!r}"
        return f"TokenSettings(audience={self.audience!r}, {how}, lifetime={self.lifetime})"

    @property
    def algorithms(self) -> tuple[str, ...]:
        return ("HS256",) if self.secret is not None else JWKS_ALGORITHMS


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`rate` and `burst`: requests of one key, or of one recipient, a second and at once, in this process.

    `openid`: how operators sign in without a key. `cors_origins`: whose pages may call from a browser. `session_secret`: signs operators' sessions; without one
    they end with the process, and are not known to another.
    """

    tokens: TokenSettings | None = None
    openid: OpenIdSettings | None = None
    cors_origins: Sequence[str] = ()
    session_secret: str | None = None
    session_lasts: timedelta = timedelta(hours=8)
    body_limit: int = 1_000_000  # bytes
    events_limit: int = 1000  # in one request
    rate: float = 1000.0
    burst: int = 2000
    recipient_rate: float = 20.0
    recipient_burst: int = 100
    patience: timedelta = timedelta(seconds=10)  # for the database, before the answer is 503

    def __post_init__(self) -> None:
        for origin in self.cors_origins:
            _check_origin(origin)
        if self.session_secret is not None:
            check_length("session_secret", self.session_secret)
        for name in ("body_limit", "events_limit", "rate", "burst", "recipient_rate", "recipient_burst"):
            value = getattr(self, name)
            if not math.isfinite(value) or value <= 0:
                raise ConfigError(f"{name} {value!r} lets nobody in; it must be above nothing")
        if self.patience <= timedelta():
            raise ConfigError(f"patience {self.patience} is none; say at least a second")

    def __repr__(self) -> str:
        return f"Settings(tokens={self.tokens!r}, cors_origins={list(self.cors_origins)!r}, …)"


def _check_origin(origin: str) -> None:
    parts = urlsplit(origin)
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or origin != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ConfigError(
            f"cors origin {origin!r} must be a scheme and a host, such as 'https://app.acme.test', and no more"
        )
