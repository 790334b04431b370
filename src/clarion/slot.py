"""Slots: places in the window of a cooldown (one) or a throttle (so many), and who holds them. Pure.

A slot is taken while its holder, a notification, waits or is being sent, and for the window after it was sent.
So nothing is ever given back: a holder that ends unsent holds nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from clarion.severity import Severity

KEYS = ("type", "category", "thread", "subject", "actor", "severity")
CHARGES = ("notification", "channel")
OVERFLOWS = ("suppress", "hold")

# What a delivery has to do with slots, as stored with what is left to do.
FREE = 0  # nothing
HOLDS = 1  # its notification holds one or more
OWES = 2  # held back for want of one: it takes one before it is sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A cooldown (`limit` 1) or a throttle. Made by `policy.Cooldown` and `policy.Throttle`, which check it."""

    name: str
    limit: int
    window: timedelta
    key: tuple[str, ...]
    channels: tuple[str, ...] | None = None
    charge: str = "notification"
    overflow: str = "suppress"
    exempt: Severity | None = None

    def concerns(self, channel: str) -> bool:
        return self.channels is None or channel in self.channels

    def passes(self, severity: Severity) -> bool:
        return self.exempt is not None and severity >= self.exempt

    def written(self, about: Mapping[str, str | None]) -> str:
        """The key of its slots: the rule itself, and what it is kept for; what is absent is left empty."""
        shape = f"{self.name} {self.limit}/{self.window.total_seconds():g}s"
        kept_for = [f"{part}={about[part] or ''}" for part in self.key]
        on = [] if self.channels is None else [f"on={','.join(self.channels)}"]
        return " ".join([shape, *on, *kept_for])


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One rule for one event: the key of its slots, and the channels that share them."""

    rule: Rule
    key: str
    channels: tuple[str, ...] | None

    def concerns(self, channel: str) -> bool:
        return self.channels is None or channel in self.channels


def charges(
    rules: Iterable[Rule], about: Mapping[str, str | None], severity: Severity, channels: Iterable[str]
) -> tuple[Charge, ...]:
    """What an event of this severity is charged for on these channels."""
    found: list[Charge] = []
    for rule in rules:
        if rule.passes(severity):
            continue
        key = rule.written(about)
        if rule.charge == "notification":
            found.append(Charge(rule=rule, key=key, channels=rule.channels))
        else:
            here = [channel for channel in channels if rule.concerns(channel)]
            found += [Charge(rule=rule, key=f"{key} at={c}", channels=(c,)) for c in here]
    return tuple(found)


class Slot(NamedTuple):
    """A taken one. `until` is the end of the window after it was sent; `None` while its holder waits.

    A tuple: a page of a crowd has thousands.
    """

    severity: Severity
    n: int
    holder: UUID | None  # None: somebody in the page that is being planned
    taken_at: datetime
    until: datetime | None


@dataclass(slots=True)
class Slots:
    """What is taken, by (recipient, key). Planning takes from it, so that who comes next sees it."""

    taken: dict[tuple[str, str], list[Slot]] = field(default_factory=dict)

    def blocking(self, recipient: str, key: str, severity: Severity, now: datetime) -> list[Slot]:
        """Those that count against an event of this severity: of the same or a higher one, and not over."""
        held = self.taken.get((recipient, key))
        if not held:
            return []
        return [s for s in held if s.severity >= severity and (s.until is None or s.until > now)]

    def take(
        self, recipient: str, key: str, severity: Severity, limit: int, now: datetime, until: datetime | None
    ) -> int:
        """Take the first free one of this severity; its number."""
        held = self.taken.setdefault((recipient, key), [])
        if not held:
            held.append(Slot(severity=severity, n=0, holder=None, taken_at=now, until=until))
            return 0
        mine = {s.n: s for s in held if s.severity == severity}
        n = next(n for n in range(limit) if n not in mine or _is_over(mine[n], now))
        if n in mine:
            held.remove(mine[n])
        held.append(Slot(severity=severity, n=n, holder=None, taken_at=now, until=until))
        return n

    def sent(self, recipient: str, key: str, severity: Severity, n: int, until: datetime) -> None:
        """The holder of this one was sent: its window ends at `until`."""
        held = self.taken[recipient, key]
        held[:] = [s._replace(until=until) if (s.severity, s.n) == (severity, n) else s for s in held]


def _is_over(slot: Slot, now: datetime) -> bool:
    return slot.until is not None and slot.until <= now
