"""How long what is over is kept, and what that time may not be below. Pure.

It counts from completion: from the last outcome of an event's deliveries, or from the end of its walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from clarion.errors import ConfigError, shown
from clarion.event import FURTHEST
from clarion.event_type import EventType

DEFAULT = timedelta(days=30)
LEAST = FURTHEST + timedelta(days=1)  # an event is never forgotten before the furthest schedule is due

FEED_KEPT = timedelta(days=7)  # the change feed, whatever the retention
AUDIT_KEPT = timedelta(days=365)  # what operators did, or longer, with a longer retention


def windows(type: EventType) -> Iterator[tuple[str, timedelta]]:
    """The times for which a type's policy looks back, by what they are called."""
    for rule in type.policy.rules:
        yield rule.name, rule.window
    for step in type.policy.escalation:
        if step.after is not None:
            yield "escalation", step.after


def longest(type: EventType) -> timedelta:
    """The longest of them; nothing where the policy does not look back."""
    return max((window for _, window in windows(type)), default=timedelta())


def check(retention: timedelta, types: Iterable[EventType]) -> None:
    """Raises `ConfigError` for a retention that is shorter than what is scheduled or looked back for."""
    if not isinstance(retention, timedelta):
        raise ConfigError(
            f"retention must be a timedelta, such as timedelta(days=30), got {shown(retention)}"
        )
    if retention < LEAST:
        raise ConfigError(
            f"a retention of {said(retention)} is too short: events may be scheduled {FURTHEST.days} days ahead; "
            f"make it {LEAST.days} days or more"
        )
    for type in types:
        for name, window in windows(type):
            if window > retention:
                raise ConfigError(
                    f"event type {type.code!r}: its {name} looks back {said(window)}, but what is over is kept for "
                    f"{said(retention)}; shorten it, or give Clarion(…) a retention of {said(window)} or more"
                )


def said(time: timedelta) -> str:
    """`30 days`, `90 minutes`: in the largest unit that leaves nothing over."""
    for unit in ("days", "hours", "minutes", "seconds"):
        count, rest = divmod(time, timedelta(**{unit: 1}))
        if not rest:
            return f"{count} {unit if count != 1 else unit[:-1]}"
    return str(time)
