"""Recipients: who there is; and one of them, with what they said, what was decided for them, and why they were not told.

Whose data is shown is noted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence

from starlette.responses import Response

from clarion import quiet_hours
from clarion.configuration import Configuration, Entry
from clarion.errors import InvalidInput, NotFound
from clarion.explanation import Explanation
from clarion.question import INBOX
from clarion.sought import NotificationFilter
from clarion.store.directory import Listed
from clarion.web.console import look, said
from clarion.web.console.page import Page
from clarion.web.console.pages import Pages

pages = Pages()

_MOST = 50
_HISTORY, _NOTIFICATIONS = 20, 20
_ANY, _ACTIVE, _INACTIVE = "", "yes", "no"


@pages.get("/recipients")
async def recipients(page: Page) -> Response:
    query = page.query
    search, after = query.get("q"), query.get("after")
    active = {_ACTIVE: True, _INACTIVE: False, _ANY: None}[
        query.one_of("active", (_ACTIVE, _INACTIVE, _ANY), _ANY)
    ]

    def read() -> tuple[list[Listed], str | None]:
        found, more = page.clarion.recipients.page(
            search, active=active, after=after, most=_MOST, tenant=page.tenant
        )
        exact = [] if search is None or after is not None else _exact(page, search)
        known = {one.id for one in exact}
        listed = [*exact, *(one for one in found if one.id not in known)]
        page.desk.note(
            "recipient.list", recipient=listed[0].id if len(listed) == 1 else None, shown=len(listed)
        )
        return listed, more

    listed, more = await page.run(read)
    return page.show("recipients.html", listed=listed, next=more)


def _exact(page: Page, text: str) -> list[Listed]:
    """Whoever has this id or this address, wherever they stand in the list."""
    hits = [one for one in page.desk.look_up(text) if one.kind in ("recipient", "address") and one.recipient]
    ids = dict.fromkeys(str(one.recipient) for one in hits)
    found = (page.clarion.recipients.get(id, tenant=page.tenant) for id in ids)
    return [one for one in found if one is not None]


@pages.get("/export/{recipient:path}", scope="recipients:read")
async def export(page: Page) -> Response:
    """All that is kept about them, as a file."""
    id = page.text("recipient")
    found = await page.run(lambda: page.desk.export(id))
    headers = {**look.HEADERS, "Content-Disposition": 'attachment; filename="recipient.json"'}
    return Response(
        json.dumps(found, ensure_ascii=False, indent=2), headers=headers, media_type="application/json"
    )


@pages.get("/recipients/{recipient:path}")
async def one(page: Page) -> Response:
    return await _shown(page)


async def _shown(page: Page, error: str | None = None) -> Response:
    id, clarion, tenant, query = page.text("recipient"), page.clarion, page.tenant, page.query
    person, listed, notifications, history = await asyncio.gather(
        page.run(lambda: page.desk.person(id)),
        page.run(lambda: clarion.recipients.get(id, tenant=tenant)),
        page.run(
            lambda: page.desk.notifications(
                NotificationFilter(recipient=id), cursor=query.get("after"), most=_NOTIFICATIONS
            )
        ),
        page.run(lambda: clarion.recipients.history(id, most=_HISTORY, tenant=tenant)),
    )
    why, wrong = await _why(page, id)
    zone = person.recipient.time_zone
    return page.show(
        "recipient.html",
        status=422 if error or wrong else 200,
        person=person,
        addresses=listed.addresses if listed else (),
        last_active_at=listed.last_active_at if listed else None,
        notifications=notifications,
        history=[(entry, list(_changes(entry))) for entry in history],
        quiet=None
        if person.recipient.quiet_hours is None
        else quiet_hours.to_json(person.recipient.quiet_hours),
        columns=_columns(person),
        why=why,
        error=error or wrong,
        zones=[] if zone == "UTC" else [(zone, f"{id}’s ({zone})")],
    )


async def _why(page: Page, recipient: str) -> tuple[Explanation | None, str | None]:
    """Why they did, or did not, hear of the event that the URL names; or what is wrong with that."""
    asked = page.query.get("event")
    if asked is None:
        return None, None
    try:
        event = said.as_id("event", asked)
        return await page.run(lambda: page.desk.why(event, recipient)), None
    except (InvalidInput, NotFound) as error:
        return None, str(error)


def _columns(person: Configuration) -> Sequence[str]:
    """The channels that the table of types has, the inbox first."""
    names = {one.channel for type in person.types for one in type.channels}
    return sorted(names, key=lambda name: (name != INBOX, name))


def _changes(entry: Entry) -> Iterator[str]:
    """What it was about, and then what differs."""
    names = dict.fromkeys((*entry.before, *entry.after))
    same = [name for name in names if entry.before.get(name) == entry.after.get(name)]
    yield from (look.short(_value(entry.after.get(name)), 60) for name in same)
    for name in (name for name in names if name not in same):
        before, after = entry.before.get(name), entry.after.get(name)
        yield f"{name} {look.short(_value(before), 60)} → {look.short(_value(after), 60)}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    return "unsaid" if value is None else json.dumps(value, ensure_ascii=False, default=str)


@pages.post("/recipients/{recipient:path}/erase", "recipients:write")
async def erase(page: Page) -> Response:
    """Once their id was typed."""
    id = page.text("recipient")
    if page.said.get("id") != id:
        return await _shown(page, f"to erase all about them, type their id, {id!r}, as it stands")
    gone = await page.run(lambda: page.desk.erase(id))
    return page.to("/recipients", say=f"All that was kept about them is erased: {sum(gone.values()):,} rows.")


@pages.post("/recipients/{recipient:path}/revive", "operate")
async def revive(page: Page) -> Response:
    id, address = page.text("recipient"), page.said.id("address")
    if address is None:
        raise InvalidInput("say which address, by its id")
    was_dead = await page.run(lambda: page.desk.revive(address))
    say = "The address is tried again from now on." if was_dead else "The address was not dead."
    return page.to(f"/recipients/{look.quoted(id)}", say=say)
