"""Event types in TOML: what a decorator can say, said in a file; what is wrong with it, said at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clarion import Clarion, ConfigError, Cooldown, Escalation, Policy, Retries, Throttle, UnknownName
from clarion.declarations import load, read
from clarion.event import Event
from clarion.event_type import OPTIONS, EventType
from clarion.severity import Severity


def audience(_event: Event, _application: object) -> Iterable[tuple[str, list[str]]]:
    yield "mention", ["bob"]


def may_know(_event: Event, ids: Collection[str], _application: object) -> Collection[str]:
    return ids


class Rules:
    @staticmethod
    def inner(_event: Event, _application: object) -> list[tuple[str, list[str]]]:
        return []


NO_FUNCTION = 5

EVERY_OPTION = f"""
[types."cl.merged"]
category = "reviews"
description = "A change was merged"
severity = "high"
channels = ["inbox", "email"]
required = true
enabled = false
unless_read = true
max_age = 7.5
access = "{__name__}:may_know"
resolver = "{__name__}:audience"

[types."cl.merged".policy]
tell_actor = true
retries = {{ attempts = 4, first = 2, ceiling = 5.5, jitter = 0.1 }}
cooldown = {{ minutes = 15, seconds = 30.5, key = "thread", channels = ["email"], exempt = "urgent" }}

[types."cl.merged".policy.throttle]
limit = 5
hours = 1
key = ["category", "severity"]
charge = "channel"
overflow = "hold"

[[types."cl.merged".policy.escalation]]
repeats = 3

