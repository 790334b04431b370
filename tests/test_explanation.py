"""What `why` says, in each of the situations in which somebody asks it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from clarion.event import Event
from clarion.explanation import SENTENCES, Explanation, NotificationRecord, Progress, explain
from clarion.plan import decide, verdicts_json
from clarion.question import Place, Question
from clarion.recipient import Address
from clarion.severity import Severity
from tests.support.events import event
from tests.test_gates import NOON, ORDER, place, question

DONE = Progress(walked=True, failure=None, failures=0, due_at=None)


def record(asked: Question, **values: Any) -> NotificationRecord:
    whole: dict[str, Any] = {
        "id": UUID(int=1),
        "recipient": "bob",
        "reason": "author",
        "severity": Severity.INFO,
        "visible": True,
        "verdicts": verdicts_json(decide(asked)) or {},
        "question": asked,
        "created_at": NOON,
        "read_at": None,
        "deliveries": (),
    }
    return NotificationRecord(**whole | values)


def why(
    of: Event | None = None,
    progress: Progress = DONE,
    found: NotificationRecord | None = None,
    *,
    resolver: bool = False,
) -> Explanation:
    return explain(of or event(), progress, resolver, "bob", found)


def test_who_was_told_reads_so() -> None:
    told = why(found=record(question(places=(place("inbox"), place("email", wanted=False, wanted_by="*")))))
    assert told.reason == "author"
    assert told.sentence == "bob was in the audience, the strongest reason being 'author'"
    inbox, email = told.channels
    assert (inbox.channel, inbox.told, inbox.gate, inbox.sentence) == ("inbox", True, None, "told")
    assert (email.told, email.gate) == (False, "consent")
    assert email.values == {"said_by": "*", "channel": "email"}
    assert email.sentence == "suppressed: the recipient said no (*)"


# The gate, the question and place that it refuses, and what people read.
SAID: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("expired", {"expires_at": NOON}, {}, "suppressed: the event expired at 2027-03-01 12:00:00+00:00"),
    ("expired", {"stale_at": NOON}, {}, "suppressed: too late, the type's max_age ended at 2027-03-01 12:00:00+00:00"),
    ("withdrawn", {"withdrawn": True}, {}, "suppressed: what it was about was withdrawn"),
    ("actor", {"is_actor": True}, {}, "suppressed: nobody is told what they did themselves"),
    ("active", {"known": False}, {}, "suppressed: there is no recipient of this id"),
    ("active", {"active": False}, {}, "suppressed: the recipient is inactive"),
    ("access", {"access": False}, {}, "suppressed: the recipient may not see what it is about"),
    ("reachable", {}, {"addresses": 0}, "suppressed: the recipient has no address on this channel"),
    ("reachable", {}, {"addresses": 0, "gone": 2}, "suppressed: every address on this channel is dead (2)"),
    ("enabled", {}, {"narrowed": True}, "suppressed: the event asked for other channels"),
    ("enabled", {}, {"enabled_since": None}, "suppressed: this channel is not enabled here"),
    (
        "enabled",
        {},
        {"enabled_since": NOON + timedelta(hours=1)},
        "suppressed: emitted 2027-03-01 12:00:00+00:00, before the channel was enabled for this type (2027-03-01 13:00:00+00:00)",
    ),
    ("consent", {"switched_on": False}, {}, "suppressed: the recipient said no (global switch)"),
    ("consent", {"on": False, "on_by": "category:reviews"}, {}, "suppressed: the recipient said no (category:reviews)"),
    (
        "severity",
        {},
        {"min_severity": Severity.URGENT, "min_severity_by": "*"},
        "suppressed: warning is below the recipient's urgent (*)",
    ),
    ("read", {"read": True, "unless_read": True}, {}, "suppressed: already read in the inbox"),
]  # fmt: skip


@pytest.mark.parametrize(("gate", "asked", "at", "sentence"), SAID)
def test_each_gate_has_its_sentence(
    gate: str, asked: dict[str, Any], at: dict[str, Any], sentence: str
) -> None:
    (channel,) = why(found=record(question(**asked, places=(place(**at),)))).channels
    assert (channel.gate, channel.sentence) == (gate, sentence)


def test_no_gate_is_without_a_sentence() -> None:
    assert {gate for gate, *_ in SAID} == set(ORDER) == set(SENTENCES)


def test_who_was_not_in_the_audience_is_told_who_was_asked() -> None:
    happened = event(to={"author": ["alice", Address("email", "x@y.test")], "reviewer": []}, topic="cl/42")
    told = why(happened, resolver=True)
    assert told.reason is None
    assert told.channels == told.deliveries == ()
    assert told.sources == (
        "author: alice, x@y.test (email)",
        "reviewer: nobody",
        "resolver of cl.merged",
        "subscribers of cl/42",
    )
    assert told.sentence == f"bob was not in the audience; asked were: {'; '.join(told.sources)}"


def test_an_event_for_nobody_says_so() -> None:
    assert why().sentence == "bob was not in the audience: the event named nobody and no topic"


def test_what_is_not_decided_yet_says_when() -> None:
    waiting = Progress(
        walked=False, failure=None, failures=0, due_at=datetime(2027, 3, 1, 12, 30, tzinfo=UTC)
    )
    assert why(progress=waiting).sentence == (
        "not decided yet: the event waits for its fan-out, due 2027-03-01T12:30:00+00:00"
    )
    assert why(progress=replace(waiting, failures=3)).sentence.endswith(
        "due 2027-03-01T12:30:00+00:00 after 3 failures"
    )


def test_a_walk_that_failed_says_why() -> None:
    failed = Progress(walked=False, failure="ValueError: no such change", failures=5, due_at=None)
    assert why(progress=failed).sentence == (
        "the audience could not be worked out: ValueError: no such change"
    )


def test_who_was_decided_on_before_the_walk_failed_still_has_their_answer() -> None:
    failed = Progress(walked=False, failure="ValueError", failures=5, due_at=None)
    assert why(progress=failed, found=record(question(places=(place(),)))).reason == "author"


def test_a_second_account_of_the_decision_is_not_accepted() -> None:
    tampered = record(question(places=(place(),)), verdicts={"email": ["consent", {}]})
    with pytest.raises(AssertionError, match="stored verdicts are not what its question answers"):
        why(found=tampered)


def test_no_place_is_no_channel() -> None:
    assert why(found=record(question())).channels == ()
    assert Place(channel="email") == Place(channel="email", addresses=0)
