"""What an event type asks of deciding and delivering, beyond its channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from clarion.errors import ConfigError

SECONDS = timedelta(seconds=1)
MINUTES = timedelta(minutes=1)
HOURS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Retries:
    """When to try again after each failed attempt; after the last one the delivery is `failed`.

    Each wait is spread by ± `jitter` (a share of it), so that what failed together does not return together.
    """

    waits: tuple[timedelta, ...] = (
        5 * SECONDS,
        30 * SECONDS,
        5 * MINUTES,
        30 * MINUTES,
        2 * HOURS,
        6 * HOURS,
        12 * HOURS,
    )
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if any(wait <= timedelta() for wait in self.waits):
            raise ConfigError(f"every wait between attempts must be positive, got {self.waits}")
        if not 0 <= self.jitter < 1:
            raise ConfigError(f"jitter is a share of the wait from 0 to below 1, got {self.jitter}")

    @classmethod
    def exponential(
        cls, *, attempts: int, first: timedelta, ceiling: timedelta, jitter: float = 0.2
    ) -> Retries:
        """Doubling waits from `first` up to `ceiling`, for `attempts` attempts in all."""
        if attempts < 1:
            raise ConfigError(f"at least one attempt is needed, got {attempts}")
        waits: list[timedelta] = []
        for _ in range(attempts - 1):
            waits.append(min(waits[-1] * 2 if waits else first, ceiling))
        return cls(tuple(waits), jitter)

    @property
    def attempts(self) -> int:
        return len(self.waits) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of an event type.

    `tell_actor`: whether who did it is told as well, as for a security notice about one's own account.
    """

    retries: Retries = field(default_factory=Retries)
    tell_actor: bool = False
