"""Groups of recipients, named by what they have in common: who belongs is asked when the event is told, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from clarion.errors import InvalidInput, shown

GROUPS_LIMIT = 100  # of one event
LONGEST = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Role:
    """Every active recipient who has this role: `Role("admin")`."""

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise InvalidInput(f"a role must be a text that is not empty, got {shown(self.name)}")

    def __str__(self) -> str:
        return f"role {self.name}"


@dataclass(frozen=True, slots=True, init=False)
class Active:
    """Every active recipient seen within so long before the event is due: `Active(days=30)`."""

    within: timedelta

    def __init__(self, *, days: float | None = None, within: timedelta | None = None) -> None:
        if (days is None) == (within is None):
            raise InvalidInput("Active takes either days or within: Active(days=30)")
        object.__setattr__(self, "within", _span(days if within is None else within))

    def __str__(self) -> str:
        days, rest = divmod(self.within, timedelta(days=1))
        if rest:
            return f"active in {self.within}"
        return "active in 1 day" if days == 1 else f"active in {days} days"


@dataclass(frozen=True, slots=True)
class Everyone:
    """Every active recipient of the tenant."""

    def __str__(self) -> str:
        return "everyone"


Group = Role | Active | Everyone


def group_json(group: Group) -> dict[str, Any]:
    """A group as it is stored; a length of time in seconds."""
    match group:
        case Role(name):
            return {"role": name}
        case Active(within=within):
            return {"active": within.total_seconds()}
        case Everyone():
            return {"everyone": True}


def group_from_json(stored: Mapping[str, Any]) -> Group | None:
    """The reverse of `group_json`; `None` for what is no group."""
    match stored:
        case {"role": name}:
            return Role(name)
        case {"active": seconds}:
            return Active(within=timedelta(seconds=seconds))
        case {"everyone": True}:
            return Everyone()
    return None


def _span(value: object) -> timedelta:
    span = value
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            span = timedelta(days=value)
        except (ValueError, OverflowError):  # not a number, or more days than there are
            span = None
    if not isinstance(span, timedelta) or not timedelta() < span <= LONGEST:
        raise InvalidInput(
            f"Active is about a number of days, or a timedelta, above nothing and at most {LONGEST.days} days; "
            f"got {shown(value)}"
        )
    return span
