"""Recipients' tokens: short-lived JWTs that the application signs, so that a browser reads its own inbox directly.

A token names its recipient (`sub`), tenant (`tenant`), audience (`aud`) and end (`exp`), all of them required. How it is signed
follows from the settings alone: what the token says of it itself is never a choice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from clarion import clock
from clarion.errors import InvalidInput
from clarion.event import DEFAULT_TENANT, required_text
from clarion.secret import check_length
from clarion.web.caller import Caller
from clarion.web.jwks import KeySet
from clarion.web.problem import Problem
from clarion.web.settings import TokenSettings
from clarion.web.transactions import Transactions

LONGEST = 4096  # characters
REQUIRED = ("exp", "aud", "sub", "tenant")


def sign(
    secret: str,
    recipient: str,
    *,
    tenant: str = DEFAULT_TENANT,
    audience: str = "clarion",
    lasts: timedelta = timedelta(minutes=15),
) -> str:
    """A token with which this recipient, and nobody else, comes in; for the application to give to their browser.

    `secret`: the one that the service was given. Raises `InvalidInput`, `ConfigError`.
    """
    check_length("the secret for recipients' tokens", secret)
    if lasts <= timedelta():
        raise InvalidInput(f"a token that lasts {lasts} opens nothing; say at least a minute")
    now = clock.now()
    claims = {
        "sub": required_text("recipient", recipient),
        "tenant": required_text("tenant", tenant),
        "aud": audience,
        "iat": int(now.timestamp()),
        "exp": int((now + lasts).timestamp()),
    }
    return jwt.encode(claims, secret, algorithm="HS256")


class Tokens:
    """Checks tokens."""

    def __init__(self, settings: TokenSettings, transactions: Transactions) -> None:
        self._settings = settings
        self._keys = None if settings.jwks is None else KeySet(settings.jwks, transactions)

    async def caller(self, token: str) -> Caller:
        """The recipient of this token. Raises a `Problem`: 401, whatever is wrong with it."""
        if len(token) > LONGEST or token.count(".") != 2:
            raise refused("it is no token")
        try:
            claims = self._claims(token, await self._key(token))
            recipient = required_text("sub", claims["sub"])
            tenant = required_text("tenant", claims["tenant"])
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise refused(_said(error)) from None
        ends = datetime.fromtimestamp(claims["exp"], UTC) + self._settings.leeway
        return Caller(kind="recipient", tenant=tenant, name=recipient, recipient=recipient, ends=ends)

    async def _key(self, token: str) -> Any:
        if self._keys is None:
            return self._settings.secret
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in self._settings.algorithms:
            raise jwt.InvalidAlgorithmError("the algorithm is not one of those that are allowed")
        return await self._keys.find(header.get("kid"), header["alg"])

    def _claims(self, token: str, key: Any) -> dict[str, Any]:
        now, leeway = clock.now().timestamp(), self._settings.leeway.total_seconds()
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(self._settings.algorithms),
            audience=self._settings.audience,
            # Times are judged here, by the clock that everything else goes by.
            options={
                "require": list(REQUIRED),
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        ends, begins = _instant(claims, "exp", 0.0), _instant(claims, "nbf", now)
        if ends <= now - leeway:
            raise jwt.ExpiredSignatureError("it has expired")
        if begins > now + leeway:
            raise jwt.ImmatureSignatureError("it is not valid yet")
        if ends > now + self._settings.lifetime.total_seconds() + leeway:
            raise jwt.InvalidTokenError(
                f"it is valid for longer than {self._settings.lifetime}; sign a shorter one"
            )
        return claims


def _instant(claims: dict[str, Any], name: str, unsaid: float) -> float:
    value = claims.get(name, unsaid)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise jwt.DecodeError(f"{name} is no instant")
    return float(value)


def _said(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__


def refused(why: str) -> Problem:
    return Problem(
        "unauthenticated",
        f"the token is refused: {why}",
        headers={"WWW-Authenticate": 'Bearer realm="clarion", error="invalid_token"'},
    )
