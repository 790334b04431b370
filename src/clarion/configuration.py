"""All that a recipient said about being told, and what follows from it for each event type. Pure: reading never writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clarion.event_type import EventType
from clarion.preference import Choices, Preference
from clarion.recipient import Recipient
from clarion.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What a recipient said of a topic: a thread and a subject are topics, too. `None` is unsaid."""

    topic: str
    subscribed: bool = False  # is in its audience
    level: str | None = None
    muted_until: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChannel:
    """What holds for one type on one channel, each with who said it: a scope, or the type itself."""

    channel: str
    wanted: bool
    wanted_by: str
    min_severity: Severity | None
    min_severity_by: str | None
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForType:
    """What holds for one event type. `by`: a scope, the type, the global switch, or that it is required."""

    type: str
    category: str
    description: str
    required: bool
    on: bool
    by: str
    channels: tuple[OnChannel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What was said, and what follows. `addresses`: values by channel."""

    recipient: Recipient
    addresses: Mapping[str, tuple[str, ...]]
    roles: tuple[str, ...]
    preferences: tuple[Preference, ...]
    topics: tuple[Followed, ...]
    types: tuple[ForType, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change in the history of a recipient: what it was about, with the values that differ. `n` counts from 1."""

    n: int
    at: datetime
    by: str | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def resolve(
    types: Iterable[EventType], channels: Iterable[str], person: Recipient, said: Sequence[Preference]
) -> tuple[ForType, ...]:
    """What holds for each of these types on each of these channels, in the order of their codes."""
    known = sorted(channels)
    return tuple(_for_type(type, known, person, said) for type in sorted(types, key=lambda type: type.code))


def _for_type(
    type: EventType, channels: Sequence[str], person: Recipient, said: Sequence[Preference]
) -> ForType:
    choices = Choices(type, said)
    on, by = choices.on()
    if type.required:
        on, by = True, "required"
    elif not person.enabled:
        on, by = False, "global switch"
    return ForType(
        type=type.code,
        category=type.category,
        description=type.title,
        required=type.required,
        on=on,
        by=by,
        channels=tuple(_on_channel(type, choices, channel) for channel in channels),
    )


def _on_channel(type: EventType, choices: Choices, channel: str) -> OnChannel:
    if type.required:
        wanted = channel in type.channels
        return OnChannel(
            channel=channel,
            wanted=wanted,
            wanted_by="required",
            min_severity=None,
            min_severity_by=None,
            mode="now",
        )
    wanted, wanted_by = choices.wanted(channel)
    least, least_by = choices.min_severity(channel)
    return OnChannel(
        channel=channel,
        wanted=wanted,
        wanted_by=wanted_by,
        min_severity=least,
        min_severity_by=None if least is None else least_by,
        mode=choices.mode(channel),
    )
