"""Everything that `make` says of an event's fields; its data is in test_event_data."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion import clock
from clarion.errors import InvalidInput, UnknownName
from clarion.event import (
    FIELDS,
    LIST_LIMIT,
    NAMES_LIMIT,
    TEXT_LIMIT,
    URL_LIMIT,
    audience_from_json,
    audience_json,
    make,
    retention_limit,
)
from clarion.group import Active, Everyone, Role
from clarion.recipient import Address
from clarion.severity import Severity
from tests.support.events import event, nested, refusal

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
TEXTS = ("tenant", "actor", "subject", "thread", "topic", "key", "condition", "url", "correlation_id")
NAMES = ("tags", "channels")

texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1).filter(str.strip)
addresses = st.builds(Address, texts, texts, st.none() | texts)
days = st.floats(min_value=0.001, max_value=3650)
groups = st.builds(Role, texts) | st.builds(Active, days=days) | st.just(Everyone())
audiences = st.dictionaries(texts, st.lists(texts | addresses | groups, max_size=5), max_size=4)


# What an event is when nothing, or everything, is said.


def test_a_type_alone_is_an_event_due_now() -> None:
    before = clock.now()
    made = event()
    assert made.type == "cl.merged"
    assert before <= made.emitted_at == made.at <= clock.now()
    assert made.id.version == 7
    assert made.correlation_id == str(made.id)
    assert (made.tenant, made.to, made.tags, made.channels, dict(made.data)) == ("default", (), (), None, {})
    assert (made.severity, made.key, made.url, made.expires_at) == (None, None, None, None)


def test_every_field_arrives() -> None:
    made = event(
        tenant="acme",
        actor="alice",
        subject="cl/42",
        thread="cl/42",
        to={"author": ["bob", Address("email", "x@y.test", "fr")]},
        topic="cl/42",
        severity="high",
        key="comment/7",
        condition="ci/red",
        tags=["a", "b"],
        channels=["email"],
        data={"text": "Looks good"},
        url="/cl/42#c7",
        at=NOON,
        expires_at=NOON + timedelta(days=1),
        correlation_id="request-9",
    )
    assert made.tenant == "acme"
    assert (made.actor, made.subject, made.thread, made.topic) == ("alice", "cl/42", "cl/42", "cl/42")
    assert made.to == (("author", ("bob", Address("email", "x@y.test", "fr"))),)
    assert made.severity is Severity.ACTION
    assert (made.key, made.condition, made.tags, made.channels) == (
        "comment/7",
        "ci/red",
        ("a", "b"),
        ("email",),
    )
    assert made.data == {"text": "Looks good"}
    assert (made.url, made.correlation_id) == ("/cl/42#c7", "request-9")
    assert (made.at, made.expires_at) == (NOON, NOON + timedelta(days=1))


def test_none_means_unsaid_wherever_it_may_stand() -> None:
    optional = set(FIELDS) - {"tags", "data"}
    made, bare = event(**dict.fromkeys(optional)), event()
    assert made.body_hash == bare.body_hash
    assert (made.tenant, made.to, made.channels, made.at) == ("default", (), None, made.emitted_at)


def test_an_unknown_field_names_its_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown field of an event 'sujbect'; did you mean 'subject'"):
        event(sujbect="cl/42")


# Texts.


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize(
    "value", [42, b"x", ["x"], True, 10**6000, nested(10_000)], ids=lambda v: type(v).__name__
)
def test_a_text_must_be_text(field: str, value: object) -> None:
    assert f"{field} must be text, got" in refusal(**{field: value})


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("value", ["", " ", "\t\n"])
def test_an_empty_text_is_to_be_left_out(field: str, value: str) -> None:
    assert refusal(**{field: value}) == f"{field} is empty; leave it out instead"


@pytest.mark.parametrize("field", TEXTS)
def test_texts_have_room_and_a_limit(field: str) -> None:
    limit = URL_LIMIT if field == "url" else TEXT_LIMIT
    assert getattr(event(**{field: "/" * limit}), field) == "/" * limit
    assert f"{field} has {limit + 1} characters, at most {limit} are stored" in refusal(
        **{field: "/" * (limit + 1)}
    )


@pytest.mark.parametrize("field", [*TEXTS, *NAMES, "to", "reason", "address"])
@pytest.mark.parametrize(
    "bad",
    ["\r", "\n", "\x00", "\x1f", "\x7f", "\x85", "\x9f", "\u2028", "\u2029", "\ud800"],
    ids=ascii,
)
def test_no_control_character_enters_any_text(field: str, bad: str) -> None:
    text = f"/a{bad}Bcc: x@y.test"
    places: dict[str, dict[str, Any]] = {
        "tags": {"tags": [text]},
        "channels": {"channels": [text]},
        "to": {"to": [text]},
        "reason": {"to": {text: ["bob"]}},
        "address": {"to": [Address("email", text)]},
    }
    assert "holds the control character" in refusal(**places.get(field, {field: text}))


@pytest.mark.parametrize("text", ["日本語", "🎉", "عربي", "e\u0301", "a b", "cl/42#c7"])
def test_the_worlds_words_are_welcome(text: str) -> None:
    assert event(subject=text).subject == text


@pytest.mark.parametrize("url", ["/", "/cl/42", "https://acme.test/x", "http://localhost:8000"])
def test_urls(url: str) -> None:
    assert event(url=url).url == url


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "cl/42", "data:text/html,x", "ftp://x", " https://x", "x"]
)
def test_other_urls_are_refused(url: str) -> None:
    assert "must be a path ('/…') or begin with https:// or http://" in refusal(url=url)


# Lists of names, and people.


@pytest.mark.parametrize("field", NAMES)
@pytest.mark.parametrize("value", ["email", 5, b"x", [None], [5], [["x"]], [""], ["x", None]])
def test_names_must_be_a_list_of_texts(field: str, value: object) -> None:
    assert field in refusal(**{field: value})


@pytest.mark.parametrize("field", NAMES)
def test_names_have_a_limit(field: str) -> None:
    assert len(getattr(event(**{field: ["x"] * NAMES_LIMIT}), field)) == NAMES_LIMIT
    assert f"{field} names {NAMES_LIMIT + 1}, at most {NAMES_LIMIT}" in refusal(
        **{field: ["x"] * (NAMES_LIMIT + 1)}
    )


def test_no_channel_is_something_else_than_nothing_said() -> None:
    assert event(channels=[]).channels == ()
    assert event().channels is None


def test_a_list_of_people_is_told_directly() -> None:
    assert event(to=["bob", "carol"]).to == (("direct", ("bob", "carol")),)
    assert event(to=(name for name in ("bob", "carol"))).to == (("direct", ("bob", "carol")),)


def test_reasons_keep_their_order() -> None:
    assert [reason for reason, _ in event(to={"z": ["bob"], "a": ["bob"]}).to] == ["z", "a"]


@pytest.mark.parametrize(
    "to",
    [
        "bob",
        Address("email", "x@y.test"),
        5,
        [None],
        [5],
        [["bob"]],
        [""],
        {"author": "bob"},
        {"author": None},
        {"author": Address("email", "x@y.test")},
        Role("admin"),
        {"author": Role("admin")},
        {"author": [Role]},
        [Role("a" * (TEXT_LIMIT + 1))],
        [Role("admin\n")],
        [{"role": "admin"}],
        {"author": [None]},
        {None: ["bob"]},
        {5: ["bob"]},
        {"": ["bob"]},
        [Address("", "x@y.test")],
        [Address("email", "")],
        [Address("email", 5)],  # type: ignore[arg-type]
        [Address("email", "x" * (URL_LIMIT + 1))],
        [Address("email", "x@y.test", "")],
    ],
)
def test_an_audience_of_another_shape_is_refused(to: object) -> None:
    assert refusal(to=to)


def test_an_audience_has_a_limit_over_all_its_reasons() -> None:
    half = [f"r{n}" for n in range(LIST_LIMIT // 2)]
    assert event(to={"a": half, "b": half})
    assert f"to names {LIST_LIMIT + 1:,} recipients, at most {LIST_LIMIT:,}" in refusal(
        to={"a": half, "b": [*half, "x"]}
    )


def test_groups_stand_where_people_do() -> None:
    made = event(to={"author": ["bob", Role("admin")], "direct": [Active(days=30), Everyone()]})
    assert made.to == (("author", ("bob", Role("admin"))), ("direct", (Active(days=30), Everyone())))
    assert audience_json(made.to) == [
        ["author", ["bob", {"role": "admin"}]],
        ["direct", [{"active": 2592000.0}, {"everyone": True}]],
    ]
    assert event(to=[Active(days=30)]).to == (("direct", (Active(days=30),)),)


def test_what_is_wrong_with_a_group_is_said() -> None:
    assert (
        refusal(to=Role("admin")) == "to must be a list, or reasons with lists ({'author': ['bob']}), "
        "got Role(name='admin')"
    )
    assert "to['author'] must be a list of recipient ids, addresses or groups, got Everyone()" in refusal(
        to={"author": Everyone()}
    )
    assert "to['direct']: a role 'a\\x00' holds the control character" in refusal(to=[Role("a\0")])
    many = [Role(f"team-{n}") for n in range(101)]
    assert refusal(to={"a": many[:60], "b": many[60:]}) == "to names 101 groups, at most 100"
    assert event(to={"a": many[:60], "b": many[:100]})


@given(audiences)
def test_an_audience_is_stored_and_read_back(to: dict[str, list[Any]]) -> None:
    made = make("cl.merged", {"to": to}).to if all(len(r) <= TEXT_LIMIT for r in to) else ()
    assert audience_from_json(json.loads(json.dumps(audience_json(made)))) == made


# Times.


@pytest.mark.parametrize("field", ["at", "expires_at"])
@pytest.mark.parametrize("value", [datetime(2027, 3, 1), "2027-03-01T00:00:00Z", 1_800_000_000, NOON.date()])  # noqa: DTZ001 - the fault
def test_a_time_must_be_aware(field: str, value: object) -> None:
    assert f"{field} must be an aware datetime" in refusal(**{field: value})


def test_times_are_kept_in_utc() -> None:
    made = event(at=datetime(2027, 3, 1, 14, tzinfo=timezone(timedelta(hours=2))))
    assert made.at == NOON
    assert made.at.tzinfo is UTC


@pytest.mark.parametrize(
    "at",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=2))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-2))),
    ],
)
def test_a_time_that_utc_cannot_hold_is_refused(at: datetime) -> None:
    assert "outside the years 1 to 9999" in refusal(at=at)


@pytest.mark.parametrize("after", [timedelta(), timedelta(seconds=-1)])
def test_an_event_cannot_expire_before_it_is_due(after: timedelta) -> None:
    assert "is not after the event is due" in refusal(at=NOON, expires_at=NOON + after)


def test_an_event_cannot_have_expired_when_emitted() -> None:
    assert "is not after the event is due" in refusal(expires_at=clock.now() - timedelta(seconds=1))


def test_a_schedule_beyond_the_retention_is_refused() -> None:
    retention_limit(NOON + timedelta(days=30), NOON, timedelta(days=30))
    with pytest.raises(InvalidInput, match="more than 30 days ahead"):
        retention_limit(NOON + timedelta(days=30, seconds=1), NOON, timedelta(days=30))
