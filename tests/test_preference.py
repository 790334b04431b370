"""Who gave each answer, and whose word counts. What follows from it all is the table of `test_preference_table`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from clarion.event_type import declare
from clarion.preference import Choices, Preference, Watch, closest, scopes
from clarion.severity import Severity

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LATER = LONG_AGO + timedelta(days=1)
TYPE, CATEGORY, ALL = "type:cl.merged", "category:reviews", "*"

optional = declare("cl.merged", {"category": "reviews", "channels": ["inbox", "email"]})
required = declare("cl.merged", {"category": "reviews", "channels": ["inbox", "email"], "required": True})


def said(scope: str, channel: str = "*", **values: Any) -> Preference:
    return Preference(scope=scope, channel=channel, **values)


def test_each_answer_says_who_gave_it() -> None:
    choices = Choices(
        optional,
        [
            said(TYPE, enabled=True),
            said(CATEGORY, "email", enabled=False, min_severity=Severity.WARNING),
            said(ALL, channels=("inbox",), min_severity=Severity.ACTION),
        ],
    )
    assert choices.on() == (True, TYPE)
    assert choices.wanted("email") == (False, "category:reviews on email")
    assert choices.wanted("inbox") == (True, "*")
    assert choices.min_severity("email") == (Severity.WARNING, "category:reviews on email")
    assert choices.min_severity("inbox") == (Severity.ACTION, "*")
    assert Choices(optional, []).on() == (True, "type")
    assert Choices(optional, []).wanted("sms") == (False, "type")


def test_the_mode_resolves_like_the_least_severity() -> None:
    assert Choices(optional, []).mode("email") == "now"
    choices = Choices(
        optional,
        [said(ALL, mode="digest"), said(CATEGORY, "email", mode="now"), said(TYPE, "sms", mode="digest")],
    )
    assert [choices.mode(channel) for channel in ("inbox", "email", "sms")] == ["digest", "now", "digest"]


def test_the_channels_worth_a_decision() -> None:
    asked = [
        said(ALL, channels=("sms", "email")),
        said(TYPE, "push", enabled=True),
        said(TYPE, "x", enabled=False),
    ]
    assert Choices(optional, []).channels() == ("inbox", "email")
    assert Choices(optional, asked).channels() == ("inbox", "email", "sms", "push")
    assert Choices(required, asked).channels() == ("inbox", "email")


def test_where_a_preference_may_stand() -> None:
    assert scopes(optional) == (TYPE, CATEGORY, ALL)


def test_the_same_choice_is_equal_whenever_it_was_made() -> None:
    first, second = said(TYPE, enabled=True), said(TYPE, enabled=True, changed_at=LONG_AGO)
    assert first == second
    assert hash(first) == hash(second)


def test_the_nearest_level_counts_and_any_mute() -> None:
    thread, subject = Watch(topic="cl/42/c7", muted_until=LATER), Watch(topic="cl/42", level="none")
    topics = ("cl/42/c7", "cl/42", "repo")
    assert closest([subject, thread], topics, LONG_AGO) == (subject, thread)
    assert closest([subject, thread], topics, LATER) == (subject, None)
    assert closest([subject], ("cl/43",), LONG_AGO) == (None, None)
    both = Watch(topic="repo", level="all", muted_until=LATER)
    assert closest([both, subject], topics, LONG_AGO) == (subject, both)
