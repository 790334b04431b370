"""What `why` says, in each of the situations in which somebody asks it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clarion import quiet_hours
from clarion.event import Event
from clarion.explanation import DECIDED, Explanation, Holder, NotificationRecord, Progress, explain
from clarion.gates import NAMES
from clarion.plan import decide, verdicts_json
from clarion.question import Charged, Place, Question, from_json, to_json
from clarion.recipient import FOREVER, Address
from clarion.sentences import OWN, SENTENCES, when
from clarion.severity import Severity
from tests.support.events import event
from tests.test_gates import NOON, place, question
from tests.test_question import questions

NIGHT = quiet_hours.parse({"daily": ["10:00-18:00", "18:00-07:00"]})
TAKEN = Charged(
    rule="cooldown",
    key="cooldown 1/900s thread=cl/42",
    limit=1,
    window_seconds=900,
    taken=1,
    since=NOON - timedelta(minutes=10),
    until=NOON + timedelta(minutes=5),
)


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
    progress: Progress = DECIDED,
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


# The gate, the question and place in which it speaks, and what people read.
SAID: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("expired", {"expires_at": NOON}, {}, "suppressed: the event expired at 2027-03-01 12:00 UTC"),
    ("expired", {"stale_at": NOON}, {}, "suppressed: too late, the type's max_age ended at 2027-03-01 12:00 UTC"),
    (
        "expired",
        {"quiet_hours": NIGHT, "stale_at": NOON + timedelta(hours=3)},
        {},
        "suppressed: too late, the type's max_age ended at 2027-03-01 15:00 UTC, before what held it would have ended (quiet_hours)",
    ),
    ("resolved", {"resolved": True}, {}, "suppressed: its condition had ended"),
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
        "suppressed: emitted 2027-03-01 12:00 UTC, before the channel was enabled for this type (2027-03-01 13:00 UTC)",
    ),
    ("consent", {"switched_on": False}, {}, "suppressed: the recipient switched everything off (global switch)"),
    ("consent", {"silent_until": FOREVER}, {}, "suppressed: the recipient wants silence until further notice"),
    ("consent", {"on": False, "on_by": "category:reviews"}, {}, "suppressed: the recipient said no (category:reviews)"),
    ("consent", {"on": False}, {}, "suppressed: off for everybody who does not ask for it (the type's default)"),
    ("consent", {}, {"wanted": False, "wanted_by": "* on email"}, "suppressed: the recipient said no (* on email)"),
    (
        "level",
        {"level": "mentions", "level_by": "cl/42"},
        {},
        "suppressed: the recipient follows cl/42 at level 'mentions', and the reason is 'author'",
    ),
    ("muted", {"muted": "cl/42", "muted_until": FOREVER}, {}, "suppressed: the recipient muted cl/42 until further notice"),
    (
        "severity",
        {},
        {"min_severity": Severity.URGENT, "min_severity_by": "*"},
        "suppressed: warning is below the recipient's urgent (*)",
    ),
    ("tags", {"tags_refused_by": "noise*"}, {}, "suppressed: the recipient's tags refuse it (noise*)"),
    (
        "silenced",
        {},
        {"silence": "1", "silenced_by": "olga: moving house", "silenced_until": NOON + timedelta(hours=1)},
        "suppressed: silenced by an operator until 2027-03-01 13:00 UTC (olga: moving house)",
    ),
    ("read", {"read": True, "unless_read": True}, {}, "suppressed: already read in the inbox"),
    (
        "scheduled",
        {"due_at": NOON + timedelta(hours=1)},
        {},
        "held until 2027-03-01 13:00 UTC: not due before 2027-03-01 13:00 UTC",
    ),
    (
        "quiet_hours",
        {"quiet_hours": NIGHT, "time_zone": "Asia/Tokyo"},
        {},
        "held until 2027-03-02 07:00 Asia/Tokyo: the recipient's quiet hours",
    ),
    (
        "cooldown",
        {"charges": (TAKEN,)},
        {},
        "suppressed: a cooldown, once per 15 minutes for thread=cl/42: taken since 2027-03-01 11:50 UTC, until 2027-03-01 12:05 UTC",
    ),
    (
        "throttle",
        {"charges": (TAKEN._replace(rule="throttle", key="throttle 3/86400s", limit=3, taken=3, until=None),)},
        {},
        "suppressed: a throttle, 3 times per day: taken since 2027-03-01 11:50 UTC, while it is on its way",
    ),
    (
        "throttle",
        {"charges": (TAKEN._replace(rule="throttle", key="throttle 1/90s type=x", overflow="hold"),)},
        {},
        "held until 2027-03-01 12:05 UTC: a throttle, once per 90 seconds for type=x: taken since 2027-03-01 11:50 UTC, until 2027-03-01 12:05 UTC",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("gate", "asked", "at", "sentence"), SAID)
def test_each_gate_has_its_sentence(
    gate: str, asked: dict[str, Any], at: dict[str, Any], sentence: str
) -> None:
    (channel,) = why(found=record(question(**asked, places=(place(**at),)))).channels
    assert (channel.gate, channel.sentence) == (gate, sentence)


def test_no_gate_is_without_a_sentence() -> None:
    assert {gate for gate, *_ in SAID} == set(NAMES) == set(SENTENCES) == set(OWN)


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
        "not decided yet: the event waits for its fan-out, due 2027-03-01 12:30 UTC"
    )
    assert why(progress=replace(waiting, failures=3)).sentence.endswith(
        "due 2027-03-01 12:30 UTC after 3 failures"
    )


def test_a_walk_that_failed_says_why() -> None:
    failed = Progress(walked=False, failure="ValueError: no such change", failures=5, due_at=None)
    assert why(progress=failed).sentence == (
        "the audience could not be worked out: ValueError: no such change"
    )


def test_who_was_decided_on_before_the_walk_failed_still_has_their_answer() -> None:
    failed = Progress(walked=False, failure="ValueError", failures=5, due_at=None)
    assert why(progress=failed, found=record(question(places=(place(),)))).reason == "author"


def test_what_this_version_would_decide_otherwise_is_shown_as_it_was_decided() -> None:
    """After an upgrade that changed a gate: the record stands, and says that it is not what would be said now."""
    found = record(question(places=(place(),)), verdicts={"email": ["consent", {"said_by": "*"}]})
    told = why(found=found)
    (email,) = told.channels
    assert (email.told, email.gate, email.sentence) == (
        False,
        "consent",
        "suppressed: the recipient said no (*)",
    )
    assert not told.still_so
    assert told.notes == ("decided by another version of Clarion; this one would say: email: told",)
    assert why(found=record(question(places=(place(),)))).still_so


def test_gates_and_values_of_another_version_have_a_sentence_all_the_same() -> None:
    verdicts = {
        "email": ["moonphase", {"moon": "full"}],
        "sms": ["consent", {}],
        "push": ["digest", {}, "2027-03-02T08:00:00+00:00"],
    }
    told = why(found=record(question(), verdicts=verdicts))
    assert [(c.channel, c.told, c.sentence) for c in told.channels] == [
        ("email", False, "suppressed: the gate 'moonphase' said so"),
        ("sms", False, "suppressed: the gate 'consent' said so"),
        ("push", True, "held until 2027-03-02 08:00 UTC: the gate 'digest' said so"),
    ]


def test_a_question_that_cannot_be_read_is_no_reason_to_say_nothing() -> None:
    told = why(found=record(question(), question=None, verdicts={"email": ["actor", {"actor": True}]}))
    assert told.channels[0].sentence == "suppressed: nobody is told what they did themselves"
    assert not told.still_so
    assert told.notes == ("decided by another version of Clarion, whose question this one cannot read",)
    assert told.own().stop is None


def test_a_question_that_this_version_cannot_answer_is_none_either() -> None:
    asked = question(places=(place(),), quiet_hours=NIGHT, time_zone="Mars/Olympus")
    told = why(found=record(question(), question=asked, verdicts={}))
    assert not told.still_so
    assert told.channels[0].told


@settings(deadline=None)
@given(questions, st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3))
def test_what_another_version_stored_beside_it_is_left_out(asked: Question, more: dict[str, Any]) -> None:
    stored = {f"new_{name}": value for name, value in more.items()} | to_json(asked)
    stored["places"] = [{"new": 1, **place} for place in stored["places"]]
    assert from_json(json.loads(json.dumps(stored))) == asked


# ── What happened since ──────────────────────────────────────────────────────────────────────────────────


def test_what_was_decided_on_again_says_when() -> None:
    later = NOON + timedelta(minutes=20)
    told = why(found=record(question(places=(place(),)), decided_at=later))
    assert told.decided_at == later
    assert told.notes == ("decided on again at 2027-03-01 12:20 UTC, because there was room for it",)


@pytest.mark.parametrize(("minutes", "order"), [(-5, "before"), (5, "after")])
def test_what_was_taken_back_says_when(minutes: int, order: str) -> None:
    at = NOON + timedelta(minutes=minutes)
    found = record(question(places=(place(),)), withdrawn_at=at)
    assert why(found=found).notes == (f"withdrawn at {when(at)}, {order} it was decided on",)
    ended = replace(DECIDED, resolved_at=at)
    assert why(progress=ended, found=record(question(places=(place(),)))).notes == (
        f"resolved at {when(at)}, {order} it was decided on",
    )


def test_a_repeat_was_counted_and_told_to_nobody() -> None:
    first = UUID(int=7)
    told = why(event(condition="disk-full", to=["bob"]), replace(DECIDED, repeat_of=first))
    assert told.repeat_of == first
    assert told.sentence == (
        "nobody was told: 'disk-full' was open already, and this repeat was counted at the event that opened it, "
        f"{first}"
    )


def test_who_holds_the_slot_is_named() -> None:
    holder = Holder(notification=UUID(int=2), event=UUID(int=3), type="cl.commented")
    found = record(question(places=(place(),), charges=(TAKEN,)), holders={TAKEN.key: holder})
    (email,) = why(found=found).channels
    assert email.holder == holder
    assert email.sentence.endswith(f", by cl.commented (event {UUID(int=3)})")


def test_the_row_of_preferences_that_decided() -> None:
    asked = question(
        places=(
            place("inbox"),
            place("email", wanted=False, wanted_by="category:reviews on email"),
            place("sms", wanted_by="* on sms"),
            place("push", min_severity=Severity.URGENT, min_severity_by="type:cl.merged"),
        )
    )
    rows = {c.channel: c.preference for c in why(found=record(asked)).channels}
    assert rows == {
        "inbox": None,
        "email": "category:reviews on email",
        "sms": "* on sms",
        "push": "type:cl.merged",
    }
    assert why(found=record(question(switched_on=False, places=(place(),)))).channels[0].preference is None
    sms = why(found=record(asked)).channel("sms")
    assert sms is not None
    assert sms.sentence == "told, as the recipient asked (* on sms)"


def test_no_place_is_no_channel() -> None:
    assert why(found=record(question())).channels == ()
    assert Place(channel="email") == Place(channel="email", addresses=0)
