"""The examination as a page: everything is looked at, and connected to for real."""

from __future__ import annotations

from starlette.responses import Response

from clarion.web.console.page import Page
from clarion.web.console.pages import Pages

pages = Pages()
_WORST_FIRST = ("trouble", "warning", "ok")


@pages.get("/examination", scope="providers")
async def examination(page: Page) -> Response:
    found = await page.run(page.desk.examine)
    found = sorted(found, key=lambda one: _WORST_FIRST.index(one.level))
    return page.show("examination.html", findings=found)
