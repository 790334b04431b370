"""Dead addresses: where the other side said that nobody is, and trying them again."""

from __future__ import annotations

from starlette.responses import Response

from clarion.web.console.page import Page
from clarion.web.console.pages import Pages

pages = Pages()
_MOST = 50


@pages.get("/addresses")
async def addresses(page: Page) -> Response:
    recipient, channel, after = page.query.get("recipient"), page.query.get("channel"), page.query.id("after")
    found = await page.run(
        lambda: page.desk.addresses(
            gone=True, recipient=recipient, channel=channel, after=after, most=_MOST + 1
        )
    )
    return page.show(
        "addresses.html",
        listed=found[:_MOST],
        next=found[_MOST - 1].id if len(found) > _MOST else None,
        channels=[("", "all"), *((name, name) for name in sorted(page.clarion.channels))],
    )


@pages.post("/addresses/{address}/revive", "operate")
async def revive(page: Page) -> Response:
    id = page.id("address")
    was_dead = await page.run(lambda: page.desk.revive(id))
    say = (
        "It is tried again from now on; what failed because of it can be replayed."
        if was_dead
        else "It was not dead."
    )
    return page.to("/addresses", say=say)
