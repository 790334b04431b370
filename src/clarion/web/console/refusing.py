"""What went wrong, as a page: nobody is signed in, it is not allowed, it is not there, or something failed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from clarion.web.caller import Caller
from clarion.web.console import look, times
from clarion.web.console.page import address_of
from clarion.web.problem import Problem

_FROM_ELSEWHERE = ("cross-site", "same-site")


def answer(request: Request, problem: Problem, caller: Caller | None) -> Response:
    if problem.kind == "unauthenticated" and request.method in ("GET", "HEAD"):
        return _to_sign_in(request)
    headers = dict(problem.headers or {})
    headers.pop("WWW-Authenticate", None)  # a browser would ask for a password
    zone = times.zone("UTC", None)
    made = look.answer(
        request,
        zone,
        "refused.html",
        status=problem.status_code,
        problem=problem,
        signed_in=caller is not None or problem.kind not in ("unauthenticated", "csrf"),
    )
    made.headers.update(headers)
    return made


def _to_sign_in(request: Request) -> Response:
    """To the form, and back from there; live parts of a page stay as they are.

    A browser that comes by a link of another site brings no cookie of ours: it is sent here again from a page of
    this site, before anybody is asked to sign in.
    """
    if "hx-request" in request.headers:
        return Response(status_code=401, headers=look.HEADERS)
    if request.headers.get("sec-fetch-site") in _FROM_ELSEWHERE:
        return look.answer(request, times.zone("UTC", None), "again.html", again=address_of(request))
    return RedirectResponse(look.url(request, "/sign-in", {"next": address_of(request)}), 303)
