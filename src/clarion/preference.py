"""What a recipient said about being told, and what follows from it for one event type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clarion.event_type import EventType
from clarion.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What a recipient said about a type, a category or everything (`scope`), on one channel or on all.

    Each value alone may be unsaid (`None`). `channels=()` means silence.
    """

    scope: str  # "type:cl.merged", "category:reviews" or "*"
    channel: str = "*"
    enabled: bool | None = None
    channels: tuple[str, ...] | None = None
    min_severity: Severity | None = None
    mode: str | None = None
    changed_at: datetime | None = field(default=None, compare=False)  # the same choice, whenever it was made


LEVELS = ("all", "participating", "mentions", "none")
MODES = ("now", "digest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How closely a recipient follows a topic: a thread, a subject or a topic by name. `None` is unsaid."""

    topic: str
    level: str | None = None
    muted_until: datetime | None = None


def closest(said: Sequence[Watch], topics: Sequence[str], now: datetime) -> tuple[Watch | None, Watch | None]:
    """Of what was said about these topics, the nearest first: whose level counts, and what is muted now."""
    rows = {watch.topic: watch for watch in said}
    near = [rows[topic] for topic in topics if topic in rows]
    level = next((watch for watch in near if watch.level is not None), None)
    muted = next((w for w in near if w.muted_until is not None and w.muted_until > now), None)
    return level, muted


class Choices:
    """The rows that bear on one event type, the nearest first. Each value resolves alone.

    Every answer comes with who said it: a scope, a scope on a channel, or the type's own default.
    """

    def __init__(self, type: EventType, said: Sequence[Preference]) -> None:
        self._type = type
        self._rows = {(row.scope, row.channel): row for row in said}
        near = scopes(type) if said else ()
        self._scopes = [s for s in near if any(scope == s for scope, _ in self._rows)]

    def on(self) -> tuple[bool, str]:
        """Whether this type is wanted at all."""
        return self._first_said("*", "enabled", self._type.enabled)

    def min_severity(self, channel: str) -> tuple[Severity | None, str]:
        return self._first_said(channel, "min_severity", None)

    def mode(self, channel: str) -> str:
        """Whether it comes at once, or in a digest."""
        mode: str = self._first_said(channel, "mode", "now")[0]
        return mode

    def wanted(self, channel: str) -> tuple[bool, str]:
        """Whether this type is wanted on this channel: a cell, or a list of channels, or the type's list."""
        for scope in self._scopes:
            cell, row = self._rows.get((scope, channel)), self._rows.get((scope, "*"))
            if cell is not None and cell.enabled is not None:
                return cell.enabled, f"{scope} on {channel}"
            if row is not None and row.channels is not None:
                return channel in row.channels, scope
        return channel in self._type.channels, "type"

    def channels(self) -> tuple[str, ...]:
        """Every channel worth a decision: the type's, and those that the recipient asked for beyond them."""
        if self._type.required or not self._rows:
            return self._type.channels
        asked = [name for row in self._rows.values() for name in row.channels or ()]
        asked += [channel for (_, channel), row in self._rows.items() if channel != "*" and row.enabled]
        return tuple(dict.fromkeys([*self._type.channels, *asked]))

    def _first_said(self, channel: str, name: str, default: Any) -> tuple[Any, str]:
        for scope in self._scopes:
            for on in dict.fromkeys((channel, "*")):
                row = self._rows.get((scope, on))
                value = None if row is None else getattr(row, name)
                if value is not None:
                    return value, scope if on == "*" else f"{scope} on {on}"
        return default, "type"


def scopes(type: EventType) -> tuple[str, str, str]:
    """Where a preference about this type may stand, the nearest first."""
    return f"type:{type.code}", f"category:{type.category}", "*"
