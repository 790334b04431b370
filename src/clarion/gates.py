"""The gates: every reason why somebody is not told. Pure functions from a question to a refusal.

A gate's name is what people are shown and what metrics are labelled with; its bit is what operators list
and count by. Both are stored: a name is never reused, a bit never moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clarion.question import INBOX, Place, Question


@dataclass(frozen=True, slots=True)
class Suppress:
    """No, for good, because of these values."""

    values: Mapping[str, Any]


Verdict = Suppress
Gate = Callable[[Question, Place], Verdict | None]


def expired(q: Question, place: Place) -> Verdict | None:
    if q.expires_at is not None and q.expires_at <= q.now:
        return Suppress({"expires_at": q.expires_at, "now": q.now})
    if q.stale_at is not None and q.stale_at <= q.now and place.channel != INBOX:
        return Suppress({"max_age_until": q.stale_at, "now": q.now})
    return None


def withdrawn(q: Question, _place: Place) -> Verdict | None:
    """What it was about is gone: asked again before sending."""
    return Suppress({"withdrawn": True}) if q.withdrawn else None


def actor(q: Question, _place: Place) -> Verdict | None:
    """Nobody is told what they did themselves, unless the type says so."""
    return Suppress({"actor": True}) if q.is_actor and not q.tell_actor else None


def active(q: Question, _place: Place) -> Verdict | None:
    if not q.known:
        return Suppress({"known": False})
    return None if q.active else Suppress({"active": False})


def access(q: Question, _place: Place) -> Verdict | None:
    return Suppress({"access": False}) if q.access is False else None


def reachable(_q: Question, place: Place) -> Verdict | None:
    if place.addresses:
        return None
    return Suppress({"addresses": 0, "gone": place.gone} if place.gone else {"addresses": 0})


def enabled(q: Question, place: Place) -> Verdict | None:
    """Whether the channel was open to this type when the event was emitted: history is never sent."""
    if place.narrowed:
        return Suppress({"narrowed": "the event asked for other channels"})
    if place.enabled_since is None:
        return Suppress({"configured": False})
    if place.enabled_since > q.emitted_at:
        return Suppress({"enabled_since": place.enabled_since, "emitted_at": q.emitted_at})
    return None


def consent(q: Question, place: Place) -> Verdict | None:
    """At all, this type, this channel: the first that the recipient said no to."""
    if q.required:
        return None
    if not q.switched_on:
        return Suppress({"said_by": "global switch"})
    if not q.on:
        return Suppress({"said_by": q.on_by, "type": q.type})
    if not place.wanted:
        return Suppress({"said_by": place.wanted_by, "channel": place.channel})
    return None


def severity(q: Question, place: Place) -> Verdict | None:
    if q.required or place.min_severity is None or q.severity >= place.min_severity:
        return None
    return Suppress(
        {
            "severity": q.severity.label,
            "min_severity": place.min_severity.label,
            "said_by": place.min_severity_by,
        }
    )


def read(q: Question, place: Place) -> Verdict | None:
    """Read in the inbox meanwhile, and the type says that is enough: asked again before sending."""
    return Suppress({"read": True}) if q.read and q.unless_read and place.channel != INBOX else None


# The order decides which reason is shown when several apply: what is true of the event comes first, then what
# is true of the person, then what the installation can do, and only then what the recipient chose. Told the
# other way round, "you switched it off" would hide that switching it on would change nothing.
GATES: tuple[Gate, ...] = (
    expired,
    withdrawn,
    actor,
    active,
    access,
    reachable,
    enabled,
    consent,
    severity,
    read,
)

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
}


def names_in(bits: int) -> list[str]:
    """The gates whose bits are set."""
    return [name for name, bit in BITS.items() if bits & bit]
