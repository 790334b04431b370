"""Keys to the HTTP API and to this console: which there are, a new one, and the end of one."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from clarion import api_key, clock
from clarion.api_key import ApiKey, Issued
from clarion.errors import InvalidInput, shown
from clarion.web.console.page import Page
from clarion.web.console.pages import Pages

pages = Pages()

LASTS = (("30d", "30 days"), ("90d", "90 days"), ("365d", "a year"), ("", "for good"))


@pages.get("/keys", scope="keys")
async def keys(page: Page) -> Response:
    return await _listed(page)


async def _listed(page: Page, *, issued: Issued | None = None, error: str | None = None) -> Response:
    found = await page.run(page.desk.keys)
    now, every = clock.now(), page.query.get("all") is not None
    mine = api_key.allowed(page.caller.scopes)
    return page.show(
        "keys.html",
        status=200 if error is None else 422,
        listed=[(one, _state(one)) for one in reversed(found) if every or one.holds(now)],
        scopes=[(name, says, name in mine) for name, says in api_key.SCOPES.items()],
        lasts=LASTS,
        issued=issued,
        error=error,
        said=page.form,
        own=page.caller.key,
    )


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "holds" if key.holds(clock.now()) else "expired"


@pages.post("/keys", "keys")
async def issue(page: Page) -> Response:
    """The page that follows shows the secret, this once; loaded again, it makes no second key of this name."""
    said = page.said
    try:
        name, lasts = said.required("name", "the name"), said.span("lasts")
        ends = None if lasts is None else clock.now() + lasts
        issued = await page.run(lambda: _issue(page, name, said.all("scope"), ends))
    except InvalidInput as error:
        return await _listed(page, error=str(error))
    return await _listed(page, issued=issued)


def _issue(page: Page, name: str, scopes: list[str], ends: datetime | None) -> Issued:
    now, known = clock.now(), page.desk.keys()
    if any(one.name == name and one.holds(now) for one in known):
        raise InvalidInput(
            f"there is a key {shown(name)} that holds, and its secret was shown once; choose another name, or revoke it"
        )
    return page.desk.issue_key(name, scopes, expires_at=ends)


@pages.post("/keys/{key}/revoke", "keys")
async def revoke(page: Page) -> Response:
    id = page.id("key")
    key = await page.run(lambda: page.desk.revoke_key(id))
    return page.to("/keys", say=f"The key {key.name} opens nothing any more, within seconds everywhere.")
