from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.errors import ConfigError
from clarion.policy import HOURS, MINUTES, SECONDS, Policy, Retries


def test_the_default_lets_a_day_of_outage_pass() -> None:
    retries = Policy().retries
    assert retries.attempts == 8
    assert timedelta(hours=18) < sum(retries.waits, timedelta()) < timedelta(days=1)
    assert list(retries.waits) == sorted(retries.waits)


def test_who_did_it_is_not_told_unless_the_policy_says_so() -> None:
    assert Policy().tell_actor is False


def test_doubling_waits_stop_at_the_ceiling() -> None:
    retries = Retries.exponential(attempts=6, first=10 * SECONDS, ceiling=1 * MINUTES)
    assert retries.waits == tuple(n * SECONDS for n in (10, 20, 40, 60, 60))
    assert retries.attempts == 6


def test_one_attempt_has_no_waits() -> None:
    assert Retries.exponential(attempts=1, first=SECONDS, ceiling=HOURS) == Retries(waits=())
    assert Retries(waits=()).attempts == 1


@given(st.integers(1, 500), st.integers(1, 10_000), st.integers(1, 10_000_000))
def test_any_number_of_attempts_has_as_many_waits_less_one(attempts: int, first: int, ceiling: int) -> None:
    retries = Retries.exponential(attempts=attempts, first=first * SECONDS, ceiling=ceiling * SECONDS)
    assert retries.attempts == attempts
    assert list(retries.waits) == sorted(retries.waits)
    assert all(timedelta() < wait <= ceiling * SECONDS for wait in retries.waits)


@pytest.mark.parametrize("attempts", [0, -1])
def test_fewer_than_one_attempt_is_refused(attempts: int) -> None:
    with pytest.raises(ConfigError, match="at least one attempt"):
        Retries.exponential(attempts=attempts, first=SECONDS, ceiling=HOURS)


@pytest.mark.parametrize("wait", [timedelta(), -SECONDS])
def test_a_wait_must_be_positive(wait: timedelta) -> None:
    with pytest.raises(ConfigError, match="must be positive"):
        Retries((SECONDS, wait))


@pytest.mark.parametrize("jitter", [-0.1, 1, 2, float("nan"), float("inf")])
def test_jitter_is_a_share(jitter: float) -> None:
    with pytest.raises(ConfigError, match="jitter"):
        Retries(jitter=jitter)


@pytest.mark.parametrize("jitter", [0, 0.2, 0.999])
def test_jitter_from_nothing_to_nearly_all(jitter: float) -> None:
    assert Retries(jitter=jitter).jitter == jitter
