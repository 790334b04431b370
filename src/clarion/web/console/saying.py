"""What was done, said once on the page that follows: kept in a cookie that nobody else can write."""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request
from starlette.responses import Response

from clarion.web.sessions import Sessions, is_secure

COOKIE = "clarion_done"
_SECONDS = 60
_MOST = 600  # characters
_WHAT = "done"


def later(sessions: Sessions, request: Request, answer: Response, text: str) -> None:
    """Say it on the next page."""
    body = base64.urlsafe_b64encode(text[:_MOST].encode("utf-8", "replace")).decode()
    value, secure = sessions.sealed(request, _WHAT, body), is_secure(request)
    answer.set_cookie(
        COOKIE, value, max_age=_SECONDS, path="/", httponly=True, samesite="strict", secure=secure
    )


def now(sessions: Sessions, request: Request) -> str | None:
    """What is to be said."""
    body = sessions.unsealed(request, _WHAT, request.cookies.get(COOKIE, ""))
    try:
        return None if body is None else base64.urlsafe_b64decode(body).decode()
    except (ValueError, binascii.Error):
        return None


def over(request: Request, answer: Response) -> None:
    """It was said."""
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=is_secure(request))
