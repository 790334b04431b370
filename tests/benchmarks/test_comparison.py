"""Higher is always better, whatever was compared."""

from __future__ import annotations

import pytest
from benchmarks.comparison import Comparison


def compare(ours: float, other: float, unit: str, target: float | None = None) -> Comparison:
    return Comparison(name="some: thing", ours=ours, other=other, other_name="x", unit=unit, target=target)


@pytest.mark.parametrize(
    ("unit", "ratio"),
    [("a second", 4.0), ("mails a second", 4.0), ("ms", 0.25), ("bytes", 0.25), ("statements", 0.25), ("rows", 0.25)],
)  # fmt: skip
def test_four_times_as_much_of_a_rate_is_better_and_of_a_cost_worse(unit: str, ratio: float) -> None:
    assert compare(20, 5, unit).ratio == ratio


def test_a_target_is_what_the_ratio_should_at_least_be() -> None:
    assert compare(6, 10, "a second", 0.7).missed
    assert not compare(7, 10, "a second", 0.7).missed
    assert not compare(1, 10, "a second").missed


@pytest.mark.parametrize(("ours", "other"), [(0, 1), (1, 0), (1, -1)])
def test_what_was_not_measured_is_no_comparison(ours: float, other: float) -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        compare(ours, other, "ms")


def test_a_unit_of_which_nobody_knows_what_is_better_is_refused() -> None:
    with pytest.raises(ValueError, match="is more of 's' better"):
        compare(1, 2, "s")


def test_it_is_written_and_read() -> None:
    row = compare(1234.5678, 3, "a second", 12)
    assert row.to_json() == {
        "name": "some: thing",
        "ours": 1235.0,
        "other": 3.0,
        "other_name": "x",
        "unit": "a second",
        "ratio": 411.5,
        "target": 12,
    }
    assert Comparison.from_json(row.to_json()) == compare(1235, 3, "a second", 12)
