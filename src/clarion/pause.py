"""A pause: a channel, or a lane of it, is left alone: it was out of reach, or an operator says so. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from clarion.delivery import spread

ITSELF = "clarion"  # who began a pause that nobody asked for
_LONGEST = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """`lane`: empty if all of the channel pauses. `probes`: how often it was tried meanwhile; `until`: when next."""

    channel: str
    lane: str = ""
    by: str
    since: datetime
    until: datetime
    probes: int = 0
    code: str | None = None
    detail: str | None = None

    @property
    def asked_for(self) -> bool:
        """By an operator: nothing is tried before it ends."""
        return self.by != ITSELF

    def __str__(self) -> str:
        return f"{self.channel} ({self.lane})" if self.lane else self.channel


def wait_before_probe(probes: int) -> timedelta:
    """Doubling from a second to half a minute: how long a provider rests after so many probes in vain."""
    return min(timedelta(seconds=2 ** min(probes, 10)), _LONGEST) * spread(0.2)
