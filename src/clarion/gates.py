"""The gates: every reason why somebody is not told, or not yet. Pure functions from a question to a verdict.

A gate's name is what people are shown and what metrics are labelled with; its bit is what operators list
and count by. Both are stored: a name is never reused, a bit never moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from clarion.question import INBOX, Charged, Place, Question


@dataclass(frozen=True, slots=True)
class Suppress:
    """No, for good, because of these values."""

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hold:
    """Not before `until`."""

    until: datetime
    values: Mapping[str, Any]


Verdict = Suppress | Hold
Gate = Callable[[Question, Place], Suppress | None]
TimeGate = Callable[
    [Question, Place, datetime], Hold | None
]  # asked of an instant, which may be in the future
ChargingGate = Callable[[Question, Place], Verdict | None]

_LOOK_AGAIN = timedelta(minutes=1)


def expired(q: Question, place: Place) -> Suppress | None:
    return expired_at(q, place, q.now)


def expired_at(q: Question, place: Place, at: datetime) -> Suppress | None:
    """Whether it would be too late at `at`."""
    if q.expires_at is not None and q.expires_at <= at:
        return Suppress({"expires_at": q.expires_at, "now": at})
    if q.stale_at is not None and q.stale_at <= at and place.channel != INBOX:
        return Suppress({"max_age_until": q.stale_at, "now": at})
    return None


def resolved(q: Question, _place: Place) -> Suppress | None:
    """The state of the world that it told of has ended."""
    return Suppress({"resolved": True}) if q.resolved else None


def withdrawn(q: Question, _place: Place) -> Suppress | None:
    """What it was about is gone, or gone for this recipient."""
    return Suppress({"withdrawn": True}) if q.withdrawn else None


def actor(q: Question, _place: Place) -> Suppress | None:
    """Nobody is told what they did themselves, unless the type says so."""
    return Suppress({"actor": True}) if q.is_actor and not q.tell_actor else None


def active(q: Question, _place: Place) -> Suppress | None:
    if not q.known:
        return Suppress({"known": False})
    return None if q.active else Suppress({"active": False})


def access(q: Question, _place: Place) -> Suppress | None:
    return Suppress({"access": False}) if q.access is False else None


def reachable(_q: Question, place: Place) -> Suppress | None:
    if place.addresses:
        return None
    return Suppress({"addresses": 0, "gone": place.gone} if place.gone else {"addresses": 0})


def enabled(q: Question, place: Place) -> Suppress | None:
    """Whether the channel was open to this type when the event was emitted: history is never sent."""
    if place.narrowed:
        return Suppress({"narrowed": "the event asked for other channels"})
    if place.enabled_since is None:
        return Suppress({"configured": False})
    if place.enabled_since > q.emitted_at:
        return Suppress({"enabled_since": place.enabled_since, "emitted_at": q.emitted_at})
    return None


def consent(q: Question, place: Place) -> Suppress | None:
    """At all, this type, this channel: the first that the recipient said no to."""
    if q.required:
        return None
    if not q.switched_on:
        return Suppress({"said_by": "global switch"})
    if q.silent_until is not None and q.silent_until > q.now:
        return Suppress({"said_by": "silence", "until": q.silent_until})
    if not q.on:
        return Suppress({"said_by": q.on_by, "type": q.type})
    if not place.wanted:
        return Suppress({"said_by": place.wanted_by, "channel": place.channel})
    return None


def level(q: Question, _place: Place) -> Suppress | None:
    """How closely the recipient follows what it is about, judged with the reason."""
    if q.required or _follows(q.level, q.reason):
        return None
    return Suppress({"level": q.level, "reason": q.reason, "topic": q.level_by})


def _follows(level: str, reason: str) -> bool:
    match level:
        case "all":
            return True
        case "participating":
            return reason != "subscribed"
        case "mentions":
            return reason == "mention"
    return False


def muted(q: Question, _place: Place) -> Suppress | None:
    if q.required or q.muted_until is None or q.muted_until <= q.now:
        return None
    return Suppress({"topic": q.muted, "until": q.muted_until})


def severity(q: Question, place: Place) -> Suppress | None:
    if q.required or place.min_severity is None or q.severity >= place.min_severity:
        return None
    return Suppress(
        {
            "severity": q.severity.label,
            "min_severity": place.min_severity.label,
            "said_by": place.min_severity_by,
        }
    )


def tags(q: Question, _place: Place) -> Suppress | None:
    if q.required or q.tags_refused_by is None:
        return None
    return Suppress({"refused_by": q.tags_refused_by})


def silenced(_q: Question, place: Place) -> Suppress | None:
    """An operator's silence: required types do not pass it either."""
    if place.silence is None:
        return None
    return Suppress({"silence": place.silence, "by": place.silenced_by, "until": place.silenced_until})


