"""Every refusal as a problem (RFC 9457): one place says which error has which status, and nothing tells internals."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException as StarletteException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from clarion import ids
from clarion.errors import (
    ClarionError,
    Conflict,
    HostTransaction,
    InvalidInput,
    LeaseLost,
    NotAllowed,
    NotFound,
    NotMigrated,
    shown,
)
from clarion.workers.wiring import DatabaseAway

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = timedelta(seconds=2)  # when the database may be back
_URN = "urn:clarion:problem:"

# The kinds of problem: their status and title. `docs/http.md` explains each.
KINDS: Mapping[str, tuple[int, str]] = {
    "invalid": (422, "A value cannot be accepted"),
    "malformed": (422, "The body is not acceptable JSON"),
    "unauthenticated": (401, "Nobody is known by these credentials"),
    "forbidden": (403, "These credentials do not allow this"),
    "csrf": (403, "The request may have been forged"),
    "not-found": (404, "There is no such thing"),
    "method": (405, "This address knows another method"),
    "conflict": (409, "The key stands for another event"),
    "lease-lost": (409, "The claim is over"),
    "too-large": (413, "The body is too large"),
    "media-type": (415, "The body is of another kind"),
    "too-many": (429, "Too many requests"),
    "internal": (500, "Something went wrong here"),
    "unavailable": (503, "The service cannot do this now"),
}
_BY_STATUS = {
    404: "not-found",
    405: "method",
    413: "too-large",
    415: "media-type",
    401: "unauthenticated",
    403: "forbidden",
}


class Problem(HTTPException):
    """A refusal. `detail` names the value and the remedy; `more` is added to the body."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        retry_after: timedelta | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind = kind
        status, self.title = KINDS[kind]
        self.more = more or {}
        after = {} if retry_after is None else {"Retry-After": str(_seconds(retry_after))}
        super().__init__(status, detail, {**(headers or {}), **after})

    def body(self) -> dict[str, Any]:
        said = {
            "type": _URN + self.kind,
            "title": self.title,
            "status": self.status_code,
            "detail": self.detail,
        }
        return {**said, **self.more}

    def response(self) -> Response:
        content = json.dumps(self.body(), ensure_ascii=False).encode("utf-8", "replace")
        return Response(content, self.status_code, self.headers, MEDIA_TYPE)


def unavailable(detail: str) -> Problem:
    return Problem("unavailable", detail, retry_after=RETRY_AFTER)


def of(error: Exception) -> Problem:  # noqa: PLR0911 - a table
    """The problem that this error is."""
    match error:
        case Problem():
            return error
        case NotFound():
            return Problem("not-found", str(error))
        case InvalidInput():
            return Problem("invalid", str(error))
        case NotAllowed():
            return Problem("forbidden", str(error))
        case Conflict():
            return Problem("conflict", str(error))
        case LeaseLost():
            return Problem("lease-lost", str(error))
        case NotMigrated():
            return unavailable(f"the database is not ready: {error}")
        case HostTransaction() | TimeoutError():
            return unavailable("the database did not answer in time; try again")
        case RequestValidationError():
            return _of_validation(error)
        case StarletteException():
            return _of_starlette(error)
    if isinstance(error, DatabaseAway):
        return unavailable("the database is out of reach; try again, with the same key if it has one")
    return _internal(error)


# Of these the value is all that stands around it: there may be a secret in that.
_WHOLE = frozenset({"missing", "extra_forbidden", "model_attributes_type"})


def _of_validation(error: RequestValidationError) -> Problem:
    """What FastAPI and pydantic found; where, what, and the value."""
    found = [
        {
            "where": ".".join(str(part) for part in one["loc"]),
            "detail": one["msg"].removeprefix("Value error, "),
            "value": "" if one["type"] in _WHOLE else shown(one.get("input")),
        }
        for one in error.errors()[:20]
    ]
    first = found[0] if found else {"where": "the request", "detail": "is not valid", "value": ""}
    got = f", got {first['value']}" if first["value"] else ""
    detail = f"{first['where']}: {first['detail']}{got}"
    return Problem("invalid", detail, more={"errors": found})


def _of_starlette(error: StarletteException) -> Problem:
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        return (
            Problem("internal", "the request could not be answered")
            if error.status_code >= 500
            else Problem("invalid", str(error.detail))
        )
    details = {
        "not-found": "there is nothing at this address; /openapi.json lists what there is",
        "method": f"use {(error.headers or {}).get('Allow', 'another method')} here",
    }
    return Problem(kind, details.get(kind, str(error.detail)), headers=error.headers)


def _internal(error: Exception) -> Problem:
    """The error goes to the log, under a number that the answer names."""
    number = str(ids.uuid7())
    log.error("request failed, problem %s", number, exc_info=error)
    return Problem(
        "internal",
        f"the log of this service says more, under {number}",
        more={"instance": f"urn:uuid:{number}"},
    )


async def answer(request: Request, error: Exception) -> Response:
    """What FastAPI calls for an error that was raised."""
    if isinstance(error, StarletteException) and error.status_code == 405:
        error.headers = {**(error.headers or {}), "Allow": ", ".join(_methods(request))}
    return of(error).response()


def _methods(request: Request) -> list[str]:
    """Those of all routes of this address; a router tells those of the first."""
    routes = [route for route in request.app.router.routes if isinstance(route, Route)]
    known = [route.methods for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for methods in known for method in methods or ()})


HANDLED: tuple[type[Exception], ...] = (
    StarletteException,
    RequestValidationError,
    ClarionError,
    SQLAlchemyError,
    TimeoutError,
)


def _seconds(after: timedelta) -> int:
    return max(1, -int(-after.total_seconds() // 1))
