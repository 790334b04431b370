"""What a recipient said, and what follows: a table to be read by eye."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from clarion.event_type import declare
from clarion.plan import Candidate, Facts, plan
from clarion.preference import Choices, Preference, scopes
from clarion.recipient import Recipient, StoredAddress
from clarion.severity import Severity
from tests.support.events import event

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
OPEN = dict.fromkeys(("inbox", "email", "sms"), LONG_AGO)
NO_ID: Any = None

TYPE, CATEGORY, ALL = "type:cl.merged", "category:reviews", "*"
ON, OFF = True, False
BOTH, INBOX, EMAIL, NONE = "inbox email", "inbox", "email", ""

optional = declare("cl.merged", {"category": "reviews", "channels": ["inbox", "email"]})
opt_in = declare("cl.merged", {"category": "reviews", "channels": ["inbox", "email"], "enabled": False})
required = declare("cl.merged", {"category": "reviews", "channels": ["inbox", "email"], "required": True})
silent = declare("cl.merged", {"category": "reviews", "channels": []})


def said(scope: str, channel: str = "*", **values: Any) -> Preference:
    return Preference(scope=scope, channel=channel, **values)


def only(scope: str, names: str) -> Preference:
    return said(scope, channels=tuple(names.split()))


def cell(scope: str, channel: str, on: bool) -> Preference:
    return said(scope, channel, enabled=on)


def switch(scope: str, on: bool) -> Preference:
    return said(scope, enabled=on)


def least(scope: str, severity: str, channel: str = "*") -> Preference:
    return said(scope, channel, min_severity=Severity.of(severity))


GLOBAL_OFF = "global switch off"

# The type, what the recipient said, the severity, and the channels on which they are told.
RESOLUTION: list[tuple[Any, list[Any], str, str]] = [
    # Nothing said: the type's own channels.
    (optional, [], "info", BOTH),
    (opt_in, [], "info", NONE),
    (silent, [], "info", NONE),
    # The switch of a type, a category, everything: the nearest that says something.
    (optional, [switch(ALL, OFF)], "info", NONE),
    (optional, [switch(CATEGORY, OFF)], "info", NONE),
    (optional, [switch(TYPE, OFF)], "info", NONE),
    (optional, [switch(TYPE, ON), switch(ALL, OFF)], "info", BOTH),
    (optional, [switch(CATEGORY, ON), switch(ALL, OFF)], "info", BOTH),
    (optional, [switch(TYPE, OFF), switch(CATEGORY, ON), switch(ALL, ON)], "info", NONE),
    (opt_in, [switch(TYPE, ON)], "info", BOTH),
    (opt_in, [switch(CATEGORY, ON)], "info", BOTH),
    (opt_in, [switch(ALL, ON)], "info", BOTH),
    (opt_in, [cell(TYPE, "email", ON)], "info", NONE),  # a channel alone does not ask for the type
    # Lists of channels: the nearest, whole; an empty one is silence.
    (optional, [only(ALL, "email")], "info", EMAIL),
    (optional, [only(ALL, "")], "info", NONE),
    (optional, [only(CATEGORY, "")], "info", NONE),
    (optional, [only(TYPE, "")], "info", NONE),
    (optional, [only(TYPE, "inbox"), only(ALL, "")], "info", INBOX),
    (optional, [only(TYPE, ""), only(ALL, "inbox email")], "info", NONE),
    (optional, [only(CATEGORY, "email"), only(ALL, "inbox")], "info", EMAIL),
    (optional, [only(TYPE, "inbox email sms")], "info", "inbox email sms"),
    (optional, [only(TYPE, "sms")], "info", "sms"),
    (silent, [only(CATEGORY, "email")], "info", EMAIL),
    # One channel of one scope: nearer than that scope's list, further than a nearer scope's.
    (optional, [cell(TYPE, "email", OFF)], "info", INBOX),
    (optional, [cell(CATEGORY, "email", OFF)], "info", INBOX),
    (optional, [cell(ALL, "email", OFF)], "info", INBOX),
    (optional, [cell(TYPE, "email", ON), cell(ALL, "email", OFF)], "info", BOTH),
    (optional, [cell(TYPE, "email", ON), only(TYPE, "inbox")], "info", BOTH),
    (optional, [cell(TYPE, "email", OFF), only(TYPE, "inbox email")], "info", INBOX),
    (optional, [cell(ALL, "email", OFF), only(TYPE, "inbox email")], "info", BOTH),
    (optional, [cell(ALL, "email", ON), only(TYPE, "inbox")], "info", INBOX),
    (optional, [cell(TYPE, "sms", ON)], "info", "inbox email sms"),
    (optional, [cell(ALL, "sms", ON), only(ALL, "")], "info", "sms"),
    # A switch and a list are two values: each resolves alone.
    (optional, [switch(ALL, OFF), only(TYPE, "email")], "info", NONE),
    (optional, [switch(TYPE, ON), only(ALL, "")], "info", NONE),
    (optional, [said(TYPE, enabled=True, channels=("email",)), switch(ALL, OFF)], "info", EMAIL),
    # The least severity: nearest scope first, and in it the channel's own.
    (optional, [least(ALL, "warning")], "info", NONE),
    (optional, [least(ALL, "warning")], "warning", BOTH),
    (optional, [least(ALL, "action", "email")], "warning", INBOX),
    (optional, [least(ALL, "action", "email")], "urgent", BOTH),
    (optional, [least(TYPE, "info"), least(ALL, "urgent")], "info", BOTH),
    (optional, [least(TYPE, "urgent"), least(TYPE, "info", "email")], "info", EMAIL),
    (optional, [least(TYPE, "info"), least(ALL, "urgent", "email")], "info", BOTH),
    (optional, [least(CATEGORY, "urgent", "email"), least(ALL, "info", "email")], "action", INBOX),
    # The global switch stops all that is not required.
    (optional, [GLOBAL_OFF], "urgent", NONE),
    (optional, [GLOBAL_OFF, switch(TYPE, ON), only(TYPE, "email")], "urgent", NONE),
    # What is required passes every choice, on the type's channels and no others.
    (required, [GLOBAL_OFF], "info", BOTH),
    (required, [switch(TYPE, OFF)], "info", BOTH),
    (required, [only(TYPE, "")], "info", BOTH),
    (required, [cell(TYPE, "email", OFF)], "info", BOTH),
    (required, [cell(TYPE, "sms", ON), only(ALL, "sms")], "info", BOTH),
    (required, [least(ALL, "urgent")], "info", BOTH),
    # What is about something else says nothing here.
    (optional, [switch("type:cl.closed", OFF), only("category:sales", "")], "info", BOTH),
    (optional, [said(TYPE, mode="digest")], "info", BOTH),
]


@pytest.mark.parametrize(("type", "rows", "severity", "expected"), RESOLUTION)
def test_the_channels_that_tell(type: Any, rows: list[Any], severity: str, expected: str) -> None:
    preferences = [row for row in rows if isinstance(row, Preference)]
    facts = Facts(
        recipients={"bob": Recipient(id="bob", enabled=GLOBAL_OFF not in rows)},
        addresses={
            "bob": [StoredAddress(id=NO_ID, channel=name, value="x") for name in ("email", "sms")],
        },
        preferences={"bob": preferences},
        enabled_since=OPEN,
    )
    happened = event(severity=severity)
    (planned,) = plan(happened, type, [Candidate("bob", "direct")], facts, happened.at).planned
    told = [decision.channel for decision in planned.decisions if decision.told]
    assert sorted(told) == sorted(expected.split())


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


def test_where_a_preference_may_stand() -> None:
    assert scopes(optional) == (TYPE, CATEGORY, ALL)


def test_the_same_choice_is_equal_whenever_it_was_made() -> None:
    first, second = switch(TYPE, ON), Preference(scope=TYPE, enabled=True, changed_at=LONG_AGO)
    assert first == second
    assert hash(first) == hash(second)
