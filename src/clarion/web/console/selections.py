"""Bulk actions on a frozen set: what exactly it would be, a question that is meant to be read, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from starlette.responses import Response

from clarion.delivery import State
from clarion.errors import InvalidInput
from clarion.selection import REFUSALS, Selection
from clarion.sought import DeliveryFilter, FoundDelivery
from clarion.web.console.page import Page
from clarion.web.console.pages import Pages
from clarion.web.console.said import Said, as_id

if TYPE_CHECKING:
    from clarion.desk.desk import Desk

pages = Pages()

TYPED = 100  # of more than so many the number is typed
WAIT = timedelta(seconds=2)  # what takes longer goes on by itself
SAMPLES = 20  # deliveries that are shown with what they are about

VERBS = {"replay": "Replay", "cancel": "Cancel"}
FIELDS = {
    "replay": ("event", "channel", "type", "recipient", "code"),
    "cancel": ("event", "channel", "type", "recipient", "lane"),
}
ENDED = tuple(state.value for state in (State.FAILED, State.SUPPRESSED, State.CANCELLED))


@pages.get("/selections")
async def selections(page: Page) -> Response:
    """Those of before."""
    desk = page.desk
    found = await page.run(lambda: desk.selections(cursor=page.query.get("after")))
    return page.show("selections.html", found=found)


@pages.post("/selections", "operate")
async def select(page: Page) -> Response:
    """Look at what it would be. Nothing is done yet."""
    verb = page.said.one_of("verb", VERBS, "replay")
    wanted, desk = _wanted(page.said, verb), page.desk
    chosen = await page.run(
        lambda: desk.preview_replay(**wanted) if verb == "replay" else desk.preview_cancel(**wanted)
    )
    return page.to(f"/selections/{chosen.id}")


@pages.get("/selections/{selection}")
async def selection(page: Page) -> Response:
    """The preview; once it was confirmed, how far it is."""
    return await _shown(page)


@pages.post("/selections/{selection}/apply", "operate")
async def apply(page: Page) -> Response:
    """Do it to that set, and to nothing else."""
    id, desk = page.id("selection"), page.desk
    try:
        page.said.required("number", "The number")
        number = page.said.number("number", 0, most=10_000_000)
        done = await page.run(lambda: desk.apply(id, number=number, wait=WAIT))
    except InvalidInput as error:
        return await _shown(page, wrong=str(error))
    return page.to(f"/selections/{done.id}")


async def _shown(page: Page, wrong: str | None = None) -> Response:
    desk = page.desk

    def read() -> tuple[Selection, dict[UUID, FoundDelivery]]:
        found = desk.selection(page.id("selection"))
        return found, _samples(desk, found)

    found, samples = await page.run(read)
    return page.show(
        "selection.html",
        status=200 if wrong is None else 422,
        selection=found,
        samples=samples,
        refusals=REFUSALS,
        typed=found.number > TYPED,
        verb=VERBS[found.verb],
        again=_again(found),
        chosen=_chosen(found),
        wrong=wrong,
    )


def _samples(desk: Desk, selection: Selection) -> dict[UUID, FoundDelivery]:
    ids = [id for group in selection.groups for id in group.sample][:SAMPLES]
    found = (desk.deliveries(DeliveryFilter(id=id), most=1).items for id in ids)
    return {one.id: one for items in found for one in items}


def _again(selection: Selection) -> list[tuple[str, str]]:
    """The fields of a form that selects the same once more."""
    return [(name, text) for name, value in selection.filter.items() for text in _texts(value)]


def _chosen(selection: Selection) -> list[tuple[str, str | datetime]]:
    """What was asked, in words."""
    found: list[tuple[str, str | datetime]] = []
    for name, value in _again(selection):
        label = {"since": "From", "until": "To"}.get(name, name.replace("_", " ").capitalize())
        try:
            found.append((label, datetime.fromisoformat(value) if name in ("since", "until") else value))
        except ValueError:  # of another version
            found.append((label, value))
    return found


def _texts(value: object) -> list[str]:
    match value:
        case None | False:
            return []
        case True:
            return ["yes"]
        case list() | tuple():
            return [str(one) for one in value]
    return [str(value)]


def _wanted(said: Said, verb: str) -> Mapping[str, Any]:
    """As the desk takes it; what is not said is not asked."""
    found: dict[str, Any] = {name: said.get(name) for name in FIELDS[verb] if name in said}
    if "event" in found:
        found["event"] = said.id("event")
    for name, limit in (("from", "since"), ("to", "until")):
        if (at := said.instant(name) or said.instant(limit)) is not None:
            found[limit] = at
    ids = [as_id("delivery", id) for id in said.all("delivery")]
    if ids:
        found["deliveries"] = ids
    if verb == "replay":
        if states := said.all("state"):
            found["state"] = states
        found["past_max_age"] = said.get("past_max_age") == "yes"
    return found
