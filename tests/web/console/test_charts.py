"""Charts: even in time, with the days of a zone, whatever its clock does."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from clarion.web.console import times
from clarion.web.console.charts import LEFT, RIGHT, Chart, by_day, chart

HOUR = timedelta(hours=1)
BERLIN = times.zone("Europe/Berlin", None)
UTC_ = times.zone("UTC", None)


def hours(first: datetime, number: int, value: float = 1.0) -> list[tuple[datetime, dict[str, float | None]]]:
    return [(first + n * HOUR, {"sent": value}) for n in range(number)]


def places(drawn: Chart) -> list[float]:
    """Where each bar begins."""
    return [float(x) for x in re.findall(r"M([0-9.]+) ", drawn.series[0].path)]


def test_bars_stand_upon_one_another() -> None:
    at = datetime(2025, 6, 1, tzinfo=UTC)
    drawn = chart("Both", [(at, {"sent": 3, "failed": 1})], until=at + HOUR, zone=UTC_)
    (low, high), (failed_low, failed_high) = (
        [float(y) for y in re.findall(r"M[0-9.]+ ([0-9.]+)V([0-9.]+)", one.path)[0]] for one in drawn.series
    )
    assert failed_low == high
    assert (low - high) / (failed_low - failed_high) == 3
    assert [one.total for one in drawn.series] == ["3", "1"]
    assert drawn.summary == "Both: sent 3, failed 1"


def test_a_day_of_25_hours_is_that_wide() -> None:
    midnight = datetime(2025, 10, 25, 22, tzinfo=UTC)  # of the 26th, in Berlin
    points = hours(midnight, 25 + 24)
    days = by_day(points, ZoneInfo("Europe/Berlin"))
    assert [(at, values["sent"]) for at, values in days] == [(midnight, 25), (midnight + 25 * HOUR, 24)]
    drawn = chart("Days", days, until=midnight + 49 * HOUR, zone=BERLIN)
    first, second = places(drawn)
    assert abs((second - first) - (RIGHT - LEFT) * 25 / 49) < 0.2
    assert [label for _, label in drawn.ticks if "Oct" in label] == ["26 Oct", "27 Oct", "28 Oct"]


def test_a_day_of_23_hours() -> None:
    midnight = datetime(2025, 3, 29, 23, tzinfo=UTC)
    days = by_day(hours(midnight, 23 + 1), ZoneInfo("Europe/Berlin"))
    assert [values["sent"] for _, values in days] == [23, 1]


def test_no_hour_is_marked_twice_and_none_that_there_was_not() -> None:
    for first in (datetime(2025, 10, 25, 22, tzinfo=UTC), datetime(2025, 3, 29, 23, tzinfo=UTC)):
        drawn = chart("Night", hours(first, 6), until=first + 6 * HOUR, zone=BERLIN)
        labels = [label for _, label in drawn.ticks]
        assert len(labels) == len(set(labels))
        assert [x for x, _ in drawn.ticks] == sorted(x for x, _ in drawn.ticks)
    assert "02:00" not in labels  # in March it never was


def test_where_nothing_was_sent_the_line_is_broken() -> None:
    at = datetime(2025, 6, 1, tzinfo=UTC)
    values = (1.0, 2.0, None, 4.0)
    points = [(at + n * HOUR, {"p95": value}) for n, value in enumerate(values)]
    drawn = chart("Latency", points, until=at + 4 * HOUR, zone=UTC_, kind="lines", unit="s")
    assert drawn.series[0].path.count("M") == 2
    assert drawn.rows[2].values == ("–",)
    assert drawn.summary == "Latency: p95 at most 4 s"


def test_what_the_script_reads() -> None:
    at = datetime(2025, 6, 1, tzinfo=UTC)
    drawn = chart("Sent", hours(at, 2), until=at + 2 * HOUR, zone=UTC_)
    begins, ends, left, right = map(float, drawn.brush.split())
    assert (ends - begins, left, right) == (2 * 3600 * 1000, LEFT, RIGHT)
    assert json.loads(drawn.marks)[1][1] == "2025-06-01 01:00: sent 1"


def test_nothing_at_all() -> None:
    at = datetime(2025, 6, 1, tzinfo=UTC)
    assert chart("None", [], until=at, zone=UTC_).empty
    assert chart("Zero", hours(at, 3, 0.0), until=at + 3 * HOUR, zone=UTC_).empty
