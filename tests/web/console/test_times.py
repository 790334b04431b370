"""Times on pages: in any zone, on the days on which clocks are changed, and as they are typed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clarion import clock
from clarion.errors import InvalidInput
from clarion.web.console import times

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2025-06-01T08:00:00+00:00", "2025-06-01 10:00:00"),
        ("2025-10-26T00:30:00+00:00", "2025-10-26 02:30:00+02:00"),  # this hour comes twice
        ("2025-10-26T01:30:00+00:00", "2025-10-26 02:30:00+01:00"),
        ("2025-10-26T02:30:00+00:00", "2025-10-26 03:30:00"),
        ("2025-03-30T00:59:59+00:00", "2025-03-30 01:59:59"),  # and this one never
        ("2025-03-30T01:00:00+00:00", "2025-03-30 03:00:00"),
    ],
)
def test_as_the_clock_of_a_zone_shows_it(at: str, shown: str) -> None:
    assert times.written(datetime.fromisoformat(at), BERLIN) == shown


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2025-06-01T10:00", "2025-06-01T08:00:00Z"),
        ("2025-06-01 10:00:00+00:00", "2025-06-01T10:00:00Z"),
        ("2025-06-01", "2025-05-31T22:00:00Z"),
        ("2025-10-26T02:30", "2025-10-26T00:30:00Z"),  # of two the first
        ("2025-03-30T02:30", "2025-03-30T01:30:00Z"),  # leapt over: as much later as the clock was moved
    ],
)
def test_as_it_is_typed_in_a_zone(typed: str, meant: str) -> None:
    assert times.in_url(times.parse("from", typed, BERLIN)) == meant


def test_how_long_ago(travel: Callable[[timedelta], None]) -> None:
    before = clock.now()
    found = times.parse("from", "-90m", BERLIN)
    assert before - timedelta(minutes=90) <= found <= clock.now() - timedelta(minutes=90)
    assert times.parse("to", "now", BERLIN) >= before


@pytest.mark.parametrize(
    "typed", ["", "x", "-", "-0m", "-400d", "-9999999999h", "25:00", "0001-01-01T00:00", "1e9"]
)
def test_what_is_no_time(typed: str) -> None:
    with pytest.raises(InvalidInput, match="from"):
        times.parse("from", typed, BERLIN)


@pytest.mark.parametrize(
    ("asked", "browser", "name", "is_mine"),
    [
        (None, None, "UTC", True),
        (None, "Europe/Berlin", "Europe/Berlin", True),
        (None, "Mars/Base", "UTC", True),
        (None, "../../etc/passwd", "UTC", True),
        ("mine", "Europe/Berlin", "Europe/Berlin", True),
        ("UTC", "Europe/Berlin", "UTC", False),
        ("Asia/Kolkata", None, "Asia/Kolkata", False),
    ],
)
def test_whose_zone(asked: str | None, browser: str | None, name: str, is_mine: bool) -> None:
    found = times.zone(asked, browser)
    assert (found.name, found.is_mine) == (name, is_mine)


@pytest.mark.parametrize("asked", ["Mars/Base", "/etc/localtime", "..", "Europe/../UTC", "x" * 100, "Europe"])
def test_zones_that_are_none(asked: str) -> None:
    with pytest.raises(InvalidInput, match="zone"):
        times.zone(asked, None)


def test_a_range_keeps_how_it_was_asked_for() -> None:
    span = times.range_of(None, None, UTC, "-24h")
    assert (span.asked_from, span.asked_to, span.is_open) == ("-24h", None, True)
    fixed = times.range_of("2025-06-01T10:00", "2025-06-02T10:00", BERLIN, "-24h")
    assert (fixed.asked_from, fixed.asked_to) == ("2025-06-01T08:00:00Z", "2025-06-02T08:00:00Z")
    with pytest.raises(InvalidInput, match="swap"):
        times.range_of("2025-06-02", "2025-06-01", BERLIN, "-24h")


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(), "0 s"),
        (timedelta(milliseconds=350), "0.35 s"),
        (timedelta(seconds=40), "40 s"),
        (timedelta(minutes=12), "12 min"),
        (timedelta(days=3, hours=4, minutes=5), "3 d 4 h"),
        (timedelta(days=3, minutes=5), "3 d"),
    ],
)
def test_how_long(span: timedelta, said: str) -> None:
    assert times.long(span) == said
