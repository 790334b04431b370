"""What the mail catcher took, as pages: a list, and each mail as HTML, as text, with its headers, and as it came."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clarion.demo import catcher
from clarion.demo.catcher import ReceivedMail
from clarion.demo.pages import local, of_a_mail, page
from clarion.web.problem import Problem

VIEWS = {"html": "HTML", "text": "Text", "headers": "Headers", "source": "Source"}
_LISTED = 50
_head = re.compile(r"<head[^>]*>", re.IGNORECASE)


def routes(store: Path) -> list[Route]:
    """Below `/mail`."""

    async def listed(request: Request) -> Response:
        return await _shown(store, request, None)

    async def one(request: Request) -> Response:
        return await _shown(store, request, await _mail(store, request))

    async def html(request: Request) -> Response:
        mail = await _mail(store, request)
        return of_a_mail(_head.sub(r'\g<0><base target="_blank">', mail.html, count=1))

    async def newest(_request: Request) -> Response:
        found = await asyncio.to_thread(catcher.newest, store, most=1)
        number = await asyncio.to_thread(catcher.count, store)
        return JSONResponse({"newest": found[0].id if found else 0, "count": number})

    return [
        local("/mail", listed),
        local("/mail/newest", newest),
        local("/mail/{id:int}", one),
        local("/mail/{id:int}/html", html),
    ]


async def _mail(store: Path, request: Request) -> ReceivedMail:
    id = request.path_params["id"]
    found = await asyncio.to_thread(catcher.one, store, id) if id < 2**63 else None
    if found is None:
        raise Problem("not-found", f"no mail {id} was received; /mail lists those that were")
    return found


async def _shown(store: Path, request: Request, mail: ReceivedMail | None) -> Response:
    query = request.query_params
    before, to = query.get("before", ""), query.get("to") or None
    mails = await asyncio.to_thread(
        catcher.newest,
        store,
        before=int(before) if before.isdecimal() and len(before) < 19 else None,
        to=to,
        most=_LISTED + 1,
    )
    view = query.get("view", "html")
    return page(
        "mail",
        mails=mails[:_LISTED],
        more=len(mails) > _LISTED,
        mail=mail,
        view=view if view in VIEWS else "html",
        views=VIEWS,
        to=to,
        newest=mails[0].id if mails else 0,
    )
