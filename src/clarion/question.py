"""The question put to the gates about one notification, and how it is stored, to be asked again later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from clarion.severity import Severity

INBOX = "inbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One channel in a question, and what bears on it alone."""

    channel: str
    addresses: int = 0  # that could be sent to
    gone: int = 0  # that the other side called dead
    enabled_since: datetime | None = None  # of the type on this channel; None: this installation lacks it
    narrowed: bool = False  # the event asked for other channels only
    wanted: bool = True
    wanted_by: str = "type"  # the preference that said so, or the type
    min_severity: Severity | None = None
    min_severity_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything that the gates may ask about one notification. Equal questions have equal answers."""

    now: datetime
    type: str
    required: bool
    severity: Severity
    reason: str
    emitted_at: datetime
    due_at: datetime
    expires_at: datetime | None = None
    stale_at: datetime | None = None  # when the type's max_age is over
    is_actor: bool = False
    tell_actor: bool = False
    known: bool = True
    active: bool = True
    withdrawn: bool = False
    read: bool = False
    unless_read: bool = False
    access: bool | None = None  # None: the type does not ask
    switched_on: bool = True  # the recipient's global switch
    on: bool = True  # this type, for this recipient
    on_by: str = "type"
    places: tuple[Place, ...] = ()


def plain(value: object) -> object:
    """`value` as JSON can hold it."""
    return value.isoformat() if isinstance(value, datetime) else value


def to_json(question: Question) -> dict[str, Any]:
    """The question as stored; what has its default value is left out."""
    stored = _changed(question)
    stored["places"] = [_changed(place) for place in question.places]
    return stored


def _changed(value: Question | Place) -> dict[str, Any]:
    return {
        f.name: plain(getattr(value, f.name))
        for f in fields(value)
        if f.name != "places" and getattr(value, f.name) != f.default
    }


def from_json(stored: Mapping[str, Any]) -> Question:
    """The reverse of `to_json`."""
    instants = ("now", "emitted_at", "due_at", "expires_at", "stale_at")
    values: dict[str, Any] = {k: datetime.fromisoformat(v) if k in instants else v for k, v in stored.items()}
    values["severity"] = Severity(stored["severity"])
    values["places"] = tuple(_place_from_json(place) for place in stored["places"])
    return Question(**values)


def _place_from_json(stored: Mapping[str, Any]) -> Place:
    values = dict(stored)
    if "enabled_since" in values:
        values["enabled_since"] = datetime.fromisoformat(values["enabled_since"])
    if "min_severity" in values:
        values["min_severity"] = Severity(values["min_severity"])
    return Place(**values)