def read(q: Question, place: Place) -> Suppress | None:
    """Read in the inbox meanwhile, and the type says that is enough: asked again before sending."""
    return Suppress({"read": True}) if q.read and q.unless_read and place.channel != INBOX else None


def scheduled(q: Question, _place: Place, at: datetime) -> Hold | None:
    """Not before the event is due. Its fan-out waits for that as well: this is what a preview shows."""
    return Hold(q.due_at, {"due_at": q.due_at}) if q.due_at > at else None


def quiet_hours(q: Question, place: Place, at: datetime) -> Hold | None:
    """The hours in which the recipient is not to be disturbed; an item in the inbox disturbs nobody."""
    hours = q.quiet_hours
    if hours is None or q.required or place.channel == INBOX or q.severity >= hours.passes:
        return None
    until = hours.until(at, q.time_zone)
    return None if until is None else Hold(until, {"until": until, "time_zone": q.time_zone})


def cooldown(q: Question, place: Place) -> Verdict | None:
    return _charging(q, place, "cooldown")


def throttle(q: Question, place: Place) -> Verdict | None:
    return _charging(q, place, "throttle")


def _charging(q: Question, place: Place, rule: str) -> Verdict | None:
    for charged in q.charges:
        if charged.rule == rule and charged.full and charged.concerns(place.channel):
            # A hold delays what is sent. An item in the inbox is sent nowhere, and interrupts nobody.
            if charged.overflow == "hold":
                return None if place.channel == INBOX else Hold(_room_at(q, charged), _values(charged))
            return Suppress(_values(charged))
    return None


def _room_at(q: Question, charged: Charged) -> datetime:
    """When there may be room: where it is not known, because those who were first still wait, look again soon."""
    return charged.until or q.now + min(timedelta(seconds=charged.window_seconds), _LOOK_AGAIN)


def _values(charged: Charged) -> dict[str, Any]:
    values = {"key": charged.key, "taken": charged.taken, "limit": charged.limit}
    return {**values, "since": charged.since, "until": charged.until}


# The order decides which reason is shown when several apply: what is true of the event comes first, then what
# is true of the person, then what the installation can do, then what the recipient chose, from the whole to the
# part, then what an operator said for a while. Told the other way round, "you switched it off" would hide that
# switching it on would change nothing. `read` is last: it is asked before sending only.
REFUSALS: tuple[Gate, ...] = (
    expired,
    resolved,
    withdrawn,
    actor,
    active,
    access,
    reachable,
    enabled,
    consent,
    level,
    muted,
    severity,
    tags,
    silenced,
    read,
)
# Repeated until none moves the instant any more: what is due in quiet hours waits for their end. (`digest`, which
# collects, comes behind quiet hours: a digest is sent outside of them.)
TIME_GATES: tuple[TimeGate, ...] = (scheduled, quiet_hours)
# Last, because whoever passes them takes a slot, and what another gate refuses must take none. A cooldown first:
# what it refuses does not count against a throttle.
CHARGES: tuple[ChargingGate, ...] = (cooldown, throttle)

NAMES = tuple(gate.__name__ for gates in (REFUSALS, TIME_GATES, CHARGES) for gate in gates)

# Stored in `notifications.gates`.
BITS: Mapping[str, int] = {
    "expired": 1 << 0,
    "actor": 1 << 1,
    "active": 1 << 2,
    "access": 1 << 3,
    "reachable": 1 << 4,
    "enabled": 1 << 5,
    "consent": 1 << 6,
    "severity": 1 << 7,
    "withdrawn": 1 << 8,
    "read": 1 << 9,
    "resolved": 1 << 10,
    "level": 1 << 11,
    "muted": 1 << 12,
    "tags": 1 << 13,
    "silenced": 1 << 14,
    "scheduled": 1 << 15,
    "quiet_hours": 1 << 16,
    "digest": 1 << 17,
    "cooldown": 1 << 18,
    "throttle": 1 << 19,
}


class Decision(NamedTuple):
    """What was decided for one channel: told now, not before an instant, or not at all; and the gate that said so.

    `owes`: it waits for a slot, which it takes before it is sent.
    """

    channel: str
    gate: str | None = None
    verdict: Verdict | None = None
    owes: bool = False

    @property
    def told(self) -> bool:
        """Now, or at its time."""
        return not isinstance(self.verdict, Suppress)

    @property
    def until(self) -> datetime | None:
        """What it waits for, if it does."""
        return self.verdict.until if isinstance(self.verdict, Hold) else None


def names_in(bits: int) -> list[str]:
    """The gates whose bits are set."""
    return [name for name, bit in BITS.items() if bits & bit]
