"""Search: one box that understands what is pasted into it, and lists of events, decisions and deliveries with filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from clarion.gates import BITS
from clarion.sought import (
    EVENT_STATES,
    STATES,
    DeliveryFilter,
    EventFilter,
    Filter,
    FoundPage,
    Hit,
    NotificationFilter,
    Total,
)
from clarion.web.console.page import Page
from clarion.web.console.pages import Pages
from clarion.web.console.said import Said

pages = Pages()

KINDS = ("events", "decisions", "deliveries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A filter. `among`: what there is to choose from; `listed`: what is suggested."""

    name: str
    label: str
    among: tuple[str, ...] = ()
    listed: str | None = None

    @property
    def options(self) -> list[tuple[str, str]]:
        return [(one, one.replace("_", " ")) for one in self.among]


_EVENT = Field(name="event", label="Event")
_TYPE = Field(name="type", label="Type", listed="types")
_RECIPIENT = Field(name="recipient", label="Recipient")
FIELDS: Mapping[str, tuple[Field, ...]] = {
    "events": (
        _TYPE,
        Field(name="state", label="State", among=EVENT_STATES),
        Field(name="subject", label="Subject"),
        Field(name="actor", label="Actor"),
        Field(name="key", label="Key"),
        Field(name="condition", label="Condition"),
        Field(name="correlation_id", label="Correlation id"),
    ),
    "decisions": (
        _RECIPIENT,
        _TYPE,
        Field(name="gate", label="Gate", among=tuple(BITS)),
        Field(name="told", label="Told", among=("yes", "no")),
        _EVENT,
    ),
    "deliveries": (
        Field(name="channel", label="Channel", listed="channels"),
        Field(name="state", label="State", among=STATES),
        Field(name="code", label="Code"),
        _RECIPIENT,
        _TYPE,
        Field(name="address", label="Address begins"),
        Field(name="lane", label="Lane"),
        _EVENT,
    ),
}


@pages.get("/search")
async def search(page: Page) -> Response:
    """What the box finds; or, without a text in it, the newest of a kind."""
    asked = page.query.get("q")
    hits = await _looked_up(page, asked) if asked else ()
    places = {page.url(there[0], **there[1]): there for hit in hits if (there := place(hit))}
    if len(places) == 1:  # whatever it is, one reads on there
        ((path, query),) = places.values()
        return page.to(path, **query)
    kind = page.query.one_of("kind", KINDS, KINDS[0])
    found, total = (None, None) if asked else await page.run(lambda: _found(page, kind))
    return page.show(
        "search.html",
        asked=asked,
        hits=[(hit, place(hit)) for hit in hits],
        kind=kind,
        kinds=KINDS,
        fields=FIELDS[kind],
        listed={"types": sorted(page.clarion.types), "channels": sorted(page.clarion.channels)},
        found=found,
        total=total,
        said=page.query,
        since=page.query.instant("from"),
        until=page.query.instant("to"),
        filtered=any(field.name in page.query for field in FIELDS[kind]),
    )


@pages.get("/deliveries/{delivery}")
async def delivery(page: Page) -> Response:
    """Its place in the story of its event."""
    found = await page.run(lambda: page.desk.delivery(page.id("delivery")))
    one = found.delivery
    return page.to(f"/events/{one.event}", recipient=one.recipient)


async def _looked_up(page: Page, text: str) -> tuple[Hit, ...]:
    return await page.run(lambda: page.desk.look_up(text))


def place(hit: Hit) -> tuple[str, dict[str, Any]] | None:  # noqa: PLR0911 - a table
    """Where to read on: a path, and its query."""
    match hit.kind:
        case "event":
            return f"/events/{hit.id}", {}
        case "notification":
            return f"/events/{hit.event}", {"recipient": hit.recipient}
        case "delivery":
            return f"/deliveries/{hit.id}", {}
        case "recipient":
            return f"/recipients/{quote(hit.id, safe='')}", {}
        case "address":
            return (f"/recipients/{quote(hit.recipient, safe='')}", {}) if hit.recipient else None
        case "selection":
            return f"/selections/{hit.id}", {}
        case "condition" | "subject":
            return "/search", {"kind": "events", hit.kind: hit.id}


def _found(page: Page, kind: str) -> tuple[FoundPage, Total | None]:
    """A page of what is wanted; and how many there are, where that is asked."""
    desk, after, counted = page.desk, page.query.get("after"), "count" in page.query
    wanted: Filter
    found: FoundPage
    match kind:
        case "events":
            found = desk.events(wanted := _events(page.query), cursor=after)
        case "decisions":
            found = desk.notifications(wanted := _decisions(page.query), cursor=after)
        case _:
            found = desk.deliveries(wanted := _deliveries(page.query), cursor=after)
    return found, desk.count(wanted) if counted else None


def _range(said: Said) -> dict[str, Any]:
    return {"since": said.instant("from"), "until": said.instant("to")}


def _texts(said: Said, names: Iterable[str]) -> dict[str, Any]:
    return {name: said.get(name) for name in names}


def _events(said: Said) -> EventFilter:
    names = ("type", "subject", "actor", "key", "condition", "correlation_id", "state")
    return EventFilter(**_texts(said, names), **_range(said))


def _decisions(said: Said) -> NotificationFilter:
    told = said.get("told")
    return NotificationFilter(
        event=said.id("event"),
        recipient=said.get("recipient"),
        type=said.get("type"),
        gate=said.get("gate"),
        told=None if told is None else said.one_of("told", ("yes", "no"), "yes") == "yes",
        **_range(said),
    )


def _deliveries(said: Said) -> DeliveryFilter:
    names = ("channel", "state", "code", "recipient", "type", "address", "lane")
    return DeliveryFilter(event=said.id("event"), **_texts(said, names), **_range(said))
