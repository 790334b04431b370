"""A cap: how fast, or how many at once, a channel may be sent on, by all workers together. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from clarion.errors import ConfigError, shown

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Cap:
    """A bound for one channel. `each`: of the channel as a whole, or of each lane of it (a tenant, a destination).

    `per_second`: deliveries begun, counted as they are claimed; a tenth of a second's worth may come together.
    `at_once`: deliveries in the hands of all workers. Raises `ConfigError`.
    """

    channel: str
    per_second: float | None = None
    at_once: int | None = None
    each: Literal["channel", "lane"] = "channel"

    def __post_init__(self) -> None:
        if self.per_second is None and self.at_once is None:
            raise ConfigError(f"the cap of {self.channel!r} says nothing: give per_second or at_once")
        if self.per_second is not None and not 0 < self.per_second <= 1_000_000:
            raise ConfigError(f"per_second is {shown(self.per_second)}: it is above 0, at most 1,000,000")
        if self.at_once is not None and self.at_once < 1:
            raise ConfigError(f"at_once is {shown(self.at_once)}: it is at least 1")
        if self.each not in {"channel", "lane"}:
            raise ConfigError(f"each is {shown(self.each)}: it is 'channel' or 'lane'")

    @property
    def interval(self) -> timedelta | None:
        """From one delivery to the next at this rate."""
        return None if self.per_second is None else _SECOND / self.per_second

    @property
    def burst(self) -> int:
        """How many may be begun together after a rest."""
        return 1 if self.per_second is None else max(1, int(self.per_second / 10))


@dataclass(slots=True)
class Meter:
    """What is left of a cap: the rate is spent until an instant, and so many deliveries are in other hands."""

    cap: Cap
    spent_until: datetime
    elsewhere: int = 0
    changed: bool = False

    def room(self, now: datetime, in_hand: int) -> int:
        """How many more may be begun now, beside those in hand; a large number without a bound."""
        rooms = [1_000_000]
        if self.cap.at_once is not None:
            rooms.append(self.cap.at_once - self.elsewhere - in_hand)
        if (interval := self.cap.interval) is not None:
            rooms.append((now + self.cap.burst * interval - max(self.spent_until, now)) // interval)
        return max(0, min(rooms))

    def spend(self, now: datetime, number: int) -> None:
        """So many are begun; fewer than none: so many of before were not, after all."""
        if number and (interval := self.cap.interval) is not None:
            self.changed = True
            since = max(self.spent_until, now) if number > 0 else self.spent_until
            self.spent_until = since + number * interval

    def wait(self, now: datetime) -> timedelta:
        """Until the rate allows one more."""
        if (interval := self.cap.interval) is None:
            return timedelta()
        return max(timedelta(), self.spent_until + interval - self.cap.burst * interval - now)


def of_channel(caps: Iterable[Cap], channel: str) -> dict[str, Cap]:
    """The caps of this channel, by what they are `each` for. Raises `ConfigError` if there are two for one."""
    found: dict[str, Cap] = {}
    for cap in caps:
        if cap.channel == channel:
            if cap.each in found:
                raise ConfigError(f"{channel!r} has two caps for each {cap.each}: say both bounds in one")
            found[cap.each] = cap
    return found
