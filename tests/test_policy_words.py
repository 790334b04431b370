from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clarion import Cooldown, Escalation, Policy, Retries, Throttle, policy_words
from clarion.event_type import declare

ONCE = Policy(retries=Retries(()))


@pytest.mark.parametrize(
    ("options", "sentences"),
    [
        ({"policy": ONCE}, ["not sent after 3 days; tried once"]),
        (
            {"required": True, "policy": ONCE},
            [
                "required: nothing that a recipient says stops it",
                "waits to be sent as long as it takes; tried once",
            ],
        ),
        ({"enabled": False, "policy": ONCE}, ["off until a recipient asks for it", "not sent after 3 days; tried once"]),
        (
            {"unless_read": True, "policy": Policy(tell_actor=True, retries=Retries((timedelta(seconds=5), timedelta(hours=1))))},
            [
                "told to who did it, too",
                "not sent once it was read in the inbox",
                "not sent after 3 days; tried 3 times, the waits from 5 seconds to 1 hour",
            ],
        ),
        (
            {"policy": Policy(retries=Retries(()), cooldown=Cooldown(minutes=90, key=["thread", "severity"], channels=["email"]))},
            ["cooldown: once in 90 minutes for each thread and severity on email", "not sent after 3 days; tried once"],
        ),
        (
            {"policy": Policy(retries=Retries(()), throttle=Throttle(3, hours=1, charge="channel", overflow="hold", exempt="urgent"))},
            [
                "throttle: at most 3 in 1 hour for each type, for each channel by itself, but for urgent and above; what is beyond waits for room",
                "not sent after 3 days; tried once",
            ],
        ),
        (
            {"policy": Policy(retries=Retries(()), escalation=(Escalation(repeats=3), Escalation(after=timedelta(days=1), severity="urgent", renotify=False)))},  # type: ignore[arg-type]
            [
                "escalation: after 3 repeats, to one severity above, and told again",
                "escalation: 1 day after it opened, to urgent, where it stands",
                "not sent after 3 days; tried once",
            ],
        ),
    ],
)  # fmt: skip
def test_in_words(options: dict[str, Any], sentences: list[str]) -> None:
    assert policy_words.sentences(declare("cl.merged", options)) == sentences
