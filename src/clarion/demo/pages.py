"""The demo's pages: rendered, with the headers that a page needs, and the files that they load."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from clarion.web.problem import Problem

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'; frame-ancestors "
)
# A mail is shown by itself: nothing in it runs or is loaded, and its links open elsewhere.
_OF_A_MAIL = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def page(name: str, *, framed: bool = False, **values: Any) -> Response:
    """`framed`: another page of ours may show it in a frame."""
    policy = _STRICT + ("'self'" if framed else "'none'")
    content = _environment().get_template(f"{name}.html.j2").render(values)
    return Response(content, headers={"Content-Security-Policy": policy}, media_type="text/html")


def of_a_mail(html: str) -> Response:
    return Response(html, headers={"Content-Security-Policy": _OF_A_MAIL}, media_type="text/html")


def local(path: str, endpoint: Endpoint, *methods: str) -> Route:
    """A route for who sits at this machine: a page from elsewhere that calls itself by another name, or sends
    something, is refused."""

    async def answer(request: Request) -> Response:
        if request.url.hostname not in LOOPBACK:
            raise Problem(
                "forbidden", f"the demo answers as {', '.join(LOOPBACK)}, not as {request.url.hostname}"
            )
        asking = request.headers.get("sec-fetch-site", "same-origin")
        if request.method not in ("GET", "HEAD") and asking not in ("same-origin", "none"):
            raise Problem("csrf", "a page of another site sends this; that is refused")
        return await endpoint(request)

    return Route(path, answer, methods=list(methods or ("GET",)))


def static_files() -> list[Route]:
    """Below `/acme`."""
    found = {
        one.name: (_KINDS[one.name.rpartition(".")[2]], one.read_bytes())
        for one in files("clarion.demo").joinpath("static").iterdir()
        if one.name.rpartition(".")[2] in _KINDS
    }

    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in found:
            raise Problem("not-found", f"the demo has {', '.join(sorted(found))}")
        kind, content = found[name]
        return Response(content, headers={"Cache-Control": "no-cache"}, media_type=kind)

    return [local("/acme/files/{name}", answer)]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("clarion.demo", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["clock"] = _clock
    return made


def _clock(at: datetime, time_zone: str = "UTC") -> str:
    return at.astimezone(ZoneInfo(time_zone)).strftime("%H:%M:%S")
