"""What operators did, and whose data they saw."""

from __future__ import annotations

from starlette.responses import Response

from clarion.web.console.page import Page
from clarion.web.console.pages import Pages

pages = Pages()


@pages.get("/audit")
async def audit(page: Page) -> Response:
    within, said = page.range("-7d"), page.query
    by, recipient, verb = said.get("by"), said.get("recipient"), said.get("verb")
    until = None if within.is_open else within.until  # what is noted just now belongs to it
    found = await page.run(
        lambda: page.desk.audit(
            by=by, recipient=recipient, verb=verb, since=within.since, until=until, cursor=said.get("after")
        )
    )
    return page.show("audit.html", range=within, found=found)
