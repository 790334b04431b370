"""All of the console: what every part declares, the way in and out, and its files."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from clarion.web.console import (
    addresses,
    audit,
    event_types,
    examination,
    failures,
    keys,
    lab,
    openid,
    overview,
    queue,
    recipients,
    refusing,
    search,
    selections,
    signing_in,
    silences,
    static,
    story,
)
from clarion.web.console.menu import CONSOLE
from clarion.web.console.pages import Declared
from clarion.web.problem import Problem

PARTS = (
    overview.pages,
    examination.pages,
    queue.pages,
    recipients.pages,
    addresses.pages,
    silences.pages,
    event_types.pages,
    audit.pages,
    keys.pages,
    search.pages,
    failures.pages,
    selections.pages,
    story.pages,
    lab.pages,
)


def declared() -> Iterator[Declared]:
    """Every page, and everything that can be done; what each needs is part of it."""
    for part in PARTS:
        yield from part.declared


def routes() -> list[BaseRoute]:
    return [
        static.route(CONSOLE),
        *signing_in.routes(),
        *openid.routes(),
        *(one.route() for one in declared()),
        Route(CONSOLE + "/{path:path}", _nothing, methods=["GET", "POST"]),
    ]


async def _nothing(request: Request) -> Response:
    at = request.url.path
    return refusing.answer(
        request, Problem("not-found", f"{at} is no page; the menu shows those that there are"), None
    )
