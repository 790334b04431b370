"""Event types: what is declared, what the database knows of it, and how much is told of each."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from clarion import policy_words
from clarion.errors import UnknownName
from clarion.web.console.charts import chart
from clarion.web.console.page import Page
from clarion.web.console.pages import Pages
from clarion.web.problem import Problem

pages = Pages()


@pages.get("/types")
async def types(page: Page) -> Response:
    within = page.range("-24h")
    clarion, tenant = page.clarion, page.tenant
    known, numbers = await asyncio.gather(
        page.run(clarion.known_types),
        page.run(lambda: clarion.statistics(since=within.since, until=within.until, tenant=tenant)),
    )
    lately = {one.type: one.totals for one in numbers.types}
    wanted = page.query.text("q").lower()
    listed = [
        (one, lately.get(code))
        for code, one in known.items()
        if all(word in f"{code} {one.type.category} {one.type.title}".lower() for word in wanted.split())
    ]
    return page.show("types.html", range=within, listed=listed, number=len(known))


@pages.get("/types/{code}")
async def one(page: Page) -> Response:
    within, code = page.range("-24h"), page.text("code")
    clarion, tenant = page.clarion, page.tenant
    try:
        known, numbers = await asyncio.gather(
            page.run(lambda: clarion.known_type(code)),
            page.run(
                lambda: clarion.statistics(since=within.since, until=within.until, type=code, tenant=tenant)
            ),
        )
    except UnknownName as error:
        raise Problem("not-found", str(error)) from None
    told = [
        (p.at, {"told": p.numbers.told, "not told": p.numbers.refused, "failed": p.numbers.failed})
        for p in numbers.points
    ]
    return page.show(
        "type.html",
        range=within,
        known=known,
        numbers=numbers,
        drawn=chart("Decisions", told, until=numbers.until, zone=page.zone),
        sentences=policy_words.sentences(known.type),
    )
