"""When two emits with one key are the same event, and when they are a conflict."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given

from clarion.event import FIELDS, make
from clarion.group import Active, Everyone, Role
from clarion.recipient import Address
from clarion.severity import Severity
from tests.support.events import event, plain_data

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


def body(**fields: Any) -> str:
    return event(**fields).body_hash


WHOLE: dict[str, Any] = {
    "actor": "alice",
    "subject": "cl/42",
    "thread": "cl/42",
    "to": {"author": ["bob"], "reviewer": ["carol", Address("email", "x@y.test", "fr")]},
    "topic": "cl/42",
    "severity": "high",
    "condition": "ci/red",
    "tags": ["a", "b"],
    "channels": ["email", "inbox"],
    "data": {"text": "Looks good", "lines": [1, 2]},
    "url": "/cl/42#c7",
    "at": NOON,
    "expires_at": NOON + timedelta(days=1),
    "correlation_id": "request-9",
}
OTHER: dict[str, Any] = {
    "actor": "bob",
    "subject": "cl/43",
    "thread": "cl/43",
    "to": {"author": ["bob"], "reviewer": ["carol", Address("email", "x@y.test", "de")]},
    "topic": "cl/43",
    "severity": "urgent",
    "condition": "ci/slow",
    "tags": ["a"],
    "channels": [],
    "data": {"text": "Looks good", "lines": [2, 1]},
    "url": "/cl/42",
    "at": NOON + timedelta(seconds=1),
    "expires_at": NOON + timedelta(days=2),
    "correlation_id": "request-10",
}


def test_the_same_fields_are_the_same_event_whenever_emitted(travel: Callable[[timedelta], None]) -> None:
    first = event(key="comment/7", **WHOLE)
    travel(timedelta(minutes=5))
    second = event(key="comment/7", **WHOLE)
    assert first.id != second.id
    assert first.emitted_at != second.emitted_at
    assert first.body_hash == second.body_hash


def test_an_event_due_now_is_the_same_a_minute_later(travel: Callable[[timedelta], None]) -> None:
    first = body(key="comment/7")
    travel(timedelta(minutes=1))
    assert body(key="comment/7") == first


@pytest.mark.parametrize("field", WHOLE)
def test_a_difference_in_any_field_is_another_event(field: str) -> None:
    without = {name: value for name, value in WHOLE.items() if name != field}
    assert len({body(**WHOLE), body(**WHOLE | {field: OTHER[field]}), body(**without)}) == 3


def test_the_type_counts_and_every_field_is_tried_here() -> None:
    assert make("cl.merged", {}).body_hash != make("cl.closed", {}).body_hash
    assert set(WHOLE) == set(OTHER) == set(FIELDS) - {"tenant", "key"}


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"severity": "high"}, {"severity": Severity.ACTION}),
        ({"to": ["bob"]}, {"to": {"direct": ("bob",)}}),
        ({"to": ["bob", "carol"]}, {"to": ["carol", "bob", "bob"]}),
        ({"to": [Address("a", "1"), "b"]}, {"to": ["b", Address("a", "1")]}),
        ({"to": ["b", Role("y"), Everyone(), Role("x")]}, {"to": [Role("x"), Everyone(), Role("y"), "b"]}),
        ({"to": [Active(days=1)]}, {"to": [Active(within=timedelta(hours=24))] * 2}),
        ({"tags": ["a", "b"]}, {"tags": ("b", "a")}),
        ({"channels": ["email", "inbox"]}, {"channels": {"inbox", "email"}}),
        ({"data": {"a": 1, "b": [{"c": 1, "d": 2}]}}, {"data": {"b": [{"d": 2, "c": 1}], "a": 1}}),
        ({"data": {"a": (1, 2)}}, {"data": {"a": [1, 2]}}),
        ({"at": NOON}, {"at": NOON.astimezone(timezone(timedelta(hours=9)))}),
        ({}, {"data": {}, "tags": (), "to": None}),
    ],
)
def test_another_spelling_is_the_same_event(one: dict[str, Any], same: dict[str, Any]) -> None:
    assert body(**one) == body(**same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"to": ["email:x@y.test"]}, {"to": [Address("email", "x@y.test")]}),
        ({"to": ["role x"]}, {"to": [Role("x")]}),
        ({"to": ["everyone"]}, {"to": [Everyone()]}),
        ({"to": [Active(days=1)]}, {"to": [Active(days=2)]}),
        ({"to": {"a": ["bob"], "b": ["carol"]}}, {"to": {"b": ["carol"], "a": ["bob"]}}),
        ({"to": {"a": ["bob"]}}, {"to": {"a": ["bob"], "b": []}}),
        ({"actor": "x"}, {"subject": "x"}),
        ({"data": {"a": 1}}, {"data": {"a": "1"}}),
        ({"data": {"a": 1}}, {"data": {"a": True}}),
        ({"data": {"a": None}}, {"data": {}}),
        ({"data": {"a": "é"}}, {"data": {"a": "e\u0301"}}),
        ({"severity": "info"}, {}),
    ],
)
def test_what_could_be_told_differently_is_another_event(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert body(**one) != body(**other)


@given(plain_data, plain_data)
def test_other_data_has_another_hash(one: Any, other: Any) -> None:
    canonical = [json.dumps(value, sort_keys=True) for value in (one, other)]
    assert (body(data={"v": one}) == body(data={"v": other})) == (canonical[0] == canonical[1])


def test_sets_are_the_same_event_in_every_process() -> None:
    """Each process walks a set of texts in its own order; a retry comes from another process."""
    code = """
from clarion.event import make
from clarion.group import Active, Everyone, Role
names = {"alice", "bob", "carol", "dave", "erin", Role("a"), Role("b"), Role("c"), Active(days=1), Everyone()}
texts = {name for name in names if isinstance(name, str)}
print(make("cl.merged", {"to": {"author": names}, "tags": texts, "channels": texts}).body_hash)
"""
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(hashes) == 1


def test_the_hash_does_not_change_between_versions() -> None:
    """Keys are remembered for weeks: a changed hash would make every retry across an upgrade a conflict."""
    assert body(**WHOLE) == "3796d759a9faf94d685aa8c0d188ad24"
