"""How a recipient's inbox looks in answers and in the stream, and what its requests carry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field

from clarion.event_type import EventType
from clarion.item import Group as ItemGroup
from clarion.item import InboxCounts
from clarion.item import Item as InboxItem
from clarion.item import Marked as MarkedItem
from clarion.web.bodies import Body, such_as
from clarion.web.shapes import SeverityName, Shape

ACTORS = 3  # of a group
Types = Mapping[str, EventType]


class About(Shape):
    """The event of an item."""

    id: UUID
    type: str
    category: str
    actor: str | None
    subject: str | None
    thread: str | None
    tags: list[str]


class Item(Shape):
    """`place` sorts as a text: the newest has the greatest."""

    id: UUID
    event: About
    title: str
    text: str
    url: str | None
    reason: str
    severity: SeverityName
    at: datetime
    seen_at: datetime | None
    read_at: datetime | None
    done_at: datetime | None
    saved_at: datetime | None
    snoozed_until: datetime | None
    resolved_at: datetime | None
    place: str

    @classmethod
    def of(cls, item: InboxItem, types: Types) -> Self:
        event, state = item.event, item.state
        about = About(
            category=(types.get(event.type) or EventType(code=event.type)).category,
            tags=list(event.tags),
            **{name: getattr(event, name) for name in ("id", "type", "actor", "subject", "thread")},
        )
        states = ("seen_at", "read_at", "done_at", "saved_at", "snoozed_until")
        same = ("id", "title", "text", "url", "reason", "severity", "resolved_at")
        return cls(
            event=about,
            at=item.created_at,
            place=str(item.place),
            **{name: getattr(item, name) for name in same},
            **{name: getattr(state, name) for name in states},
        )


class Counts(Shape):
    """How many items there are in each view, exactly."""

    unseen: int
    unread: int
    saved: int
    snoozed: int
    done: int
    inbox: int

    @classmethod
    def of(cls, counts: InboxCounts) -> Self:
        names = ("unseen", "unread", "saved", "snoozed", "done")
        return cls(inbox=counts.total, **{name: getattr(counts, name) for name in names})


class Listed(Shape):
    """`feed`: the number of the last change before this was read; follow the stream from there."""

    next: str | None = Field(
        description="To be sent as `cursor` for those that follow; null: there are none."
    )
    counts: Counts
    feed: int


class Page(Listed):
    """May be shorter than asked for, even empty, and be followed by another."""

    items: list[Item]


class Group(Shape):
    """The items of one thread, or one without. `items` and `unread` are exact up to a hundred."""

    thread: str | None
    items: int
    unread: int
    actors: list[str] = Field(description="Of the newest, the latest first, at most three.")
    newest: Item

    @classmethod
    def of(cls, group: ItemGroup, types: Types) -> Self:
        return cls(
            thread=group.thread,
            items=group.number,
            unread=group.unread,
            actors=list(group.actors[:ACTORS]),
            newest=Item.of(group.newest, types),
        )


class Groups(Listed):
    groups: list[Group]


class Marked(Shape):
    """An item that really changed, and its state since."""

    id: UUID
    seen_at: datetime | None
    read_at: datetime | None
    done_at: datetime | None
    saved_at: datetime | None
    snoozed_until: datetime | None
    deleted_at: datetime | None

    @classmethod
    def of(cls, marked: MarkedItem) -> Self:
        names = [name for name in cls.model_fields if name != "id"]
        return cls(id=marked.id, **{name: getattr(marked.state, name) for name in names})


class Changed(Shape):
    changed: list[Marked]
    counts: Counts


class OwnChannel(Shape):
    channel: str
    told: bool
    until: datetime | None
    sentence: str


class Stop(Shape):
    kind: str
    sentence: str


class Why(Shape):
    """Why I got this, and the one change that would stop it; `stop_sentence` also where there is none."""

    sentence: str
    reason: str | None
    channels: list[OwnChannel]
    stop: Stop | None
    stop_sentence: str


Kind = Literal[
    "notification.created", "notification.updated", "notification.removed", "configuration.updated"
]


class Told(Shape):
    """The data of a `change` in the stream. `change`: what exactly happened, as the change feed calls it."""

    kind: Kind
    change: str
    id: UUID | None
    item: Item | None
    counts: Counts
    replayed: bool


_ITEM = "01a1fbcf-f077-710e-9bb9-3cde9ed88749"
Ids = Annotated[list[UUID], Field(min_length=1, max_length=1000)]


class Mark(Body):
    model_config = such_as({"ids": [_ITEM]})

    ids: Ids


class Snooze(Body):
    model_config = such_as({"ids": [_ITEM], "until": "2099-01-01T09:00:00Z"})

    ids: Ids
    until: AwareDatetime


class Mute(Body):
    model_config = such_as({"until": "2099-01-01T09:00:00Z"}, {})

    until: AwareDatetime | None = Field(None, description="null: for good.")
