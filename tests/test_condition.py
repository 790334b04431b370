"""The steps of a condition: which are taken, when the next comes, and what becomes of the severity."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from clarion.condition import escalates, escalation_key, next_at, raised, steps_taken
from clarion.policy import Escalation
from clarion.severity import Severity

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BY_COUNT, BY_TIME, BY_BOTH = (
    Escalation(repeats=3),
    Escalation(after=5 * MINUTE),
    Escalation(repeats=10, after=60 * MINUTE, severity=Severity.URGENT),
)
STEPS = (BY_COUNT, BY_TIME, BY_BOTH)


@pytest.mark.parametrize(
    ("taken", "repeats", "minutes", "expected"),
    [
        (0, 0, 0, 0),
        (0, 2, 59, 0),  # the second step's time has come, but none is skipped
        (0, 3, 0, 1),
        (0, 3, 5, 2),
        (1, 3, 4.99, 1),
        (1, 3, 5, 2),
        (2, 9, 59, 2),
        (2, 10, 5, 3),
        (2, 3, 60, 3),
        (0, 10, 60, 3),  # all that nobody was there to take
        (3, 99, 99, 3),
    ],
)
def test_steps_are_taken_one_after_the_other(taken: int, repeats: int, minutes: float, expected: int) -> None:
    now = NOON + minutes * MINUTE
    assert steps_taken(STEPS, taken, repeats=repeats, opened_at=NOON, now=now) == expected


def test_the_next_comes_by_time_only_if_it_has_one() -> None:
    assert next_at(STEPS, 0, NOON) is None
    assert next_at(STEPS, 1, NOON) == NOON + 5 * MINUTE
    assert next_at(STEPS, 2, NOON) == NOON + 60 * MINUTE
    assert next_at(STEPS, 3, NOON) is None
    assert next_at((), 0, NOON) is None


def test_severity_rises_and_never_falls() -> None:
    assert raised((BY_COUNT,), Severity.INFO) == Severity.WARNING
    assert raised((BY_COUNT, BY_TIME), Severity.INFO) == Severity.ACTION
    assert raised(STEPS, Severity.INFO) == Severity.URGENT
    assert raised((BY_COUNT,), Severity.URGENT) == Severity.URGENT
    assert raised((Escalation(repeats=1, severity=Severity.WARNING),), Severity.ACTION) == Severity.ACTION
    assert raised((), Severity.ACTION) == Severity.ACTION


def test_the_event_that_tells_of_a_step_is_known_by_its_key() -> None:
    id = uuid4()
    assert escalates(escalation_key(id, 2)) == id
    assert escalation_key(id, 1) != escalation_key(id, 2)
    assert escalates(None) is escalates("comment/7") is escalates("clarion:escalation:what:1") is None
