"""What an event type asks of deciding and delivering, beyond its channels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from clarion.errors import ConfigError, UnknownName, shown
from clarion.severity import Severity
from clarion.slot import CHARGES, KEYS, OVERFLOWS, Rule

SECONDS = timedelta(seconds=1)
MINUTES = timedelta(minutes=1)
HOURS = timedelta(hours=1)
LONGEST_WINDOW = timedelta(days=30)  # as long as what was sent is remembered
_MOST_PER_WINDOW = 10_000


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


def Cooldown(  # noqa: N802 - reads as a value where it is declared
    *,
    days: float = 0,
    hours: float = 0,
    minutes: float = 0,
    seconds: float = 0,
    key: str | Iterable[str] = "type",
    channels: Iterable[str] | None = None,
    charge: str = "notification",
    exempt: Severity | str | None = None,
) -> Rule:
    """Once per window, recipient and `key`, counted from what really reached them.

    `key`: what the window is kept for, one or more of `type`, `category`, `thread`, `subject`, `actor`,
    `severity`; shared by every type that declares the same rule. `channels`: where it applies, everywhere by
    default. `charge`: once per `notification`, or for each `channel` by itself. `exempt`: from this severity
    on, nothing is blocked or counted. Raises `ConfigError`.
    """
    window = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return _rule("cooldown", 1, window, key, channels, charge, "suppress", exempt)


def Throttle(  # noqa: N802 - as above
    limit: int,
    *,
    days: float = 0,
    hours: float = 0,
    minutes: float = 0,
    seconds: float = 0,
    key: str | Iterable[str] = "type",
    channels: Iterable[str] | None = None,
    charge: str = "notification",
    overflow: str = "suppress",
    exempt: Severity | str | None = None,
) -> Rule:
    """At most `limit` per window, recipient and `key`; what is beyond is dropped, or held until there is room.

    The other options are those of `Cooldown`. A held item is in the inbox at once, its deliveries wait.
    """
    window = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return _rule("throttle", limit, window, key, channels, charge, overflow, exempt)


def _rule(
    name: str,
    limit: int,
    window: timedelta,
    key: str | Iterable[str],
    channels: Iterable[str] | None,
    charge: str,
    overflow: str,
    exempt: Severity | str | None,
) -> Rule:
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= _MOST_PER_WINDOW:
        raise ConfigError(f"{name}: the limit is from 1 to {_MOST_PER_WINDOW:,}, got {shown(limit)}")
    if not timedelta() < window <= LONGEST_WINDOW:
        raise ConfigError(
            f"{name}: a window of {window} is not between nothing and {LONGEST_WINDOW.days} days, for which "
            "what was sent is remembered"
        )
    parts = (key,) if isinstance(key, str) else tuple(key)
    for part in parts or ("",):
        if part not in KEYS:
            raise UnknownName(f"part of the key of a {name}", part, KEYS)
    for value, known, what in ((charge, CHARGES, "charge"), (overflow, OVERFLOWS, "overflow")):
        if value not in known:
            raise UnknownName(f"{what} of a {name}", str(value), known)
    if isinstance(channels, str):
        raise ConfigError(f"{name}: channels must be a list, got {channels!r}")
    return Rule(
        name=name,
        limit=limit,
        window=window,
        key=tuple(part for part in KEYS if part in parts),
        channels=None if channels is None else tuple(sorted(set(channels))),
        charge=charge,
        overflow=overflow,
        exempt=None if exempt is None else Severity.of(exempt),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """When an open condition becomes more severe: after so many `repeats`, or so long `after` it opened.

    `severity`: what it becomes, one above by default. `renotify`: tell its audience again, with that severity;
    otherwise what was told is only raised where it stands.
    """

    repeats: int | None = None
    after: timedelta | None = None
    severity: Severity | None = None
    renotify: bool = True

    def __post_init__(self) -> None:
        if self.repeats is None and self.after is None:
            raise ConfigError("an escalation needs repeats, or a time after which")
        if self.repeats is not None and self.repeats < 1:
            raise ConfigError(f"an escalation needs at least one repeat, got {self.repeats}")
        if self.after is not None and not timedelta() < self.after <= LONGEST_WINDOW:
            raise ConfigError(
                f"an escalation's time is above nothing and at most {LONGEST_WINDOW.days} days, got {self.after}"
            )
        if self.severity is not None:
            object.__setattr__(self, "severity", Severity.of(self.severity))

    def raised(self, severity: Severity) -> Severity:
        """What becomes of a condition of this severity; never less."""
        wanted = Severity(min(severity + 1, Severity.URGENT)) if self.severity is None else self.severity
        return max(severity, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of an event type.

    `tell_actor`: whether who did it is told as well, as for a security notice about one's own account.
    `escalation`: the steps by which an open condition of this type becomes more severe, one after the other.
    """

    retries: Retries = field(default_factory=Retries)
    tell_actor: bool = False
    cooldown: Rule | None = None
    throttle: Rule | None = None
    escalation: tuple[Escalation, ...] = ()

    def __post_init__(self) -> None:
        for step in self.escalation:
            if not isinstance(step, Escalation):
                raise ConfigError(f"escalation must be a tuple of Escalation(…), got {shown(step)}")
        for name in ("cooldown", "throttle"):
            rule = getattr(self, name)
            if rule is not None and getattr(rule, "name", None) != name:
                raise ConfigError(f"{name} must be a {name.title()}(…), got {shown(rule)}")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those that charge slots, in the order in which they are asked."""
        return tuple(rule for rule in (self.cooldown, self.throttle) if rule is not None)
