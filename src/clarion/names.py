"""The names that an application has declared: what preferences and addresses may speak of, and nothing else."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from clarion.errors import InvalidInput, UnknownName
from clarion.event_type import EventType
from clarion.question import INBOX


class Names:
    """Sees what is declared later, too: both arguments may still grow."""

    def __init__(self, types: Mapping[str, EventType], configured: Collection[str]) -> None:
        self.types = types
        self._configured = configured

    @property
    def channels(self) -> set[str]:
        """Those configured here, and those that a type declares: another process may have them."""
        declared = {name for type in self.types.values() for name in type.channels}
        return {INBOX, *self._configured, *declared}

    def check_channels(self, names: Iterable[str]) -> None:
        """Raises `UnknownName`."""
        known: set[str] = set()
        for name in names:
            known = known or self.channels
            if name not in known:
                raise UnknownName("channel", str(name), known)

    def check_scope(self, scope: str) -> EventType | None:
        """The type that a scope is about, if it is about one. Raises `InvalidInput`, `UnknownName`."""
        kind, _, name = scope.partition(":")
        if kind == "type":
            if name not in self.types:
                raise UnknownName("event type", name, self.types)
            return self.types[name]
        if kind == "category":
            known = {type.category for type in self.types.values()}
            if name not in known:
                raise UnknownName("category", name, known)
        elif scope != "*":
            raise InvalidInput(f"scope {scope[:80]!r} must be 'type:…', 'category:…' or '*'")
        return None


_SOME_ZONES = ("America/New_York", "Asia/Tokyo", "Europe/Berlin", "UTC", "…")  # instead of hundreds


@lru_cache(maxsize=1024)
def time_zone(name: str) -> str:
    """The name of a time zone, which exists. Raises `UnknownName`."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found is a KeyError
        zones = available_timezones()
        alike = difflib.get_close_matches(name, zones, n=1, cutoff=0.5)
        raise UnknownName("time zone", name, alike or _SOME_ZONES) from None
    return name
