"""A stored question is the question that was asked, and gets the same answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from clarion import quiet_hours
from clarion.plan import decide, verdicts_json
from clarion.preference import LEVELS
from clarion.question import Charged, Place, Question, from_json, to_json
from clarion.severity import Severity
from tests.test_gates import question

CHOICES = ("consent", "level", "muted", "severity", "tags", "quiet_hours")
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
severities = st.sampled_from(Severity)
places = st.builds(
    Place,
    channel=st.sampled_from(["inbox", "email", "sms"]) | names,
    addresses=st.integers(0, 3),
    gone=st.integers(0, 3),
    enabled_since=st.none() | instants,
    narrowed=st.booleans(),
    wanted=st.booleans(),
    wanted_by=names,
    min_severity=st.none() | severities,
    min_severity_by=st.none() | names,
    mode=st.sampled_from(["now", "digest"]),
    silence=st.none() | names,
    silenced_by=st.none() | names,
    silenced_until=st.none() | instants,
)
charges = st.builds(
    Charged,
    rule=st.sampled_from(["cooldown", "throttle"]),
    key=st.sampled_from(["cooldown 1/60s", "throttle 3/3600s type=x"]) | names,
    limit=st.integers(1, 3),
    window_seconds=st.floats(1, 10**6),
    overflow=st.sampled_from(["suppress", "hold"]),
    channels=st.none() | st.lists(st.sampled_from(["inbox", "email", "sms"]), unique=True).map(tuple),
    taken=st.integers(0, 3),
    since=st.none() | instants,
    until=st.none() | instants,
    mine=st.booleans(),
)
nights = st.sampled_from(
    [{"daily": ["22:00-07:00"]}, {"weekend": ["00:00-00:00"], "monday": ["12:00-13:00"], "passes": "action"}]
).map(quiet_hours.parse)
questions = st.builds(
    Question,
    now=instants,
    type=names,
    required=st.booleans(),
    severity=severities,
    reason=names,
    emitted_at=instants,
    due_at=instants,
    expires_at=st.none() | instants,
    stale_at=st.none() | instants,
    is_actor=st.booleans(),
    tell_actor=st.booleans(),
    known=st.booleans(),
    active=st.booleans(),
    withdrawn=st.booleans(),
    read=st.booleans(),
    unless_read=st.booleans(),
    access=st.none() | st.booleans(),
    switched_on=st.booleans(),
    on=st.booleans(),
    on_by=names,
    resolved=st.booleans(),
    silent_until=st.none() | instants,
    level=st.sampled_from(LEVELS),
    level_by=names,
    muted_until=st.none() | instants,
    muted=st.none() | names,
    tags_refused_by=st.none() | names,
    quiet_hours=st.none() | nights,
    time_zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
    charges=st.lists(charges, max_size=2).map(tuple),
    places=st.lists(places, max_size=3, unique_by=lambda place: place.channel).map(tuple),
)


@settings(deadline=None)
@given(questions)
def test_a_question_survives_being_stored(asked: Question) -> None:
    read = from_json(json.loads(json.dumps(to_json(asked), allow_nan=False)))
    assert read == asked
    assert hash(read) == hash(asked)
    for name in Question._fields:
        assert type(getattr(read, name)) is type(getattr(asked, name))


@settings(deadline=None)
@given(questions)
def test_asked_again_it_has_the_same_answer(asked: Question) -> None:
    decisions = decide(asked)
    again = decide(from_json(json.loads(json.dumps(to_json(asked)))))
    assert again == decisions
    stored = json.loads(json.dumps(verdicts_json(decisions)))
    assert stored == verdicts_json(again)
    assert (stored is None) == all(d.gate is None for d in decisions)


@settings(deadline=None)
@given(questions)
def test_each_channel_is_decided_once(asked: Question) -> None:
    assert [d.channel for d in decide(asked)] == [place.channel for place in asked.places]


@settings(deadline=None)
@given(questions)
def test_what_is_required_is_never_stopped_by_a_choice(asked: Question) -> None:
    for decision in decide(asked):
        assert not asked.required or decision.gate not in CHOICES


def test_only_what_differs_from_the_ordinary_is_stored() -> None:
    stored = to_json(question(places=(Place(channel="inbox"),)))
    assert set(stored) == {"now", "type", "required", "severity", "reason", "emitted_at", "due_at", "places"}
    assert stored["places"] == [{"channel": "inbox"}]


def test_an_instant_keeps_its_microseconds() -> None:
    late = question(expires_at=question().now + timedelta(microseconds=1))
    assert from_json(json.loads(json.dumps(to_json(late)))).expires_at == late.expires_at
