"""A condition: a state of the world that an event opened, and how it becomes more severe while it is open. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clarion.policy import Escalation
from clarion.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCondition:
    """A condition that has not ended. `event_id`: the one that opened it; `repeats`: how often it was said again."""

    condition: str
    event_id: UUID
    severity: Severity
    opened_at: datetime
    repeats: int
    last_at: datetime


def steps_taken(
    steps: Sequence[Escalation], taken: int, *, repeats: int, opened_at: datetime, now: datetime
) -> int:
    """How many of `steps` are taken by `now`, if `taken` were before: one after the other, none skipped."""
    while taken < len(steps) and _has_come(steps[taken], repeats, opened_at, now):
        taken += 1
    return taken


def _has_come(step: Escalation, repeats: int, opened_at: datetime, now: datetime) -> bool:
    by_count = step.repeats is not None and repeats >= step.repeats
    return by_count or (step.after is not None and now >= opened_at + step.after)


def next_at(steps: Sequence[Escalation], taken: int, opened_at: datetime) -> datetime | None:
    """When the step after these comes by time alone."""
    after = steps[taken].after if taken < len(steps) else None
    return None if after is None else opened_at + after


def raised(steps: Sequence[Escalation], severity: Severity) -> Severity:
    """The severity after these steps."""
    for step in steps:
        severity = step.raised(severity)
    return severity


# ── The event that tells of a step ───────────────────────────────────────────────────────────────────────

_ESCALATION = "clarion:escalation:"


def escalation_key(id: UUID, step: int) -> str:
    """The key of the event by which this condition's audience is told again: one for each step."""
    return f"{_ESCALATION}{id}:{step}"


def escalates(key: str | None) -> UUID | None:
    """The condition whose step is told of by an event with this key."""
    if key is None or not key.startswith(_ESCALATION):
        return None
    try:
        return UUID(key.removeprefix(_ESCALATION).partition(":")[0])
    except ValueError:  # somebody else's key
        return None