[[types."cl.merged".policy.escalation]]
after = {{ hours = 1, minutes = 30 }}
severity = "critical"
renotify = false
"""


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str | bytes) -> list[EventType]:
        path = tmp_path / "types.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path)

    return write


def test_a_file_and_a_decorator_declare_the_same(tmp_path: Path) -> None:
    app = Clarion(f"sqlite:///{tmp_path / 'app.db'}")
    app.type(
        "cl.merged",
        category="reviews",
        description="A change was merged",
        severity="high",
        channels=["inbox", "email"],
        required=True,
        enabled=False,
        unless_read=True,
        max_age=timedelta(days=7.5),
        access=may_know,
        policy=Policy(
            tell_actor=True,
            retries=Retries(
                tuple(timedelta(seconds=s) for s in (2, 4, 5.5)),
                jitter=0.1,
            ),
            cooldown=Cooldown(
                minutes=15, seconds=30.5, key="thread", channels=["email"], exempt=Severity.URGENT
            ),
            throttle=Throttle(5, hours=1, key=("severity", "category"), charge="channel", overflow="hold"),
            escalation=(
                Escalation(repeats=3),
                Escalation(after=timedelta(minutes=90), severity=Severity.URGENT, renotify=False),
            ),
        ),
    )(audience)
    (tmp_path / "types.toml").write_text(EVERY_OPTION)
    (from_file,) = read(tmp_path / "types.toml")
    assert from_file == app.types["cl.merged"]
    app.close()


def test_every_option_is_tried_here() -> None:
    of_type, of_policy = EVERY_OPTION.split('[types."cl.merged".policy]')

    def names(text: str) -> set[str]:
        return {line.split(" ")[0] for line in text.splitlines() if " = " in line}

    assert names(of_type) | {"policy"} == set(OPTIONS)
    assert names(of_policy.split("\n\n")[0]) | {"throttle", "escalation"} == {f.name for f in fields(Policy)}


def test_a_bare_table_has_the_defaults_of_a_bare_decorator(written: Any, tmp_path: Path) -> None:
    app = Clarion(f"sqlite:///{tmp_path / 'app.db'}")
    app.type("cl.merged")
    assert written('[types."cl.merged"]') == [app.types["cl.merged"]]
    app.close()


def test_types_keep_the_order_of_the_file(written: Any) -> None:
    assert [type.code for type in written('[types."b"]\n[types."a.b"]\n[types.c]')] == ["b", "a.b", "c"]


def test_nothing_is_declared_in_an_empty_file(written: Any) -> None:
    assert written("") == []


def test_the_severity_is_a_name(written: Any) -> None:
    assert written('[types.x]\nseverity = "urgent"')[0].severity is Severity.URGENT


def test_a_type_may_keep_its_deliveries_for_ever_when_it_is_required(written: Any) -> None:
    assert written("[types.x]\nrequired = true")[0].max_age is None


# Each with what is wrong, and the nearest name where one is known.
REFUSED = [
    ("[tpyes.x]", "unknown table 'tpyes'; did you mean 'types'?"),
    ("types = 5", "types must be a table, got 5"),
    ("[[types]]", "types must be a table, got [{}]"),
    ("[types]\nx = 5", '[types."x"] must be a table, got 5'),
    ("[types.x]\nchanels = []", "unknown option of event type 'x' 'chanels'; did you mean 'channels'?"),
    ("[types.x]\nretries = 5", "unknown option of event type 'x' 'retries'"),
    ("[types.X]", "event type 'X': use dotted lower-case names"),
    ("[types.cl.merged]", 'quote a type\'s name: [types."cl.merged"]'),
    ("[types.x]\ncategory = 5", "event type 'x': category must be text, got 5"),
    ('[types.x]\ncategory = "a:b"', "category 'a:b' must be a word without ':'"),
    ('[types.x]\ncategory = ""', "category ''"),
    ("[types.x]\ndescription = 5", "event type 'x': description must be text, got 5"),
    ('[types.x]\nseverity = "hihg"', "unknown severity 'hihg'; did you mean 'high'?"),
    ("[types.x]\nseverity = 2", "unknown severity '2'"),
    ('[types.x]\nchannels = "email"', "channels must be a list, got 'email'"),
    ("[types.x]\nchannels = 5", "channels must be a list, got 5"),
    ("[types.x]\nchannels = [5]", "event type 'x': channels must be texts, got 5"),
    ('[types.x]\nchannels = ["email", "email"]', "names a channel twice"),
    ('[types.x]\nrequired = "no"', "event type 'x': required must be true or false, got 'no'"),
    ("[types.x]\nenabled = 0", "event type 'x': enabled must be true or false, got 0"),
    ('[types.x]\nunless_read = "false"', "event type 'x': unless_read must be true or false, got 'false'"),
    ('[types.x]\nmax_age = "3d"', "max_age must be a timedelta or a number of days, got '3d'"),
    ("[types.x]\nmax_age = nan", "max_age must be a timedelta or a number of days, got nan"),
    ("[types.x]\nmax_age = inf", "max_age must be a timedelta or a number of days, got inf"),
    ("[types.x]\nmax_age = 0", "max_age must be positive"),
    ('[types.x]\nresolver = "nowhere"', "'nowhere' must be written module:name"),
    ('[types.x]\nresolver = ":name"', "':name' must be written module:name"),
    ('[types.x]\nresolver = "..up:name"', "'..up:name' must be written module:name"),
    ("[types.x]\nresolver = 5", "5 must be written module:name"),
    ('[types.x]\nresolver = "no.such.module:f"', "cannot load 'no.such.module:f'"),
    (f'[types.x]\naccess = "{__name__}:mayknow"', f"cannot load '{__name__}:mayknow'"),
    (f'[types.x]\naccess = "{__name__}:NO_FUNCTION"', "is no function"),
    ("[types.x]\npolicy = true", "policy of 'x' must be a table, got True"),
    (
        "[types.x]\npolicy = {tell_actr = true}",
        "unknown policy of 'x' 'tell_actr'; did you mean 'tell_actor'?",
    ),
    ("[types.x]\npolicy = {tell_actor = 1}", "tell_actor must be true or false, got 1"),
    ("[types.x]\npolicy = {retries = 5}", "retries of 'x' must be a table, got 5"),
    (
        "[types.x]\npolicy = {retries = {}}",
        "retries of 'x' need attempts, first and ceiling; 'attempts' is missing",
    ),
    (
        "[types.x]\npolicy = {retries = {attempts = 2, first = 1}}",
        "retries of 'x' need attempts, first and ceiling; 'ceiling' is missing",
    ),
    (
        "[types.x]\npolicy = {retries = {atempts = 2}}",
        "unknown retries of 'x' 'atempts'; did you mean 'attempts'?",
    ),
    (
        "[types.x]\npolicy = {retries = {attempts = '5', first = 1, ceiling = 2}}",
        "retries of 'x': attempts must be a number, got '5'",
    ),
    (
        "[types.x]\npolicy = {retries = {attempts = 1.5, first = 1, ceiling = 2}}",
        "retries of 'x': attempts must be a number, got 1.5",
    ),
    (
        "[types.x]\npolicy = {retries = {attempts = true, first = 1, ceiling = 2}}",
        "retries of 'x': attempts must be a number, got True",
    ),
    (
        "[types.x]\npolicy = {retries = {attempts = 5, first = '1s', ceiling = 2}}",
        "retries of 'x': first must be a number, got '1s'",
    ),
    (
        "[types.x]\npolicy = {retries = {attempts = 0, first = 1, ceiling = 2}}",
        "retries of 'x': at least one attempt is needed, got 0",
    ),
    (
        "[types.x]\npolicy = {retries = {attempts = 3, first = 0, ceiling = 2}}",
        "retries of 'x': every wait between attempts must be positive",
    ),
    ("[types.x]\npolicy = {retries = {attempts = 3, first = inf, ceiling = 2}}", "retries of 'x': "),
    ("[types.x]\npolicy = {retries = {attempts = 3, first = nan, ceiling = 2}}", "retries of 'x': "),
    (
        "[types.x]\npolicy = {retries = {attempts = 3, first = 1, ceiling = 2, jitter = 1}}",
        "retries of 'x': jitter is a share of the wait from 0 to below 1, got 1",
    ),
    *(
        (f"[types.x.policy]\n{line}", message)
        for line, message in (
            ("cooldown = 15", "policy of 'x': cooldown must be a table, got 15"),
            (
                "cooldown = {}",
                "policy of 'x': cooldown: a window of 0:00:00 is not between nothing and 30 days",
            ),
            ("cooldown = {days = 31}", "is not between nothing and 30 days"),
            ("cooldown = {minute = 5}", "unknown cooldown 'minute'; did you mean 'minutes'?"),
            ("cooldown = {minutes = '5'}", "policy of 'x': cooldown: minutes must be a number, got '5'"),
            ("cooldown = {minutes = true}", "cooldown: minutes must be a number, got True"),
            ("cooldown = {minutes = nan}", "cooldown: {'minutes': nan} is no length of time"),
            ("cooldown = {days = inf}", "cooldown: {'days': inf} is no length of time"),
            ("cooldown = {days = 1, limit = 2}", "unknown cooldown 'limit'"),
            ("cooldown = {days = 1, overflow = 'hold'}", "unknown cooldown 'overflow'"),
            (
                "cooldown = {days = 1, key = 'thred'}",
                "policy of 'x': unknown part of the key of a cooldown 'thred'; did you mean 'thread'?",
            ),
            ("cooldown = {days = 1, key = 5}", "cooldown: key must be a list, got 5"),
            ("cooldown = {days = 1, key = ['type', 5]}", "cooldown: key must be text, got 5"),
            ("cooldown = {days = 1, key = []}", "unknown part of the key of a cooldown ''"),
            ("cooldown = {days = 1, channels = 'email'}", "cooldown: channels must be a list, got 'email'"),
            ("cooldown = {days = 1, channels = [5]}", "cooldown: channels must be text, got 5"),
            (
                "cooldown = {days = 1, charge = 'chanel'}",
                "charge of a cooldown 'chanel'; did you mean 'channel'?",
            ),
            ("cooldown = {days = 1, exempt = 'urgnt'}", "unknown severity 'urgnt'; did you mean 'urgent'?"),
            ("cooldown = {days = 1, exempt = 3}", "cooldown: exempt must be text, got 3"),
            ("throttle = {hours = 1}", "policy of 'x': throttle: the limit is from 1 to 10,000, got None"),
            ("throttle = {hours = 1, limit = 0}", "throttle: the limit is from 1 to 10,000, got 0"),
            ("throttle = {hours = 1, limit = 1.5}", "throttle: the limit is from 1 to 10,000, got 1.5"),
            ("throttle = {hours = 1, limit = '5'}", "throttle: the limit is from 1 to 10,000, got '5'"),
            (
                "throttle = {hours = 1, limit = 5, overflow = 'drop'}",
                "policy of 'x': unknown overflow of a throttle 'drop'",
            ),
            ("escalation = {repeats = 3}", "policy of 'x': escalation must be a list of steps"),
            ("escalation = [5]", "escalation, step 1 must be a table, got 5"),
            ("escalation = [{repeats = 3}, {}]", "an escalation needs repeats, or a time after which"),
            ("escalation = [{repets = 3}]", "unknown escalation, step 1 'repets'; did you mean 'repeats'?"),
            ("escalation = [{repeats = 0}]", "an escalation needs at least one repeat, got 0"),
            ("escalation = [{repeats = 1.5}]", "escalation, step 1: repeats must be a whole number, got 1.5"),
            ("escalation = [{after = 30}]", "escalation, step 1: after must be a table, got 30"),
            ("escalation = [{after = {}}]", "an escalation's time is above nothing and at most 30 days"),
            ("escalation = [{after = {minuts = 5}}]", "did you mean 'minutes'?"),
            ("escalation = [{repeats = 1, severity = 2}]", "step 1: severity must be text, got 2"),
            (
                "escalation = [{repeats = 1, severity = 'hihg'}]",
                "unknown severity 'hihg'; did you mean 'high'?",
            ),
            ("escalation = [{repeats = 1, renotify = 1}]", "step 1: renotify must be true or false, got 1"),
        )
    ),
    ("[types.x]\n[types.x]", "event types in"),
    ("not toml", "event types in"),
    (b'[types."\xff"]', "event types in"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_work_is_refused_with_file_and_remedy(written: Any, text: str, message: str) -> None:
    with pytest.raises((ConfigError, UnknownName)) as raised:
        written(text)
    assert message in str(raised.value)
    assert "types.toml" in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"event types in .*missing\.toml"):
        read(tmp_path / "missing.toml")


def test_references_reach_into_classes() -> None:
    assert load(f"{__name__}:Rules.inner") is Rules.inner
    with pytest.raises(ConfigError, match="outer"):
        load(f"{__name__}:Rules.outer")


def test_what_the_nearest_name_is_can_be_asked(written: Any) -> None:
    with pytest.raises(UnknownName) as raised:
        written("[types.x]\nrequird = true")
    assert raised.value.nearest == "required"
