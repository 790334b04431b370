"""Counts over time: buckets, percentiles, points without gaps, and which numbers are kept."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from clarion import tally
from clarion.tally import DAY, HOUR, LATENCY, MINUTE, QUARTER, Latency, Numbers, Row, Span

NOW = datetime(2026, 11, 20, 12, 34, 20, tzinfo=UTC)
MS = timedelta(milliseconds=1)


def test_a_latency_is_counted_in_the_bucket_that_it_just_reaches() -> None:
    assert tally.bucket_of(timedelta()) == "10"
    assert tally.bucket_of(10 * MS) == "10"
    assert tally.bucket_of(10 * MS + timedelta(microseconds=1)) == "25"
    assert tally.bucket_of(timedelta(days=2)) == ""
    assert tally.bucket_of(-MS) == "10", "the clock of another machine was ahead"


def test_percentiles_are_spread_over_their_bucket() -> None:
    found = tally.latency(Counter({"100": 90, "1000": 10}))
    assert (found.number, found.p95, found.p99) == (100, 750 * MS, 950 * MS)
    assert found.p50 is not None
    assert abs(found.p50 - (50 + 50 * 50 / 90) * MS) < MS


def test_percentiles_of_what_nobody_waited_so_long_for() -> None:
    late = tally.latency(Counter({"": 3}))
    assert (late.number, late.p50, late.p99) == (3, timedelta(days=1), timedelta(days=1))
    assert tally.latency(Counter()) == Latency()


def test_a_bucket_of_an_older_version_counts_too() -> None:
    found = tally.latency(Counter({"70": 1}))
    assert found.p99 is not None
    assert 50 * MS < found.p99 <= 70 * MS


def test_a_code_that_is_no_word_counts_as_other() -> None:
    assert tally.word("smtp_550") == "smtp_550"
    assert tally.word(None) == ""
    assert tally.word("no such user bob@acme.test") == tally.word("x" * 41) == "other"


def test_points_have_no_gaps_and_add_up() -> None:
    span = Span(first=600, last=780, step=60)
    rows = [
        Row(600, "sent", "email", "", 3),
        Row(600, LATENCY, "email", "100", 3),
        Row(720, "retry", "email", "timeout", 2),
        Row(720, "failed", "email", "smtp_550", 1),
        Row(720, "told", "inbox", "", 4),
        Row(720, "held", "email", "quiet_hours", 2),
        Row(720, "refused", "email", "muted", 5),
        Row(720, "event", "", "", 7),
    ]
    found = tally.statistics(
        span, rows, {"note": Counter({"sent": 3}), "alarm": Counter({"sent": 9})}, types=1
    )
    assert [point.at.hour for point in found.points] == [10, 11, 12]
    assert found.points[1].numbers == Numbers()
    assert found.totals == Numbers(events=7, told=6, refused=5, sent=3, failed=1, attempts=6, retries=2)
    assert found.points[2].numbers == Numbers(events=7, told=6, refused=5, failed=1, attempts=3, retries=2)
    assert [one.name for one in found.gates] == ["muted", "quiet_hours"]
    assert [(one.name, one.number) for one in found.codes] == [("timeout", 2), ("smtp_550", 1)]
    assert [one.channel for one in found.channels] == ["email", "inbox"]
    assert found.channels[1].totals == Numbers(told=4)
    assert found.channels[0].points[0].latency.number == 3
    assert [one.type for one in found.types] == ["alarm"]


@pytest.mark.parametrize(
    ("back", "step", "minutes", "grain"),
    [
        (timedelta(hours=1), None, 1, MINUTE),
        (timedelta(hours=24), None, 15, QUARTER),
        (timedelta(days=7), None, 180, HOUR),
        (timedelta(days=50), None, 720, HOUR),
        (timedelta(days=100), None, DAY, DAY),
        (timedelta(days=10), timedelta(minutes=5), 15, QUARTER),
        (timedelta(days=20), timedelta(minutes=15), 60, HOUR),
        (timedelta(days=100), timedelta(minutes=90), DAY, DAY),
        (timedelta(hours=1), timedelta(minutes=7), 7, MINUTE),
        (timedelta(hours=6), timedelta(hours=2), 120, HOUR),
    ],
)
def test_the_step_is_what_is_still_kept(
    back: timedelta, step: timedelta | None, minutes: int, grain: int
) -> None:
    span = tally.span_of(NOW - back, NOW, step, NOW)
    assert (span.step, tally.grain_of(span)) == (minutes, grain)
    assert span.first % minutes == span.last % minutes == 0
    assert tally.instant_of(span.first) <= NOW - back
    assert NOW <= tally.instant_of(span.last) <= NOW + timedelta(minutes=minutes)


def test_a_range_that_ends_with_a_step_has_no_point_behind_it() -> None:
    until = NOW.replace(minute=0, second=0)
    span = tally.span_of(until - timedelta(hours=2), until, timedelta(hours=1), NOW)
    assert tally.instant_of(span.last) == until
    assert (span.last - span.first) // span.step == 2
