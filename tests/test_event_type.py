from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clarion.errors import ConfigError, UnknownName
from clarion.event_type import DEFAULT_MAX_AGE, OPTIONS, EventType, declare
from clarion.policy import Policy
from clarion.severity import Severity


def test_a_code_alone_has_sensible_defaults() -> None:
    declared = declare("cl.merged", {})
    assert declared == EventType(code="cl.merged", max_age=DEFAULT_MAX_AGE)
    assert declared.category == "general"
    assert declared.severity is Severity.INFO
    assert declared.channels == ("inbox",)
    assert declared.policy == Policy()
    assert (declared.required, declared.enabled, declared.unless_read) == (False, True, False)


def test_plain_values_as_in_toml_are_taken() -> None:
    declared = declare(
        "cl.merged",
        {"severity": "critical", "channels": ["email", "inbox"], "max_age": 1.5, "category": "reviews"},
    )
    assert declared.severity is Severity.URGENT
    assert declared.channels == ("email", "inbox")
    assert declared.max_age == timedelta(hours=36)
    assert declared.category == "reviews"


@pytest.mark.parametrize("code", ["cl", "cl.comment.created", "a-b.c_d", "0.1", "x" * 100])
def test_codes(code: str) -> None:
    assert declare(code, {}).code == code


@pytest.mark.parametrize(
    "code",
    [
        "",
        ".",
        "cl.",
        ".cl",
        "cl..x",
        "CL.merged",
        "cl merged",
        "cl.mergé",
        "_cl",
        "cl\n",
        "cl.x\n",
        "x" * 101,
    ],
)
def test_other_codes_are_refused_with_an_example(code: str) -> None:
    with pytest.raises(ConfigError, match=r"'cl\.comment\.created'"):
        declare(code, {})


def test_an_unknown_option_names_its_nearest() -> None:
    with pytest.raises(UnknownName, match=r"option of event type 'cl\.x' 'chanels'; did you mean 'channels'"):
        declare("cl.x", {"chanels": ["email"]})


def test_the_code_is_no_option() -> None:
    assert "code" not in OPTIONS
    with pytest.raises(UnknownName):
        declare("cl.x", {"code": "cl.y"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"category": ""}, "category ''"),
        ({"category": "a:b"}, "category 'a:b' must be a word without ':'"),
        ({"channels": "email"}, "channels must be a list, got 'email'"),
        ({"channels": 5}, "channels must be a list, got 5"),
        ({"channels": None}, "channels must be a list, got None"),
        ({"channels": ["email", "inbox", "email"]}, "names a channel twice"),
        ({"max_age": timedelta()}, "max_age must be positive"),
        ({"max_age": -1}, "max_age must be positive"),
        ({"max_age": "3d"}, "max_age must be a timedelta or a number of days, got '3d'"),
        ({"max_age": True}, "max_age must be a timedelta or a number of days, got True"),
        ({"max_age": float("nan")}, "max_age must be a timedelta or a number of days, got nan"),
        ({"max_age": 1e12}, "max_age must be a timedelta or a number of days"),
        ({"max_age": 10**5000}, "max_age must be a timedelta or a number of days, got a very large int"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused_when_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        declare("cl.x", options)
    assert message in str(raised.value)
    assert "'cl.x'" in str(raised.value)


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(UnknownName, match="severity 'hihg'; did you mean 'high'"):
        declare("cl.x", {"severity": "hihg"})


def test_required_types_have_no_age_unless_one_is_given() -> None:
    assert declare("cl.x", {}).max_age == DEFAULT_MAX_AGE == timedelta(days=3)
    assert declare("cl.x", {"required": True}).max_age is None
    assert declare("cl.x", {"required": True, "max_age": 2}).max_age == timedelta(days=2)
    assert declare("cl.x", {"max_age": None}).max_age is None


def test_no_channels_is_a_choice() -> None:
    assert declare("cl.x", {"channels": []}).channels == ()


def test_options_are_not_changed() -> None:
    options = {"severity": "high", "channels": ["email"]}
    declare("cl.x", options)
    assert options == {"severity": "high", "channels": ["email"]}


def test_the_title_is_the_description_or_made_of_the_code() -> None:
    assert declare("cl.comment_created", {}).title == "Cl comment created"
    assert declare("cl.comment_created", {"description": "New comments"}).title == "New comments"
