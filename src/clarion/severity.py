"""How much an event matters: info < warning < action < urgent."""

from __future__ import annotations

from enum import IntEnum

from clarion.errors import UnknownName


class Severity(IntEnum):
    """Stored as its number; written as its name."""

    INFO = 0
    WARNING = 1
    ACTION = 2
    URGENT = 3

    @property
    def label(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, value: Severity | str) -> Severity:
        """The severity of this name or alias of another scale; raises `UnknownName`."""
        if isinstance(value, Severity):
            return value
        name = ALIASES.get(str(value).lower(), str(value).lower())
        try:
            return cls[name.upper()]
        except KeyError:
            raise UnknownName("severity", str(value), [*(s.label for s in cls), *ALIASES]) from None


ALIASES = {
    "debug": "info",
    "low": "info",
    "normal": "info",
    "notice": "info",
    "warn": "warning",
    "medium": "warning",
    "error": "action",
    "high": "action",
    "critical": "urgent",
    "fatal": "urgent",
    "emergency": "urgent",
}
