"""How a meter counts: never more than the rate and one burst, whatever the times at which it is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.cap import Cap, Meter, of_channel
from clarion.errors import ConfigError

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = START - timedelta(days=1000)


@given(
    per_second=st.floats(0.01, 5000),
    pauses=st.lists(st.tuples(st.floats(0, 20), st.integers(1, 400)), min_size=1, max_size=40),
)
def test_never_more_than_the_rate_and_one_burst(per_second: float, pauses: list[tuple[float, int]]) -> None:
    cap = Cap("email", per_second=per_second)
    meter, now, begun = Meter(cap, LONG_AGO), START, 0
    for seconds, wanted in pauses:
        now += timedelta(seconds=seconds)
        number = min(wanted, meter.room(now, in_hand=0))
        meter.spend(now, number)
        begun += number
        # Intervals are whole microseconds, so that a rate may be off by as much.
        most = (now - START) / max(cap.interval or timedelta(), timedelta(microseconds=1)) + cap.burst
        assert begun <= most + 1e-6


@given(per_second=st.floats(0.01, 5000), asked=st.integers(1, 200))
def test_after_the_wait_there_is_room(per_second: float, asked: int) -> None:
    meter = Meter(Cap("email", per_second=per_second), LONG_AGO)
    now = START
    for _ in range(asked):
        if not meter.room(now, in_hand=0):
            assert meter.wait(now) > timedelta()
            now += meter.wait(now)
        assert meter.room(now, in_hand=0) >= 1
        meter.spend(now, 1)


def test_what_was_not_begun_is_returned() -> None:
    meter = Meter(Cap("email", per_second=1), LONG_AGO)
    meter.spend(START, meter.room(START, in_hand=0))
    assert meter.room(START, in_hand=0) == 0
    meter.spend(START, -1)
    assert meter.room(START, in_hand=0) == 1


def test_in_hand_here_and_elsewhere() -> None:
    meter = Meter(Cap("email", at_once=5), LONG_AGO, elsewhere=2)
    assert [meter.room(START, in_hand=n) for n in range(5)] == [3, 2, 1, 0, 0]
    assert meter.wait(START) == timedelta(), "nobody knows when one of them ends"


def test_caps_of_a_channel() -> None:
    whole, each = Cap("email", per_second=3), Cap("email", at_once=2, each="lane")
    assert of_channel([whole, each, Cap("sms", at_once=1)], "email") == {"channel": whole, "lane": each}
    with pytest.raises(ConfigError, match="two caps"):
        of_channel([whole, Cap("email", at_once=3)], "email")
