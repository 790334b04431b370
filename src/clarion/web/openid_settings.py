"""How operators sign in with OpenID Connect, and what their groups may do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from clarion import api_key
from clarion.errors import ConfigError, InvalidInput, shown
from clarion.web.https import is_safe

ALGORITHMS = ("RS256", "ES256")
_GRANT = re.compile(r"(?P<scopes>[a-z: ]+?) in (?P<tenant>[^:]+): *(?P<group>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Who is in this group may do this in this tenant."""

    group: str
    tenant: str
    scopes: tuple[str, ...]


def grant(written: str) -> Grant:
    """`operate providers in default: sre`. Raises `ConfigError`."""
    found = _GRANT.fullmatch(written.strip())
    if found is None:
        raise ConfigError(
            f"grant {shown(written)}: write scopes, tenant and group: 'operate in default: sre'"
        )
    try:
        scopes = api_key.checked_scopes(found["scopes"].split())
    except InvalidInput as error:
        raise ConfigError(f"grant {shown(written)}: {error}") from None
    if "observe" not in api_key.allowed(scopes):
        raise ConfigError(
            f"grant {shown(written)} signs nobody in: that needs the scope 'observe' or 'operate'"
        )
    return Grant(group=found["group"].strip(), tenant=found["tenant"].strip(), scopes=scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdSettings:
    """`issuer`: as the provider calls itself. `url`: where browsers find this service, which the provider knows.

    `claim`: where a token lists groups. `name`: the claim by which the history calls somebody; `sub` where it is
    missing. `grants`: what groups may do, such as `operate providers in default: sre`.
    """

    issuer: str
    client_id: str
    url: str
    grants: Sequence[str]
    client_secret: str | None = None
    claim: str = "groups"
    name: str = "email"
    scopes: Sequence[str] = ("openid", "profile", "email")

    def __post_init__(self) -> None:
        for name in ("issuer", "url"):
            if not is_safe(getattr(self, name)):
                raise ConfigError(
                    f"{name} {getattr(self, name)!r} of OpenID Connect must begin with https://"
                )
        if urlsplit(self.url).query or urlsplit(self.url).fragment:
            raise ConfigError(
                f"url {self.url!r} of OpenID Connect must be an address without query and fragment"
            )
        if not self.client_id or not self.claim or not self.name:
            raise ConfigError(
                "OpenID Connect needs client_id, claim and name; leave the last two out for the usual"
            )
        if "openid" not in self.scopes:
            raise ConfigError(f"scopes {list(self.scopes)} of OpenID Connect lack 'openid'")
        if not self.grants:
            raise ConfigError("OpenID Connect without grants signs nobody in: 'operate in default: GROUP'")
        for written in self.grants:
            grant(written)

    @property
    def granted(self) -> tuple[Grant, ...]:
        return tuple(map(grant, self.grants))

    def __repr__(self) -> str:
        return f"OpenIdSettings(issuer={self.issuer!r}, client_id={self.client_id!r}, …)"
