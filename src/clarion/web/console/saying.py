"""What was done, said once on the page that follows: kept in a cookie that nobody else can write."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from starlette.responses import Response

from clarion.web.sessions import is_secure

if TYPE_CHECKING:
    from clarion.web.console.page import Page

COOKIE = "clarion_done"
_SECONDS = 60
_MOST = 600  # characters


def later(page: Page, answer: Response, text: str) -> None:
    """Say it on the next page."""
    body = base64.urlsafe_b64encode(text[:_MOST].encode("utf-8", "replace")).decode()
    value = page.service.sessions.sealed(page.request, "done", body)
    secure = is_secure(page.request)
    answer.set_cookie(
        COOKIE, value, max_age=_SECONDS, path="/", httponly=True, samesite="strict", secure=secure
    )


def now(page: Page) -> str | None:
    """What is to be said."""
    body = page.service.sessions.unsealed(page.request, "done", page.request.cookies.get(COOKIE, ""))
    try:
        return None if body is None else base64.urlsafe_b64decode(body).decode()
    except (ValueError, binascii.Error):
        return None


def over(page: Page, answer: Response) -> None:
    """It was said."""
    secure = is_secure(page.request)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=secure)
