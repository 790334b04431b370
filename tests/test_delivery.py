"""What the end of an attempt means for its delivery."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clarion import delivery
from clarion.delivery import Result, State, not_sent, sent, state_of, wait_before_retry, wait_while_down
from clarion.errors import DETAIL_LIMIT, Down, Gone, Reject, Retry
from clarion.policy import Retries

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SCHEDULE = Retries((10 * SECOND, MINUTE, HOUR), jitter=0.2)
EXACT = Retries((10 * SECOND, MINUTE, HOUR), jitter=0)


@pytest.mark.parametrize(("attempt", "wait"), [(1, 10 * SECOND), (2, MINUTE), (3, HOUR)])
def test_retries_are_spread_around_their_schedule(attempt: int, wait: timedelta) -> None:
    waits = [wait_before_retry(SCHEDULE, attempt) for _ in range(500)]
    assert 0.8 * wait <= min(waits) < 0.85 * wait
    assert 1.15 * wait < max(waits) <= 1.2 * wait
    assert len(set(waits)) > 400, "what failed together would return together"
    assert wait_before_retry(EXACT, attempt) == wait


def test_what_the_other_side_asks_is_advice() -> None:
    def asked(after: timedelta, attempt: int = 1) -> timedelta:
        return wait_before_retry(EXACT, attempt, after)

    assert asked(30 * SECOND) == 30 * SECOND
    assert asked(SECOND) == 10 * SECOND  # never sooner than the schedule
    assert asked(timedelta()) == 10 * SECOND
    assert asked(-DAY) == 10 * SECOND
    assert asked(2 * HOUR) == HOUR  # never later than its longest wait
    assert asked(timedelta.max) == HOUR
    assert asked(SECOND, attempt=3) == HOUR


def test_what_is_asked_of_many_is_spread_and_never_sooner() -> None:
    waits = [wait_before_retry(SCHEDULE, 1, 30 * SECOND) for _ in range(500)]
    assert 30 * SECOND <= min(waits) < 31 * SECOND
    assert 35 * SECOND < max(waits) <= 36 * SECOND
    assert len(set(waits)) > 400, "what was asked together would return together"


def test_attempts_are_bounded_then_it_has_failed() -> None:
    results = [
        not_sent(Retry("busy", "later"), attempt=n, claim=n, retries=EXACT)
        for n in range(1, EXACT.attempts + 1)
    ]
    assert [outcome.result for outcome in results] == [Result.RETRY] * 3 + [Result.FAILED]
    assert [outcome.wait for outcome in results] == [10 * SECOND, MINUTE, HOUR, None]
    assert [outcome.final for outcome in results] == [False, False, False, True]
    assert all(outcome.spent for outcome in results)
    assert {(outcome.code, outcome.detail) for outcome in results} == {("busy", "later")}


def test_a_single_attempt_is_a_schedule() -> None:
    once = Retries((), jitter=0.2)
    assert not_sent(Retry("busy"), attempt=1, claim=1, retries=once).result is Result.FAILED
    assert not_sent(Retry("busy", after=DAY), attempt=1, claim=1, retries=once).final


def test_the_default_schedule_lasts_for_most_of_a_day() -> None:
    assert Retries().attempts == 8
    assert 20 * HOUR < sum(Retries().waits, timedelta()) < DAY


def test_an_outage_spends_nothing_however_long() -> None:
    for claim in (1, 2, 10, 10_000):
        outcome = not_sent(Down("connect", "refused"), attempt=1, claim=claim, retries=Retries(()))
        assert outcome.result is Result.DOWN
        assert not outcome.spent
        assert not outcome.final
        assert not outcome.address_gone


@pytest.mark.parametrize(("claim", "seconds"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (1000, 60)])
def test_waits_during_an_outage_double_up_to_a_minute(claim: int, seconds: int) -> None:
    waits = [wait_while_down(claim).total_seconds() for _ in range(200)]
    assert 0.8 * seconds <= min(waits) <= max(waits) <= 1.2 * seconds


def test_a_dead_address_is_marked() -> None:
    outcome = not_sent(Gone("550", "no such user"), attempt=1, claim=1, retries=EXACT)
    assert (outcome.result, outcome.final, outcome.spent, outcome.address_gone) == (
        Result.FAILED,
        True,
        True,
        True,
    )


def test_a_refused_message_says_nothing_about_its_address() -> None:
    outcome = not_sent(Reject("552", "too large"), attempt=1, claim=1, retries=EXACT)
    assert (outcome.result, outcome.final, outcome.spent, outcome.address_gone) == (
        Result.FAILED,
        True,
        True,
        False,
    )


def test_whatever_else_is_raised_is_tried_again() -> None:
    outcome = not_sent(ValueError("x" * 2000), attempt=1, claim=1, retries=EXACT)
    assert (outcome.result, outcome.code, outcome.spent) == (Result.RETRY, "error", True)
    assert outcome.detail is not None
    assert outcome.detail.startswith("ValueError: xxx")
    assert len(outcome.detail) == DETAIL_LIMIT


def test_what_was_sent_keeps_its_receipt_bounded() -> None:
    assert sent(None, SECOND).receipt is None
    outcome = sent("r" * 2000, SECOND)
    assert (outcome.result, outcome.final, outcome.spent) == (Result.SENT, True, True)
    assert outcome.receipt == "r" * DETAIL_LIMIT


def test_what_was_not_begun_is_given_back_at_once() -> None:
    outcome = delivery.given_back()
    assert (outcome.result, outcome.wait, outcome.spent, outcome.final) == (
        Result.GIVEN_BACK,
        timedelta(),
        False,
        False,
    )


def test_what_is_no_longer_wanted_ends_with_the_gate_that_said_so() -> None:
    outcome = delivery.suppressed("consent", "said_by=*")
    assert (outcome.result, outcome.code, outcome.detail) == (Result.SUPPRESSED, "consent", "said_by=*")
    assert outcome.final
    assert not outcome.spent


def test_a_lost_delivery_rests_longer_each_time() -> None:
    waits = [delivery.wait_after_loss(n) for n in (1, 2, 3)]
    assert waits == [SECOND, 2 * SECOND, 4 * SECOND]


@pytest.mark.parametrize(
    ("queued", "leased", "final", "state"),
    [
        (True, False, None, State.WAITING),
        (True, True, None, State.SENDING),
        (False, False, "sent", State.SENT),
        (False, False, "failed", State.FAILED),
        (False, False, "suppressed", State.SUPPRESSED),
        (False, False, "cancelled", State.CANCELLED),
        (True, False, "failed", State.WAITING),  # replayed
    ],
)
def test_the_state_follows_from_the_rows(queued: bool, leased: bool, final: str | None, state: State) -> None:
    assert state_of(queued=queued, leased=leased, final=final) is state
