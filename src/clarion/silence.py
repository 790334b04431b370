"""A silence: an operator says no for a while to what matches. Nothing passes it, not even required types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from clarion import clock, ids
from clarion.errors import InvalidInput, UnknownName, shown
from clarion.event import Event, instant, required_text
from clarion.event_type import EventType
from clarion.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What a silence is for: all that is said here must be so. A `*` at the end of a text stands for any rest.

    `below`: events below this severity.
    """

    type: str | None = None
    category: str | None = None
    subject: str | None = None
    thread: str | None = None
    topic: str | None = None
    actor: str | None = None
    tag: str | None = None
    recipient: str | None = None
    channel: str | None = None
    below: Severity | None = None

    def covers(self, event: Event, type: EventType, severity: Severity) -> bool:
        """Whether this may concern the event, whoever is told and wherever."""
        texts = (
            (self.type, type.code),
            (self.category, type.category),
            (self.subject, event.subject),
            (self.thread, event.thread),
            (self.topic, event.topic),
            (self.actor, event.actor),
        )
        return (
            all(pattern is None or _like(pattern, value) for pattern, value in texts)
            and (self.tag is None or any(_like(self.tag, tag) for tag in event.tags))
            and (self.below is None or severity < self.below)
        )

    def concerns(self, recipient: str) -> bool:
        return self.recipient is None or _like(self.recipient, recipient)

    def on(self, channel: str) -> bool:
        return self.channel is None or _like(self.channel, channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Who said so, why, and how long."""

    id: UUID
    matches: Matches
    author: str
    comment: str
    starts_at: datetime
    ends_at: datetime


def _like(pattern: str, value: str | None) -> bool:
    if value is None:
        return False
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


NAMES = tuple(f.name for f in fields(Matches))


def parse(written: Mapping[str, Any]) -> Matches:
    """`{"type": "ci.*", "below": "urgent"}`; raises `InvalidInput`. A silence of everything says `{"type": "*"}`."""
    if not written:
        raise InvalidInput("a silence must say what it is for; to silence everything, write {'type': '*'}")
    values = dict(written)
    for name, value in written.items():
        if name not in NAMES:
            raise UnknownName("part of a silence", name, NAMES)
        if name == "below":
            values[name] = Severity.of(value)
        elif not isinstance(value, str) or not value:
            raise InvalidInput(f"{name} of a silence must be a text, got {shown(value)}")
    return Matches(**values)


def make(
    written: Mapping[str, Any], *, author: str, comment: str, starts: datetime | None, until: datetime
) -> Silence:
    """A silence from now or from `starts`; raises `InvalidInput`."""
    now = clock.now()
    begins, ends = instant("starts", starts) or now, instant("until", until)
    if ends is None:
        raise InvalidInput("a silence must have an end: say until when")
    if ends <= max(begins, now):
        raise InvalidInput(f"a silence until {ends.isoformat()} is over before it has begun")
    return Silence(
        id=ids.uuid7(),
        matches=parse(written),
        author=required_text("author", author),
        comment=required_text("comment", comment),
        starts_at=begins,
        ends_at=ends,
    )


def to_json(matches: Matches) -> dict[str, str]:
    """The reverse of `parse`."""
    said = {name: getattr(matches, name) for name in NAMES}
    return {
        name: value.label if isinstance(value, Severity) else value
        for name, value in said.items()
        if value is not None
    }
