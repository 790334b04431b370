"""The way in and out: by a key, and back to the page that was wanted."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from clarion import api_key
from clarion.api_key import ApiKey
from clarion.web import problem
from clarion.web.console import look, refusing, said
from clarion.web.console.menu import CONSOLE
from clarion.web.console.page import zone_of
from clarion.web.problem import Problem
from clarion.web.service import service_of
from clarion.web.sessions import check_origin


def routes() -> list[Route]:
    return [
        Route(CONSOLE + "/sign-in", _form, methods=["GET"]),
        Route(CONSOLE + "/sign-in", _sign_in, methods=["POST"]),
        Route(CONSOLE + "/sign-out", _sign_out, methods=["POST"]),
    ]


async def _form(request: Request) -> Response:
    return shown(request, request.query_params.get("next"))


async def _sign_in(request: Request) -> Response:
    wanted: str | None = None
    try:
        form = await said.of_form(request, zone_of(request).info)
        wanted = form.get("next")
        key = await _key(request, form.text("key"))
    except ClientDisconnect:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, a person waits for a page
        return shown(request, wanted, problem.of(error))
    answer = RedirectResponse(own(request, wanted), 303)
    service_of(request).sessions.begin(key, request, answer)
    return answer


async def _key(request: Request, secret: str) -> ApiKey:
    """Raises a `Problem`."""
    check_origin(request)
    key = await service_of(request).keyring.of_secret(secret)
    if key is None:
        raise Problem("unauthenticated", "This key is not known, has expired, or was revoked.")
    if "observe" not in api_key.allowed(key.scopes):
        raise Problem("forbidden", "To sign in, a key needs the scope “observe” or “operate”.")
    return key


async def _sign_out(request: Request) -> Response:
    service = service_of(request)
    try:
        form = await said.of_form(request, zone_of(request).info)
        await service.door.operator(request, form.get("csrf"))
    except ClientDisconnect:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        return refusing.answer(request, problem.of(error), None)
    answer = RedirectResponse(look.url(request, "/sign-in"), 303)
    service.sessions.end(request, answer)
    return answer


def own(request: Request, wanted: str | None) -> str:
    """Where to go on: the page that was wanted, if it is one of this console."""
    home = look.url(request, "")
    if wanted is None or not wanted.isprintable() or "\\" in wanted:
        return home
    parts = urlsplit(wanted)
    is_ours = (
        not parts.scheme and not parts.netloc and (parts.path == home or parts.path.startswith(home + "/"))
    )
    return wanted if is_ours and ".." not in parts.path else home


def shown(request: Request, wanted: str | None, refused: Problem | None = None) -> Response:
    """The form, with what was wrong."""
    openid = service_of(request).settings.openid
    tenants = [] if openid is None else list(dict.fromkeys(one.tenant for one in openid.granted))
    onward = {} if wanted is None else {"next": wanted}
    ways = [
        (
            look.url(request, "/sign-in/openid", {**onward, "tenant": tenant}),
            tenant if len(tenants) > 1 else None,
        )
        for tenant in tenants
    ]
    return look.answer(
        request,
        zone_of(request),
        "sign_in.html",
        status=200 if refused is None else refused.status_code,
        wanted=wanted,
        refused=refused,
        action=look.url(request, "/sign-in"),
        ways=ways,
    )
