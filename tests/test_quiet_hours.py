"""Quiet hours as they are written, and what is always true of them. When they end is the table of
`test_preference_table`."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.errors import InvalidInput
from clarion.quiet_hours import QuietHours, Window, parse, to_json
from clarion.severity import Severity

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")

instants = st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
windows = st.builds(
    Window,
    st.integers(0, 6),
    *[st.times(time(0), time(23, 59)).map(lambda t: t.replace(second=0, microsecond=0)) for _ in range(2)],
)
some_hours = st.lists(windows, min_size=1, max_size=4).map(lambda found: QuietHours(tuple(found)))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            {"monday": ["22:00-07:00"]},
            {"monday": ["22:00-07:00"], "passes": "urgent"},
        ),
        (
            {"weekend": ["00:00-00:00"], "passes": "action"},
            {"saturday": ["00:00-00:00"], "sunday": ["00:00-00:00"], "passes": "action"},
        ),
        (
            {"tuesday": ["18:00-19:00", " 7:05 - 08:00 ", "18:00-19:00"], "passes": "high"},
            {"tuesday": ["07:05-08:00", "18:00-19:00"], "passes": "action"},
        ),
    ],
)
def test_what_is_written_is_read_and_written_again(written: Any, read: Any) -> None:
    assert to_json(parse(written)) == read
    assert parse(read) == parse(written)


def test_groups_are_their_days() -> None:
    weekdays = parse({"weekdays": ["22:00-07:00"]})
    assert [window.weekday for window in weekdays.windows] == [0, 1, 2, 3, 4]
    assert len(parse({"daily": ["22:00-07:00"], "monday": ["22:00-07:00"]}).windows) == 7
    assert weekdays.passes is Severity.URGENT


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({}, "quiet hours name no window; to have none, set them to None"),
        ({"passes": "urgent"}, "quiet hours name no window"),
        ({"monday": []}, "quiet hours name no window"),
        ({"mnday": ["22:00-07:00"]}, "unknown day of quiet hours 'mnday'; did you mean 'monday'?"),
        ({"Monday": ["22:00-07:00"]}, "did you mean 'monday'?"),
        ({"daily": "22:00-07:00"}, "quiet hours of 'daily' must be a list such as ['22:00-07:00']"),
        ({"daily": 5}, "must be a list such as ['22:00-07:00'], got 5"),
        ({"daily": ["22:00"]}, "'22:00' is no span of quiet hours; write it as '22:00-07:00'"),
        ({"daily": ["22:00-24:00"]}, "'22:00-24:00' is no span"),
        ({"daily": ["22-07"]}, "'22-07' is no span"),
        ({"daily": ["22:00-07:00-08:00"]}, "is no span"),
        ({"daily": [5]}, "5 is no span"),
        ({"daily": ["22:00-07:00"], "passes": "urgnt"}, "unknown severity 'urgnt'; did you mean 'urgent'?"),
        ({"daily": ["00:00-00:00"]}, "quiet hours cover the whole week, so that nothing would ever be sent"),
        ({"daily": ["00:00-12:00", "12:00-00:00"]}, "cover the whole week"),
        ({"daily": ["12:00-12:00"]}, "cover the whole week"),
    ],
)
def test_what_cannot_be_is_refused(written: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse(written)
    assert message in str(raised.value)


def test_all_but_a_minute_of_the_week_is_no_whole_week() -> None:
    spans = {
        day: ["00:00-00:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
    }
    hours = parse({**spans, "sunday": ["00:00-23:59"]})
    sunday = datetime(2026, 3, 8, 23, 58, tzinfo=UTC)
    assert hours.until(sunday, "UTC") == sunday + timedelta(minutes=1)
    assert hours.until(sunday + timedelta(minutes=1), "UTC") is None


@given(some_hours, instants, st.sampled_from(ZONES))
def test_when_it_ends_it_is_not_quiet_any_more(hours: QuietHours, at: datetime, zone: str) -> None:
    end = hours.until(at, zone)
    if end is not None and end - at < timedelta(
        days=7
    ):  # otherwise the whole week is quiet, which `parse` refuses
        assert end > at
        assert hours.until(end, zone) is None


@given(some_hours, instants, st.sampled_from(ZONES))
def test_it_is_quiet_until_the_end_that_was_said(hours: QuietHours, at: datetime, zone: str) -> None:
    end = hours.until(at, zone)
    if end is not None and end - at < timedelta(days=7):
        between = at + (end - at) / 2
        assert hours.until(between, zone) == end
        assert hours.until(end - timedelta(microseconds=1), zone) == end


@given(some_hours, instants, st.sampled_from(ZONES))
def test_on_a_day_without_a_clock_change_the_wall_clock_tells(
    hours: QuietHours, at: datetime, zone: str
) -> None:
    there = at.astimezone(ZoneInfo(zone))
    if (there - timedelta(days=2)).utcoffset() == (there + timedelta(days=1)).utcoffset():
        minute = there.hour * 60 + there.minute

        def covers(window: Window) -> bool:
            start, end = (t.hour * 60 + t.minute for t in (window.start, window.end))
            today, yesterday = window.weekday == there.weekday(), (window.weekday + 1) % 7 == there.weekday()
            if end > start:
                return today and start <= minute < end
            return (today and minute >= start) or (yesterday and minute < end)

        assert (hours.until(at, zone) is not None) == any(map(covers, hours.windows))
