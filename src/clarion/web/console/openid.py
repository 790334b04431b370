"""Signing in with OpenID Connect: out to the provider, and back to the page that was wanted."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from clarion import clock
from clarion.web import problem
from clarion.web.console import look, signing_in
from clarion.web.console.menu import CONSOLE
from clarion.web.console.page import zone_of
from clarion.web.openid import LASTS, OpenId, Pending, Person
from clarion.web.problem import Problem
from clarion.web.service import Service, service_of
from clarion.web.sessions import is_secure

COOKIE = "clarion_openid"
_AT = CONSOLE + "/sign-in/openid"


def routes() -> list[Route]:
    return [
        Route(_AT, _out, methods=["GET"]),
        Route(_AT + "/back", _back, methods=["GET"]),
    ]


async def _out(request: Request) -> Response:
    service, query = service_of(request), request.query_params
    try:
        openid = _openid(service)
        url, pending = await openid.begin(_return(openid), query.get("next"), query.get("tenant"))
    except ClientDisconnect:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, a person waits for a page
        return signing_in.shown(request, query.get("next"), problem.of(error))
    answer = RedirectResponse(url, 303, look.HEADERS)
    # Lax, for the way back begins at the provider.
    answer.set_cookie(
        COOKIE,
        service.sessions.seal("openid", pending.text()),
        max_age=int(LASTS),
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )
    return answer


async def _back(request: Request) -> Response:
    service, pending = service_of(request), _pending(request)
    wanted = None if pending is None else pending.wanted
    try:
        person = await _person(service, request, pending)
        # A page, for a browser brings a strict cookie only with what a page of ours asks for.
        answer = look.answer(request, zone_of(request), "again.html", again=signing_in.own(request, wanted))
        service.sessions.begin_for(person, request, answer)
    except ClientDisconnect:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        answer = signing_in.shown(request, wanted, problem.of(error))
    answer.delete_cookie(COOKIE, path="/", secure=is_secure(request), httponly=True, samesite="lax")
    return answer


async def _person(service: Service, request: Request, pending: Pending | None) -> Person:
    """Raises a `Problem`."""
    openid, query = _openid(service), request.query_params
    if pending is None or query.get("state") != pending.state:
        raise Problem(
            "unauthenticated", "This way back is not of a sign-in that began here just now; begin again."
        )
    if "code" not in query:
        why = f"{query.get('error', 'no code')} {query.get('error_description', '')}".strip()[:200]
        raise Problem("unauthenticated", f"The provider signed nobody in: {why}")
    return await openid.finish(_return(openid), pending, query["code"])


def _pending(request: Request) -> Pending | None:
    body = service_of(request).sessions.unseal("openid", request.cookies.get(COOKIE, ""))
    found = None if body is None else Pending.of(body)
    return found if found is not None and clock.now().timestamp() - found.begun < LASTS else None


def _openid(service: Service) -> OpenId:
    if service.openid is None:
        raise Problem("not-found", "OpenID Connect is not set up here; sign in with a key")
    return service.openid


def _return(openid: OpenId) -> str:
    return openid.settings.url.rstrip("/") + _AT + "/back"
