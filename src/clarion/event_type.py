"""What an application declares about a kind of event, checked when it is declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from clarion.errors import ConfigError, UnknownName, shown
from clarion.event import Event, Who
from clarion.policy import Policy
from clarion.severity import Severity

type_code = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*\Z")

DEFAULT_MAX_AGE = timedelta(days=3)

# Yields (reason, recipient ids, one-off addresses or groups), the strongest reason first.
Resolver = Callable[[Event, Any], Iterable[tuple[str, Iterable[Who]]]]
# Returns those of these recipient ids who may know of the event.
AccessCheck = Callable[[Event, Collection[str], Any], Collection[str]]


_KINDS: tuple[tuple[tuple[str, ...], type, str], ...] = (
    (("code", "category", "description"), str, "text"),
    (("required", "enabled", "unless_read"), bool, "True or False"),
    (("policy",), Policy, "a Policy"),
    (("channels",), tuple, "a list of channels"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A declared kind of event.

    `required`: no choice of the recipient stops it. `enabled`: told to those who said nothing about it.
    `unless_read`: what was read in the inbox meanwhile is not sent. `max_age`: how long after it was due a
    delivery may still be sent (`None` = for ever, the default of required types).
    """

    code: str
    category: str = "general"
    description: str = ""
    severity: Severity = Severity.INFO
    channels: tuple[str, ...] = ("inbox",)
    required: bool = False
    enabled: bool = True
    policy: Policy = field(default_factory=Policy)
    unless_read: bool = False
    max_age: timedelta | None = None
    access: AccessCheck | None = None
    resolver: Resolver | None = None

    def __post_init__(self) -> None:
        self._check_kinds()
        if len(self.code) > 100 or not type_code.match(self.code):
            raise ConfigError(
                f"event type {self.code!r}: use dotted lower-case names such as 'cl.comment.created', at most 100 characters"
            )
        if not self.category or ":" in self.category:
            raise ConfigError(
                f"event type {self.code!r}: category {self.category!r} must be a word without ':'"
            )
        if len(set(self.channels)) != len(self.channels):
            raise ConfigError(f"event type {self.code!r} names a channel twice: {self.channels}")
        if self.max_age is not None and self.max_age <= timedelta():
            raise ConfigError(f"event type {self.code!r}: max_age must be positive, got {self.max_age}")

    def _check_kinds(self) -> None:
        for names, kind, what in _KINDS:
            for name in names:
                if not isinstance(value := getattr(self, name), kind):
                    raise ConfigError(f"event type {self.code!r}: {name} must be {what}, got {shown(value)}")
        for name in ("access", "resolver"):
            if (value := getattr(self, name)) is not None and not callable(value):
                raise ConfigError(f"event type {self.code!r}: {name} must be a function, got {shown(value)}")
        if any(not isinstance(name, str) for name in self.channels):
            raise ConfigError(f"event type {self.code!r}: channels must be texts, got {self.channels!r}")

    @property
    def title(self) -> str:
        """What to call it where nothing better is said."""
        return self.description or self.code.replace(".", " ").replace("_", " ").capitalize()


OPTIONS = tuple(f.name for f in fields(EventType) if f.name != "code")


def declare(code: str, options: dict[str, Any]) -> EventType:
    """An event type from plain values, as written in a decorator or in TOML; names what it does not know.

    `severity` may be a name, `channels` any sequence, `max_age` a `timedelta` or a number of days.
    """
    for name in options:
        if name not in OPTIONS:
            raise UnknownName(f"option of event type {code!r}", name, OPTIONS)
    values = dict(options)
    if "severity" in values:
        values["severity"] = Severity.of(values["severity"])
    if "channels" in values:
        if isinstance(values["channels"], str) or not isinstance(values["channels"], Iterable):
            raise ConfigError(
                f"event type {code!r}: channels must be a list, got {shown(values['channels'])}"
            )
        values["channels"] = tuple(values["channels"])
    age = values.get("max_age", None if values.get("required") else DEFAULT_MAX_AGE)
    values["max_age"] = None if age is None else _age(code, age)
    return EventType(code=code, **values)


def _age(code: str, value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return timedelta(days=value)
    except (ValueError, OverflowError):  # not a number, or more days than there are
        pass
    raise ConfigError(
        f"event type {code!r}: max_age must be a timedelta or a number of days, got {shown(value)}"
    )
