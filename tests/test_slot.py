"""Slots without a database: what a rule charges, under which keys, and which slot is taken next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from clarion.policy import Cooldown, Throttle
from clarion.severity import Severity
from clarion.slot import Charge, Rule, Slot, Slots, charges

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ABOUT = {
    "type": "cl.merged",
    "category": "reviews",
    "thread": "cl/42",
    "subject": "cl/42",
    "actor": None,
    "severity": "info",
}
INFO, WARNING, ACTION, URGENT = Severity


def keys(rule: Rule, severity: Severity = INFO, channels: tuple[str, ...] = ("inbox", "email")) -> list[str]:
    return [charge.key for charge in charges([rule], ABOUT, severity, channels)]


def slot(severity: Severity = INFO, n: int = 0, until: datetime | None = None) -> Slot:
    return Slot(severity=severity, n=n, holder=uuid4(), taken_at=NOON - HOUR, until=until)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Cooldown(minutes=15), ["cooldown 1/900s type=cl.merged"]),
        (Cooldown(minutes=15, key=("thread", "type")), ["cooldown 1/900s type=cl.merged thread=cl/42"]),
        (Cooldown(minutes=15, key="actor"), ["cooldown 1/900s actor="]),
        (Cooldown(minutes=15, channels=["email"]), ["cooldown 1/900s on=email type=cl.merged"]),
        (Throttle(3, hours=1), ["throttle 3/3600s type=cl.merged"]),
        (
            Throttle(3, hours=1, charge="channel"),
            ["throttle 3/3600s type=cl.merged at=inbox", "throttle 3/3600s type=cl.merged at=email"],
        ),
        (
            Throttle(3, hours=1, charge="channel", channels=["email"]),
            ["throttle 3/3600s on=email type=cl.merged at=email"],
        ),
    ],
)
def test_the_key_is_the_rule_and_what_it_is_kept_for(rule: Rule, expected: list[str]) -> None:
    assert keys(rule) == expected


def test_exempt_severities_are_not_charged() -> None:
    rule = Cooldown(minutes=15, exempt="action")
    assert [bool(keys(rule, severity)) for severity in Severity] == [True, True, False, False]


def test_what_a_charge_concerns() -> None:
    (whole,) = charges([Cooldown(minutes=1)], ABOUT, INFO, ["email"])
    (mail,) = charges([Cooldown(minutes=1, channels=["email"])], ABOUT, INFO, ["email", "sms"])
    assert (whole.concerns("email"), whole.concerns("sms")) == (True, True)
    assert (mail.concerns("email"), mail.concerns("sms")) == (True, False)
    assert isinstance(mail, Charge)


@pytest.mark.parametrize(
    ("taken", "severity", "blocking"),
    [
        ([], INFO, 0),
        ([slot()], INFO, 1),
        ([slot(until=NOON + HOUR)], INFO, 1),
        ([slot(until=NOON)], INFO, 0),
        ([slot(URGENT)], INFO, 1),
        ([slot(INFO)], URGENT, 0),
        ([slot(WARNING)], WARNING, 1),
        ([slot(INFO), slot(INFO, 1), slot(ACTION)], INFO, 3),
        ([slot(INFO), slot(INFO, 1), slot(ACTION)], WARNING, 1),
    ],
)
def test_slots_of_the_same_or_a_higher_severity_block(
    taken: list[Slot], severity: Severity, blocking: int
) -> None:
    slots = Slots({("bob", "k"): taken})
    assert len(slots.blocking("bob", "k", severity, NOON)) == blocking
    assert slots.blocking("carol", "k", severity, NOON) == []


def test_the_first_free_one_is_taken_and_one_that_is_over_is_used_again() -> None:
    slots = Slots({("bob", "k"): [slot(n=0), slot(n=1, until=NOON), slot(URGENT, 2)]})
    assert slots.take("bob", "k", INFO, 4, NOON, None) == 1
    assert slots.take("bob", "k", INFO, 4, NOON, None) == 2, "a place of each severity by itself"
    assert slots.take("bob", "k", INFO, 4, NOON, NOON + HOUR) == 3
    assert slots.take("carol", "k", INFO, 4, NOON, None) == 0
    assert len(slots.blocking("bob", "k", INFO, NOON)) == 5


def test_what_was_sent_blocks_until_its_window_is_over() -> None:
    slots = Slots()
    n = slots.take("bob", "k", INFO, 1, NOON, None)
    slots.sent("bob", "k", INFO, n, NOON + HOUR)
    assert slots.blocking("bob", "k", INFO, NOON + HOUR / 2)
    assert not slots.blocking("bob", "k", INFO, NOON + HOUR)
