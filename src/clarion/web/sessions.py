"""Operators' sessions in a browser: a signed cookie, bound to the key or the groups with which they began, and safe from
forged requests.

The cookie holds who and until when, and a signature; nothing is stored. It ends with its time, or with its key. What changes
anything needs the session's CSRF token in a header, which another site's page can neither read nor send.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.responses import Response

from clarion import api_key, clock
from clarion.api_key import ApiKey
from clarion.web.caller import Caller
from clarion.web.keyring import Keyring
from clarion.web.openid import Person, scopes_of
from clarion.web.problem import Problem
from clarion.web.settings import Settings

COOKIE = "clarion_session"
CSRF_HEADER = "clarion-csrf"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST = 1024  # characters of a cookie


@dataclass(frozen=True, slots=True)
class Session:
    """An operator who signed in: with a key, or by `name` and `groups`, as their OpenID provider says.

    `csrf` is to be sent with whatever changes something.
    """

    tenant: str
    key: UUID | None
    ends: datetime
    csrf: str
    name: str = ""
    groups: tuple[str, ...] = ()


class Sessions:
    """Begins sessions and finds them again."""

    def __init__(self, keyring: Keyring, settings: Settings) -> None:
        self._keyring = keyring
        self._lasts = settings.session_lasts
        self._openid = settings.openid
        self._secret = (settings.session_secret or secrets.token_urlsafe(32)).encode()

    def begin(self, key: ApiKey, request: HTTPConnection, response: Response) -> Session:
        """Sign in with a key, which has the scope `observe`: the cookie is set on the response."""
        ends = min(clock.now() + self._lasts, key.expires_at or datetime.max.replace(tzinfo=UTC))
        return self._begin([key.tenant, str(key.id)], ends, request, response)

    def begin_for(self, person: Person, request: HTTPConnection, response: Response) -> Session:
        """The same for somebody whom an OpenID provider knows. Raises a `Problem` 403."""
        ends = clock.now() + self._lasts
        return self._begin([person.tenant, None, person.name, *person.groups], ends, request, response)

    def _begin(
        self, who: list[str | None], ends: datetime, request: HTTPConnection, response: Response
    ) -> Session:
        said = json.dumps([int(ends.timestamp()), secrets.token_urlsafe(12), *who], ensure_ascii=False)
        cookie = self.seal("session", base64.urlsafe_b64encode(said.encode()).rstrip(b"=").decode())
        if len(cookie) > _LONGEST:
            raise Problem(
                "forbidden", "the names of your groups are too long for a session; grant to fewer of them"
            )
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=max(0, int((ends - clock.now()).total_seconds())),
            path="/",
            secure=is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return self._read(cookie)

    def end(self, request: HTTPConnection, response: Response) -> None:
        response.delete_cookie(COOKIE, path="/", secure=is_secure(request), httponly=True, samesite="strict")

    def of(self, request: HTTPConnection) -> Session:
        """The session of this request's cookie. Raises a `Problem` 401."""
        return self._read(request.cookies.get(COOKIE, ""))

    async def caller(self, request: HTTPConnection, csrf: str | None = None) -> Caller:
        """The operator. `csrf`: from a form, where it is not in the header.

        Raises a `Problem`: 401 where there is no such session, 403 for what may be forged.
        """
        session = self.of(request)
        if request.scope.get("method", "GET") not in _SAFE:
            check_origin(request)
            said = csrf if csrf is not None else request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(said.encode(), session.csrf.encode()):
                raise Problem(
                    "csrf", "send the session's csrf token, as GET /v1/session tells it, in Clarion-CSRF"
                )
        return await self._operator(session)

    async def _operator(self, session: Session) -> Caller:
        """Who it is now: a session may what its key, or its groups, may when it is asked."""
        if session.key is None:
            granted = () if self._openid is None else self._openid.granted
            tenant, name, scopes = (
                session.tenant,
                session.name,
                scopes_of(granted, session.tenant, session.groups),
            )
            why = "your groups may not sign in here any more"
        else:
            key = await self._keyring.of_id(session.tenant, session.key)
            tenant, name = session.tenant, "" if key is None else key.name
            scopes = frozenset() if key is None else frozenset(key.scopes)
            why = "the key with which this session began has expired or was revoked"
        if "observe" not in api_key.allowed(scopes):
            raise _over(why)
        return Caller(kind="operator", tenant=tenant, name=f"operator {name}", scopes=scopes, key=session.key)

    def seal(self, what: str, body: str) -> str:
        """`body`, which has no full stop, so that nobody else can write it, nor pass it off as something else."""
        return f"{body}.{self._signed(what, body)}"

    def unseal(self, what: str, sealed: str) -> str | None:
        """What was sealed; nothing, where it was not."""
        body, _, signature = sealed.partition(".")
        return body if hmac.compare_digest(signature.encode(), self._signed(what, body).encode()) else None

    def sealed(self, request: HTTPConnection, what: str, body: str) -> str:
        """The same, and only in this session it is read again."""
        return self.seal(f"{what}:{self.of(request).csrf}", body)

    def unsealed(self, request: HTTPConnection, what: str, sealed: str) -> str | None:
        return self.unseal(f"{what}:{self.of(request).csrf}", sealed)

    def _read(self, cookie: str) -> Session:
        body = self.unseal("session", cookie) if len(cookie) <= _LONGEST else None
        if body is None:
            raise _over("this session is not known here")
        try:
            ends, _, tenant, key, *who = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            at = datetime.fromtimestamp(ends, UTC)
            id = None if key is None else UUID(key)
        except (ValueError, TypeError, binascii.Error):  # it is signed: by a version that wrote otherwise
            raise _over("this session is not known here") from None
        if at <= clock.now():
            raise _over("this session is over")
        name, *groups = who or [""]
        return Session(tenant, id, at, self._signed("csrf", body), name, tuple(groups))

    def _signed(self, what: str, body: str) -> str:
        digest = hmac.digest(self._secret, f"{what}:{body}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def check_origin(request: HTTPConnection) -> None:
    """A browser says where the page is from that asks: it must be from here."""
    origin = request.headers.get("origin")
    elsewhere = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if elsewhere or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(
            "csrf", f"a page of {origin or 'another site'} asks in the name of a session; that is refused"
        )


def _over(why: str) -> Problem:
    return Problem(
        "unauthenticated", f"{why}; sign in again", headers={"WWW-Authenticate": 'Bearer realm="clarion"'}
    )


def is_secure(request: HTTPConnection) -> bool:
    """Whether cookies go over https only: everywhere but on the machine itself."""
    return not _is_loopback(request.url.hostname)


def _is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host is not None
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
