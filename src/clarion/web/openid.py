"""Signing operators in with OpenID Connect: the authorization code flow with PKCE, state and nonce.

Who somebody is, their provider says in a signed token; what they may do, the settings say by their groups.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import jwt

from clarion import clock
from clarion.errors import ConfigError, said
from clarion.event import required_text
from clarion.web import https
from clarion.web.jwks import KeySet
from clarion.web.openid_settings import ALGORITHMS, Grant, OpenIdSettings
from clarion.web.problem import Problem, unavailable
from clarion.web.transactions import Transactions

LASTS = 600.0  # seconds, from the way out to the way back
_FRESH_FOR = 3600.0
_LEEWAY = 30.0
_LONGEST = 16_384  # characters of a token
_NAME_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Somebody who is on their way through the provider; kept in their browser, sealed."""

    state: str
    nonce: str
    verifier: str
    begun: float
    wanted: str | None
    tenant: str | None

    def text(self) -> str:
        fields = [self.state, self.nonce, self.verifier, self.begun, self.wanted, self.tenant]
        return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")

    @classmethod
    def of(cls, text: str) -> Pending:
        state, nonce, verifier, begun, wanted, tenant = json.loads(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        )
        return cls(state=state, nonce=nonce, verifier=verifier, begun=begun, wanted=wanted, tenant=tenant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who came back, and the groups that settings know; of one tenant."""

    name: str
    tenant: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endpoints:
    authorization: str
    token: str
    keys: KeySet
    basic: bool  # whether the secret goes into a header
    read_at: float


class OpenId:
    """One provider. What it says of itself is read when somebody signs in, and again after an hour."""

    def __init__(self, settings: OpenIdSettings, transactions: Transactions) -> None:
        self.settings = settings
        self._transactions = transactions
        self._endpoints: _Endpoints | None = None

    async def begin(self, back: str, wanted: str | None, tenant: str | None) -> tuple[str, Pending]:
        """Where to send the browser, which comes `back` here; and what it is to bring along."""
        ends = await self._found()
        now = clock.now().timestamp()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        pending = Pending(
            state=state, nonce=nonce, verifier=verifier, begun=now, wanted=wanted, tenant=tenant
        )
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": back,
            "scope": " ".join(self.settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joined = "&" if "?" in ends.authorization else "?"
        return f"{ends.authorization}{joined}{urlencode(asked)}", pending

    async def finish(self, back: str, pending: Pending, code: str) -> Person:
        """Raises a `Problem`: 401 for a token that does not hold, 403 for whom the settings do not know, 503."""
        ends = await self._found()
        token = await self._exchanged(ends, back, pending, code)
        try:
            claims = await self._claims(ends, token, pending.nonce)
            name = required_text("sub", claims.get(self.settings.name) or claims["sub"])[:_NAME_LIMIT]
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise _refused(f"the token of the provider is refused: {said(error)[:200]}") from None
        return self._person(name, groups_of(claims, self.settings.claim), pending.tenant)

    def _person(self, name: str, groups: frozenset[str], wanted: str | None) -> Person:
        granted = [one for one in self.settings.granted if one.group in groups]
        tenants = [one.tenant for one in granted if wanted is None or one.tenant == wanted]
        if not tenants:
            where = "" if wanted is None else f" in tenant {wanted!r}"
            raise Problem(
                "forbidden", f"{name} is in no group that may sign in here{where}; ask whoever runs this"
            )
        mine = tuple(dict.fromkeys(one.group for one in granted if one.tenant == tenants[0]))
        return Person(name=name, tenant=tenants[0], groups=mine)

    # ── Asking the provider ──

    async def _found(self) -> _Endpoints:
        now = clock.monotonic()
        if self._endpoints is None or now - self._endpoints.read_at > _FRESH_FOR:
            url = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            try:
                read = json.loads(await self._transactions.run(lambda: https.get(url)))
                self._endpoints = self._checked(read, now)
            except (OSError, ValueError, KeyError, TypeError, ConfigError, RecursionError) as error:
                if self._endpoints is None:
                    raise unavailable(
                        f"the provider at {self.settings.issuer} cannot be asked: {said(error)}"
                    ) from None
        return self._endpoints

    def _checked(self, read: Mapping[str, Any], now: float) -> _Endpoints:
        if read["issuer"] != self.settings.issuer:
            raise ValueError(f"it calls itself {read['issuer']!r}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(read[name], str) or not https.is_safe(read[name]):
                raise ValueError(f"its {name} is not of https")
        ways = read.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return _Endpoints(
            authorization=read["authorization_endpoint"],
            token=read["token_endpoint"],
            keys=KeySet(read["jwks_uri"], self._transactions),
            basic="client_secret_basic" in ways,
            read_at=now,
        )

    async def _exchanged(self, ends: _Endpoints, back: str, pending: Pending, code: str) -> str:
        client, secret = self.settings.client_id, self.settings.client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": pending.verifier,
        }
        headers: dict[str, str] = {}
        if secret is not None and ends.basic:
            pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": client, **({} if secret is None else {"client_secret": secret})}
        try:
            answer = json.loads(await self._transactions.run(lambda: https.post(ends.token, form, headers)))
            token = answer["id_token"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise _refused(f"the provider gave no token: {said(error)[:200]}") from None
        if not isinstance(token, str) or len(token) > _LONGEST:
            raise _refused("the provider gave no token that can be read")
        return token

    async def _claims(self, ends: _Endpoints, token: str, nonce: str) -> dict[str, Any]:
        """OpenID Connect Core 1.0, 3.1.3.7. Raises `jwt.PyJWTError`."""
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError("the algorithm is not one of those that are allowed")
        key = await ends.keys.find(header.get("kid"), header["alg"])
        client = self.settings.client_id
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=client,
            issuer=self.settings.issuer,
            # Times are judged here, by the clock that everything else goes by.
            options={
                "require": ["iss", "aud", "sub", "exp", "iat", "nonce"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        now = clock.now().timestamp()
        if float(claims["exp"]) <= now - _LEEWAY:
            raise jwt.ExpiredSignatureError("it has expired")
        if float(claims["iat"]) > now + _LEEWAY:
            raise jwt.ImmatureSignatureError("it is of a time to come")
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client:
            raise jwt.InvalidAudienceError("it was given to another client (azp)")
        if not secrets.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise jwt.InvalidTokenError("its nonce is another")
        return claims


def groups_of(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """What a claim says, of one text or several; `realm_access.roles` is one within another."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(one for one in listed if isinstance(one, str))


def scopes_of(grants: tuple[Grant, ...], tenant: str, groups: tuple[str, ...]) -> frozenset[str]:
    """What these groups may do, by the settings that hold now."""
    return frozenset(
        scope for one in grants if one.tenant == tenant and one.group in groups for scope in one.scopes
    )


def _refused(why: str) -> Problem:
    return Problem("unauthenticated", why)
