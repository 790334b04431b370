"""Failures to inject, and what follows from them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from clarion import Clarion, Down, Gone, Policy, Reject, Retries, Retry
from clarion.errors import InvalidInput, UnknownName
from clarion.testing import Testing
from tests.support.working import ends


def emit(testing: Testing, *to: str) -> UUID:
    with testing.transaction() as conn:
        return testing.clarion.emit(conn, "shipped", to=list(to))


def test_a_retry_comes_with_travel(testing: Testing, shop: Clarion) -> None:
    testing.fail("email", Retry, times=2)
    event = emit(testing, "bob")
    testing.drain()
    assert ends(shop, event, "bob", "email") == ("waiting", "injected")
    testing.travel(seconds=59)
    testing.drain()
    assert testing.tried("email") == 1
    testing.travel(seconds=1)
    testing.drain()
    assert testing.tried("email") == 2
    testing.travel(minutes=10)
    testing.drain()
    assert testing.assert_told("bob", channel="email").attempt == 3


def test_nothing_is_tried_again_because_time_passed_outside(shop: Clarion, database_url: str) -> None:
    waits = Retries(waits=(timedelta(seconds=1),), jitter=0)
    shop.type("quick", channels=["email"], policy=Policy(retries=waits))
    with Testing() as testing:
        testing.use(shop, database=database_url)
        shop.recipients.upsert("bob", addresses={"email": "bob@shop.test"})
        testing.fail("email", Retry)
        with testing.transaction() as conn:
            shop.emit(conn, "quick", to=["bob"])
        testing.drain()
        begun = time.monotonic()
        while time.monotonic() < begun + 1.5:
            testing.drain()
        testing.assert_silent("bob", channel="email")
        testing.travel(seconds=1)
        testing.drain()
        testing.assert_told("bob", channel="email")


def test_an_outage_pauses_the_channel_for_everybody(testing: Testing, shop: Clarion) -> None:
    testing.fail("email", Down("connect", "refused"))
    emit(testing, "bob")
    testing.drain()
    other = emit(testing, "carol")
    testing.drain()
    testing.assert_silent(channel="email")
    with pytest.raises(AssertionError, match=r"email is paused until .*: connect"):
        testing.assert_told("carol", channel="email")
    testing.travel(minutes=1)
    testing.drain()
    assert {told.recipient for told in testing.told(channel="email")} == {"bob", "carol"}
    assert ends(shop, other, "carol", "email") == ("sent", None)


@pytest.mark.parametrize(
    ("failure", "ending"),
    [
        (Reject, ("failed", "injected")),
        (Reject("too_large", "3 GB"), ("failed", "too_large")),
        (Gone, ("failed", "injected")),
        (RuntimeError("boom"), ("waiting", "error")),
        (RuntimeError, ("waiting", "error")),
    ],
)
def test_what_a_channel_may_raise(testing: Testing, shop: Clarion, failure: Any, ending: Any) -> None:
    testing.fail("email", failure)
    event = emit(testing, "bob")
    testing.drain()
    assert ends(shop, event, "bob", "email") == ending
    testing.assert_silent("bob", channel="email")
    testing.assert_told("bob", channel="inbox")


def test_nothing_is_sent_to_a_dead_address(testing: Testing, shop: Clarion) -> None:
    testing.fail("email", Gone, recipient="carol")
    emit(testing, "bob", "carol")
    testing.drain()
    emit(testing, "bob", "carol")
    testing.drain()
    testing.assert_silent("carol", channel="email")
    testing.assert_told("bob", channel="email", times=2)
    assert [address.value for address in shop.addresses(gone=True)] == ["carol@shop.test"]


def test_a_hang_is_cut_off_by_the_sender_and_takes_no_time(testing: Testing, shop: Clarion) -> None:
    testing.hang("email", recipient="bob")
    event = emit(testing, "bob", "carol")
    begun, now = time.monotonic(), testing.now
    testing.drain()
    assert time.monotonic() - begun < shop.worker()._wiring.limits.lease.total_seconds() / 2
    assert testing.now == now
    assert ends(shop, event, "bob", "email") == ("waiting", "unknown_outcome")
    testing.assert_told("carol", channel="email")
    (before,) = (d.id for d in shop.why(event, "bob").deliveries)
    testing.travel(minutes=1)
    testing.drain()
    assert testing.assert_told("bob", channel="email", times=1).id == before


def test_until_it_is_healed(testing: Testing) -> None:
    testing.fail("email", Retry, times=None)
    emit(testing, "bob")
    testing.drain()
    testing.travel(minutes=1)
    testing.drain()
    assert testing.tried("email") == 2
    testing.heal()
    testing.travel(minutes=10)
    testing.drain()
    testing.assert_told("bob", channel="email")


def test_failures_follow_one_another(testing: Testing, shop: Clarion) -> None:
    testing.fail("email", Retry("first"))
    testing.hang("email")
    event = emit(testing, "bob")
    for _ in range(3):
        testing.drain()
        testing.travel(minutes=10)
    (delivery,) = shop.why(event, "bob").deliveries
    assert [attempt.code for attempt in delivery.attempts] == ["first", "unknown_outcome", None]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"failure": "Down"}, "a failure is what a channel raises, such as Down or .*, got 'Down'"),
        ({"failure": KeyboardInterrupt}, "a failure is what a channel raises"),
        ({"failure": UnicodeDecodeError}, "give an instance of UnicodeDecodeError"),
        ({"failure": Down, "times": 0}, "times must be at least 1, .* got 0"),
    ],
)
def test_what_cannot_fail(testing: Testing, wrong: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        testing.fail("email", **wrong)


def test_a_channel_that_there_is_not(testing: Testing) -> None:
    for name, nearest in (("emial", "did you mean 'email'"), ("inbox", "known: email")):
        with pytest.raises(UnknownName, match=nearest):
            testing.fail(name, Down)
        with pytest.raises(UnknownName, match=nearest):
            testing.hang(name)
