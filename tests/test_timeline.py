"""What happened, in order and in words: of an event, and of those it was for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from clarion.delivery import Result, State
from clarion.event import Event
from clarion.explanation import (
    DECIDED,
    Attempt,
    ChannelWhy,
    DeliveryRecord,
    NotificationRecord,
    Progress,
)
from clarion.severity import Severity
from clarion.timeline import Person, Said, TakenBack, of_event, of_people
from tests.support.events import event
from tests.test_gates import NOON

HOUR = timedelta(hours=1)


def person(*deliveries: DeliveryRecord, told: bool = True, **values: Any) -> Person:
    known: dict[str, Any] = {
        "id": UUID(int=1),
        "recipient": "bob",
        "reason": "author",
        "severity": Severity.INFO,
        "visible": told,
        "verdicts": {},
        "question": None,
        "created_at": NOON,
        "read_at": None,
        "deliveries": deliveries,
    }
    gate = None if told else "muted"
    why = ChannelWhy(channel="inbox", told=told, gate=gate, values={}, sentence="a sentence")
    return Person(record=NotificationRecord(**known | values), channels=(why,))


def delivery(state: State, *attempts: Attempt, due_at: Any = None) -> DeliveryRecord:
    return DeliveryRecord(
        id=UUID(int=2), channel="wire", address="b", state=state, due_at=due_at, attempts=attempts
    )


def attempt(n: int, result: str, **values: Any) -> Attempt:
    known = {"code": None, "detail": None, "duration_ms": 1, "receipt": None, "final": False}
    return Attempt(n=n, at=NOON + n * HOUR, result=result, **{**known, **values})


def emitted(**fields: Any) -> Event:
    return replace(event(), **{"emitted_at": NOON, "at": NOON, **fields})


def said(moments: Any) -> list[tuple[str, str, bool]]:
    return [(one.said, one.tone, one.ahead) for one in moments]


def test_of_an_event_that_nobody_was_told_of() -> None:
    of = emitted()
    failed = Progress(walked=False, failure="ValueError: no such team", failures=3, due_at=None)
    found = of_event(of, failed, NOON + HOUR, [], None, NOON + 2 * HOUR)
    assert said(found) == [
        ("emitted", "plain", False),
        ("given up: its audience could not be worked out", "bad", False),
    ]
    assert found[-1].more == "ValueError: no such team"


def test_what_is_ahead_is_marked_so() -> None:
    of = emitted(actor="alice", at=NOON + HOUR, expires_at=NOON + 3 * HOUR)
    condition = Said(
        repeats=2,
        last_at=NOON,
        escalations=0,
        escalated_by=None,
        escalate_at=NOON + 2 * HOUR,
        resolved_at=None,
    )
    waits = Progress(walked=False, failure=None, failures=0, due_at=NOON + HOUR)
    now = NOON + timedelta(minutes=90)
    assert said(of_event(of, waits, None, [], condition, now)) == [
        ("emitted by alice", "plain", False),
        ("its condition was said again, 2 times by now", "quiet", False),
        ("due", "waiting", False),
        ("escalates", "waiting", True),
        ("expired", "quiet", True),
    ]


def test_of_what_was_taken_back() -> None:
    taken = [
        TakenBack(at=NOON + HOUR, what="subject", recipient="bob"),
        TakenBack(at=NOON + 2 * HOUR, what="event"),
        TakenBack(at=NOON + 3 * HOUR, what="condition"),
    ]
    found = of_event(emitted(), DECIDED, None, taken, None, NOON + 4 * HOUR)
    assert [one.said for one in found[1:]] == [
        "its subject was withdrawn for bob",
        "cancelled",
        "its condition was resolved",
    ]


def test_attempts_marks_and_what_is_to_be_tried() -> None:
    waits = delivery(State.WAITING, attempt(1, "retry", code="busy", detail="later"), due_at=NOON + 5 * HOUR)
    found = of_people([person(waits, marks={"read": NOON + 2 * HOUR})], NOON + 4 * HOUR)
    assert [(one.said, one.channel, one.code, one.ahead) for one in found] == [
        ("to be told on inbox (author)", None, None, False),
        ("tried, and to be tried again", "wire", "busy", False),
        ("read", "inbox", None, False),
        ("to be tried again", "wire", None, True),
    ]


def test_who_was_not_told_and_why() -> None:
    (one,) = of_people([person(told=False)], NOON)
    assert (one.said, one.more, one.tone) == (
        "not told on any channel (author)",
        "inbox: a sentence",
        "quiet",
    )


@pytest.mark.parametrize("result", list(Result))
def test_every_result_has_words(result: Result) -> None:
    found = of_people([person(delivery(State.SENT, attempt(1, result.value)))], NOON)
    assert len(found) == 2
