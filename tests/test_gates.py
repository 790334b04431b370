"""Each gate: what it lets pass, what it refuses and with which values; the order; the stored bits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clarion import gates
from clarion.gates import BITS, NAMES, REFUSALS, Suppress, names_in
from clarion.plan import decide
from clarion.question import INBOX, Place, Question
from clarion.sentences import SENTENCES
from clarion.severity import Severity

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
EARLIER, LATER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)


def question(**values: Any) -> Question:
    whole: dict[str, Any] = {
        "now": NOON,
        "type": "cl.merged",
        "required": False,
        "severity": Severity.WARNING,
        "reason": "author",
        "emitted_at": NOON,
        "due_at": NOON,
    }
    return Question(**whole | values)


def place(channel: str = "email", **values: Any) -> Place:
    return Place(channel=channel, **{"addresses": 1, "enabled_since": EARLIER} | values)


# The gate, a question and a place that it lets pass, and one that it refuses with these values.
CASES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any] | None]] = [
    ("expired", {}, {}, None),
    ("expired", {"expires_at": LATER, "stale_at": LATER}, {}, None),
    ("expired", {"expires_at": NOON}, {}, {"expires_at": NOON, "now": NOON}),
    ("expired", {"expires_at": EARLIER}, {"channel": INBOX}, {"expires_at": EARLIER, "now": NOON}),
    ("expired", {"stale_at": NOON}, {}, {"max_age_until": NOON, "now": NOON}),
    ("expired", {"stale_at": EARLIER}, {"channel": INBOX}, None),  # an item in the inbox is never too late
    ("resolved", {}, {}, None),
    ("resolved", {"resolved": True}, {}, {"resolved": True}),
    ("resolved", {"resolved": True, "required": True}, {}, {"resolved": True}),
    ("withdrawn", {}, {}, None),
    ("withdrawn", {"withdrawn": True}, {}, {"withdrawn": True}),
    ("actor", {}, {}, None),
    ("actor", {"is_actor": True, "tell_actor": True}, {}, None),
    ("actor", {"is_actor": True}, {}, {"actor": True}),
    ("actor", {"is_actor": True, "required": True}, {}, {"actor": True}),
    ("active", {}, {}, None),
    ("active", {"known": False}, {}, {"known": False}),
    ("active", {"active": False}, {}, {"active": False}),
    ("active", {"active": False, "required": True}, {}, {"active": False}),
    ("access", {}, {}, None),
    ("access", {"access": True}, {}, None),
    ("access", {"access": False}, {}, {"access": False}),
    ("access", {"access": False, "required": True}, {}, {"access": False}),
    ("reachable", {}, {}, None),
    ("reachable", {}, {"addresses": 0}, {"addresses": 0}),
    ("reachable", {}, {"addresses": 1, "gone": 2}, None),
    ("reachable", {}, {"addresses": 0, "gone": 2}, {"addresses": 0, "gone": 2}),
    ("enabled", {}, {}, None),
    ("enabled", {}, {"enabled_since": NOON}, None),
    ("enabled", {}, {"enabled_since": None}, {"configured": False}),
    ("enabled", {}, {"enabled_since": LATER}, {"enabled_since": LATER, "emitted_at": NOON}),
    ("enabled", {}, {"narrowed": True}, {"narrowed": "the event asked for other channels"}),
    ("consent", {}, {}, None),
    ("consent", {"switched_on": False}, {}, {"said_by": "global switch"}),
    ("consent", {"on": False, "on_by": "*"}, {}, {"said_by": "*", "type": "cl.merged"}),
    ("consent", {}, {"wanted": False, "wanted_by": "*"}, {"said_by": "*", "channel": "email"}),
    (
        "consent",
        {"required": True, "switched_on": False, "on": False},
        {"wanted": False},
        None,
    ),
    ("consent", {"silent_until": NOON}, {}, None),
    ("consent", {"silent_until": LATER}, {}, {"said_by": "silence", "until": LATER}),
    ("consent", {"silent_until": LATER, "required": True}, {}, None),
    ("level", {}, {}, None),
    ("level", {"level": "participating"}, {}, None),
    (
        "level",
        {"level": "participating", "level_by": "cl/1", "reason": "subscribed"},
        {},
        {"level": "participating", "reason": "subscribed", "topic": "cl/1"},
    ),
    ("level", {"level": "mentions", "reason": "mention"}, {}, None),
    (
        "level",
        {"level": "mentions", "level_by": "cl/1"},
        {},
        {"level": "mentions", "reason": "author", "topic": "cl/1"},
    ),
    (
        "level",
        {"level": "none", "level_by": "cl/1", "reason": "mention"},
        {},
        {"level": "none", "reason": "mention", "topic": "cl/1"},
    ),
    ("level", {"level": "none", "required": True}, {}, None),
    ("muted", {}, {}, None),
    ("muted", {"muted_until": NOON, "muted": "cl/1"}, {}, None),
    ("muted", {"muted_until": LATER, "muted": "cl/1"}, {}, {"topic": "cl/1", "until": LATER}),
    ("muted", {"muted_until": LATER, "muted": "cl/1", "required": True}, {}, None),
    ("severity", {}, {}, None),
    ("severity", {}, {"min_severity": Severity.WARNING}, None),
    (
        "severity",
        {},
        {"min_severity": Severity.ACTION, "min_severity_by": "*"},
        {"severity": "warning", "min_severity": "action", "said_by": "*"},
    ),
    ("severity", {"required": True}, {"min_severity": Severity.URGENT}, None),
    ("tags", {}, {}, None),
    ("tags", {"tags_refused_by": "noise"}, {}, {"refused_by": "noise"}),
    ("tags", {"tags_refused_by": "noise", "required": True}, {}, None),
    ("silenced", {}, {}, None),
    (
        "silenced",
        {"required": True},
        {"silence": "7", "silenced_by": "olga: flood", "silenced_until": LATER},
        {"silence": "7", "by": "olga: flood", "until": LATER},
    ),
    ("read", {}, {}, None),
    ("read", {"read": True}, {}, None),
    ("read", {"unless_read": True}, {}, None),
    ("read", {"read": True, "unless_read": True}, {}, {"read": True}),
    ("read", {"read": True, "unless_read": True}, {"channel": INBOX}, None),
]


@pytest.mark.parametrize(("name", "asked", "at", "values"), CASES)
def test_a_gate(name: str, asked: dict[str, Any], at: dict[str, Any], values: dict[str, Any] | None) -> None:
    gate = next(gate for gate in REFUSALS if gate.__name__ == name)
    verdict = gate(question(**asked), place(**at))
    assert verdict == (None if values is None else Suppress(values))


def test_every_gate_is_seen_to_pass_and_to_refuse() -> None:
    for gate in REFUSALS:
        outcomes = {values is None for name, _, _, values in CASES if name == gate.__name__}
        assert outcomes == {True, False}, gate.__name__


ORDER = ("expired", "resolved", "withdrawn", "actor", "active", "access", "reachable", "enabled", "consent", "level", "muted", "severity", "tags", "silenced", "read")  # fmt: skip


def test_the_order_is_argued_in_the_code_and_kept_here() -> None:
    assert tuple(gate.__name__ for gate in REFUSALS) == ORDER


@pytest.mark.parametrize("n", range(len(ORDER)), ids=ORDER)
def test_of_all_gates_that_object_the_first_speaks(n: int) -> None:
    """A question at which every gate objects, but those before the n-th."""
    objections: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"expires_at": EARLIER}, {}),
        ({"resolved": True}, {}),
        ({"withdrawn": True}, {}),
        ({"is_actor": True}, {}),
        ({"active": False}, {}),
        ({"access": False}, {}),
        ({}, {"addresses": 0}),
        ({}, {"enabled_since": None}),
        ({"on": False}, {}),
        ({"level": "none", "level_by": "cl/1"}, {}),
        ({"muted_until": LATER, "muted": "cl/1"}, {}),
        ({}, {"min_severity": Severity.URGENT}),
        ({"tags_refused_by": "noise"}, {}),
        ({}, {"silence": "7", "silenced_by": "olga: flood", "silenced_until": LATER}),
        ({"read": True, "unless_read": True}, {}),
    ]
    asked: dict[str, Any] = {}
    at: dict[str, Any] = {}
    for of_question, of_place in objections[n:]:
        asked |= of_question
        at |= of_place
    (decision,) = decide(question(**asked, places=(place(**at),)))
    assert decision.gate == ORDER[n]
    assert not decision.told


def test_channels_are_decided_one_by_one() -> None:
    asked = question(places=(place("inbox"), place("email", wanted=False), place("sms", addresses=0)))
    assert [(d.channel, d.gate) for d in decide(asked)] == [
        ("inbox", None),
        ("email", "consent"),
        ("sms", "reachable"),
    ]


def test_nobody_is_told_on_no_channel() -> None:
    assert decide(question()) == ()


# Stored in every database there is: a bit is never moved, a name never given to another.
STORED_BITS = {
    "expired": 1,
    "actor": 2,
    "active": 4,
    "access": 8,
    "reachable": 16,
    "enabled": 32,
    "consent": 64,
    "severity": 128,
    "withdrawn": 256,
    "read": 512,
    "resolved": 1024,
    "level": 2048,
    "muted": 4096,
    "tags": 8192,
    "silenced": 16384,
    "scheduled": 32768,
    "quiet_hours": 65536,
    "digest": 131072,
    "cooldown": 262144,
    "throttle": 524288,
}


def test_bits_are_what_is_stored() -> None:
    assert dict(BITS) == STORED_BITS
    assert len(set(BITS.values())) == len(BITS)
    assert all(bit.bit_count() == 1 for bit in BITS.values())
    assert max(BITS.values()) < 1 << 63


def test_every_gate_has_a_bit_and_a_sentence() -> None:
    assert set(NAMES) == set(BITS) - {"digest"} == set(SENTENCES)


def test_names_in_bits() -> None:
    assert names_in(0) == []
    assert names_in(1 | 64 | 512) == ["expired", "consent", "read"]
    assert set(names_in(sum(BITS.values()))) == set(BITS)
    assert gates.names_in(1 << 40) == []
