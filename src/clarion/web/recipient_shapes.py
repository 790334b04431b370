"""How recipients and what they said look in answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BeforeValidator, Field

from clarion import quiet_hours, tag_filter
from clarion.recipient import Recipient
from clarion.web.shapes import SeverityName, Shape


class Reached(Shape):
    """An address. `gone_at`: since when nothing is sent there."""

    id: UUID
    channel: str
    value: str
    locale: str | None
    gone_at: datetime | None
    gone_reason: str | None


class Listed(Shape):
    """A recipient as the application knows them. `enabled`: their global switch."""

    id: str
    name: str | None
    locale: str | None
    time_zone: str
    active: bool
    enabled: bool
    last_active_at: datetime | None
    addresses: list[Reached]
    roles: list[str]


class Page(Shape):
    recipients: list[Listed]
    next: str | None = Field(
        description="To be sent as `after` for those that follow; null: these are the last."
    )


class Written(Shape):
    written: int


class OnChannel(Shape):
    channel: str
    wanted: bool
    wanted_by: str
    min_severity: SeverityName | None
    min_severity_by: str | None
    mode: str


class ForType(Shape):
    """What holds for one event type. `by`: who says so."""

    type: str
    category: str
    description: str
    required: bool
    on: bool
    by: str
    channels: list[OnChannel]


class Preference(Shape):
    scope: str
    channel: str
    enabled: bool | None
    channels: list[str] | None
    min_severity: SeverityName | None
    mode: str | None
    changed_at: datetime | None


class Followed(Shape):
    topic: str
    subscribed: bool
    level: str | None
    muted_until: datetime | None
    reason: str | None


class Own(Shape):
    """What a recipient said of being told at all. `silent_until`: nothing but required types before."""

    id: str
    name: str | None
    locale: str | None
    time_zone: str
    active: bool
    enabled: bool
    silent_until: datetime | None
    quiet_hours: dict[str, Any] | None
    tags: dict[str, list[str]] | None

    @classmethod
    def of(cls, person: Recipient) -> Self:
        names = ("id", "name", "locale", "time_zone", "active", "enabled", "silent_until")
        return cls(
            **{name: getattr(person, name) for name in names},
            quiet_hours=None if person.quiet_hours is None else quiet_hours.to_json(person.quiet_hours),
            tags=None if person.tags is None else tag_filter.to_json(person.tags),
        )


def _own(value: Any) -> Any:
    return Own.of(value) if isinstance(value, Recipient) else value


class Configuration(Shape):
    """All that a recipient said, and what follows for every event type on every channel."""

    recipient: Annotated[Own, BeforeValidator(_own)]
    addresses: dict[str, list[str]]
    roles: list[str]
    preferences: list[Preference]
    topics: list[Followed]
    types: list[ForType]


class Change(Shape):
    """One change of what a recipient said. `n` counts from 1."""

    n: int
    at: datetime
    by: str | None
    before: dict[str, Any]
    after: dict[str, Any]


class History(Shape):
    changes: list[Change]
    next: int | None = Field(
        description="To be sent as `before` for those that precede; null: these are the first."
    )
