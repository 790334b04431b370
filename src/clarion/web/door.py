"""Who may come in: finds out who asks, by a key, a recipient's token, or an operator's session."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from clarion import api_key
from clarion.api_key import ApiKey
from clarion.event import required_text
from clarion.web.caller import Caller
from clarion.web.keyring import Keyring
from clarion.web.problem import Problem
from clarion.web.rate import Rate
from clarion.web.sessions import COOKIE, Sessions
from clarion.web.settings import Settings
from clarion.web.tokens import Tokens

FOR_RECIPIENT = "clarion-recipient"  # the header in which a key with the scope `inbox` names whom it acts for
REALM = 'Bearer realm="clarion"'


class Door:
    """Every request comes by here once, and is counted for whoever asks."""

    def __init__(
        self, keyring: Keyring, sessions: Sessions, tokens: Tokens | None, settings: Settings
    ) -> None:
        self._keyring, self._sessions, self._tokens = keyring, sessions, tokens
        self._keys_rate = Rate(settings.rate, settings.burst)
        self._recipients_rate = Rate(settings.recipient_rate, settings.recipient_burst)

    async def caller(self, request: HTTPConnection) -> Caller:
        """Raises a `Problem`: 401 for whoever is not known, whatever is wrong; 403 for a forged request; 429."""
        caller = await self._find(request)
        if caller.kind == "recipient":
            self._recipients_rate.take((caller.tenant, caller.recipient))
        else:
            self._keys_rate.take(caller.key or (caller.tenant, caller.name))
        return caller

    async def operator(self, request: HTTPConnection, csrf: str | None = None) -> Caller:
        """For a page: by the session's cookie alone, with the token of its form where something is done."""
        if COOKIE not in request.cookies:
            raise unknown("nobody is signed in here")
        caller = await self._sessions.caller(request, csrf)
        self._keys_rate.take(caller.key or (caller.tenant, caller.name))
        return caller

    async def _find(self, request: HTTPConnection) -> Caller:
        said = request.headers.get("authorization")
        if said is not None:
            scheme, _, credentials = said.partition(" ")
            if scheme.lower() != "bearer":
                raise unknown("authorization must be 'Bearer', with a key or a token")
            return await self._bearer(request, credentials.strip())
        if COOKIE in request.cookies:
            return await self._sessions.caller(request)
        raise unknown("send 'Authorization: Bearer' with a key (clk_…) or a recipient's token")

    async def _bearer(self, request: HTTPConnection, credentials: str) -> Caller:
        if credentials.startswith(api_key.PREFIX):
            key = await self._keyring.of_secret(credentials)
            if key is None:
                raise unknown("this key is not known, has expired, or was revoked")
            return of_key(key, request.headers.get(FOR_RECIPIENT))
        if self._tokens is None:
            raise unknown("recipients' tokens are not set up here; use a key (clk_…)")
        return await self._tokens.caller(credentials)


def of_key(key: ApiKey, recipient: str | None) -> Caller:
    acts_for = None if recipient is None else required_text("the header Clarion-Recipient", recipient)
    return Caller(
        kind="key",
        tenant=key.tenant,
        name=f"key {key.name}",
        scopes=frozenset(key.scopes),
        recipient=acts_for,
        key=key.id,
        ends=key.expires_at,
    )


def unknown(detail: str) -> Problem:
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": REALM})
