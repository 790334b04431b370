from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from clarion import Clarion, ConfigError, Cooldown, Escalation, Policy, Throttle
from clarion.event import FURTHEST
from clarion.event_type import EventType
from clarion.retention import DEFAULT, LEAST, check, longest, said
from tests.conftest import copy_sqlite

DAY = timedelta(days=1)


def declared(**policy: object) -> EventType:
    return EventType(code="cl.x", policy=Policy(**policy))  # type: ignore[arg-type]  # any of its fields


@pytest.mark.parametrize(
    ("type", "looks_back"),
    [
        (declared(), timedelta()),
        (declared(cooldown=Cooldown(days=28)), 28 * DAY),
        (declared(throttle=Throttle(3, days=29), cooldown=Cooldown(hours=1)), 29 * DAY),
        (declared(escalation=(Escalation(repeats=2), Escalation(after=30 * DAY))), 30 * DAY),
    ],
)
def test_it_is_at_least_the_longest_window(type: EventType, looks_back: timedelta) -> None:
    assert longest(type) == looks_back
    check(max(looks_back, LEAST), [type])
    if looks_back > LEAST:
        message = f"event type 'cl.x': its .* looks back {looks_back.days} days, but what is over is kept for 27 days; "
        with pytest.raises(ConfigError, match=message + r"shorten it, or give Clarion\(…\) a retention of"):
            check(27 * DAY, [type])


def test_it_is_above_the_furthest_schedule() -> None:
    assert DEFAULT >= LEAST > FURTHEST
    with pytest.raises(
        ConfigError, match="a retention of 25 days is too short: events may be scheduled 25 days"
    ):
        check(FURTHEST, [])
    with pytest.raises(ConfigError, match="must be a timedelta"):
        check(30, [])  # type: ignore[arg-type]  # as somebody may write it


@pytest.fixture
def app(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Clarion]:
    copy_sqlite(migrated_sqlite, tmp_path / "own.db")
    made = Clarion(f"sqlite:///{tmp_path / 'own.db'}", retention=26 * DAY)
    yield made
    made.close()


def test_it_is_checked_at_start(app: Clarion) -> None:
    app.type("cl.x", policy=Policy(cooldown=Cooldown(days=30)))
    with pytest.raises(ConfigError, match=r"event type 'cl\.x': its cooldown looks back 30 days"):
        app.start()


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (DAY, "1 day"),
        (30 * DAY, "30 days"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(seconds=90), "90 seconds"),
    ],
)
def test_times_are_said_in_the_largest_whole_unit(time: timedelta, text: str) -> None:
    assert said(time) == text
