from __future__ import annotations

import inspect
import re
import time

import pytest

from clarion import errors
from clarion.errors import (
    DETAIL_LIMIT,
    ClarionError,
    Down,
    Gone,
    InvalidInput,
    Reject,
    Retry,
    SendError,
    UnknownName,
    shown,
)


def test_the_tree_at_the_top_is_the_tree() -> None:
    """Every class is drawn, under its base, and nothing else is."""
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]  # the module has a docstring
        if match := re.match(r"([│ ├└─]*)([A-Z]\w+)\b", line):
            depth = len(match[1]) // 4
            if depth or match[2] == "ClarionError":
                path[depth:] = [match[2]]
                drawn[match[2]] = path[depth - 1] if depth else "Exception"
    defined = {
        name: each.__bases__[0].__name__
        for name, each in vars(errors).items()
        if inspect.isclass(each) and issubclass(each, Exception)
    }
    assert drawn == defined


def test_invalid_input_is_a_value_error_too() -> None:
    assert issubclass(InvalidInput, ValueError)


def test_an_unknown_name_is_told_the_nearest_known() -> None:
    error = UnknownName("channel", "emial", ["inbox", "email", "slack"])
    assert error.nearest == "email"
    assert str(error) == "unknown channel 'emial'; did you mean 'email'?"


def test_an_unknown_name_like_no_other_is_told_what_there_is() -> None:
    error = UnknownName("channel", "zzz", ["inbox", "email"])
    assert error.nearest is None
    assert str(error) == "unknown channel 'zzz'; known: email, inbox"


def test_a_long_list_of_names_is_cut() -> None:
    message = str(UnknownName("event type", "?", [f"type.{n:02}" for n in range(40)]))
    assert message.endswith("type.10, type.11, …")


def test_where_nothing_is_declared_the_message_says_so() -> None:
    assert (
        str(UnknownName("event type", "cl.x", []))
        == "unknown event type 'cl.x'; no event type is declared yet"
    )


def test_a_name_of_ten_megabytes_is_neither_compared_nor_repeated() -> None:
    begun = time.process_time()
    message = str(UnknownName("channel", "email" * 2_000_000, ["inbox", "email"]))
    assert len(message) < 200
    assert time.process_time() - begun < 0.1


@pytest.mark.parametrize("kind", [Retry, Reject, Gone, Down])
def test_what_a_channel_says_is_bounded(kind: type[SendError]) -> None:
    error = kind("smtp_451", "x" * 10_000)
    assert isinstance(error, ClarionError)
    assert error.detail == "x" * DETAIL_LIMIT
    assert str(error) == f"smtp_451: {error.detail}"
    assert error.after is None


def test_a_code_alone_is_enough() -> None:
    assert str(Gone("http_410")) == "http_410"


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10_000_000,
        b"x" * 10_000_000,
        10**6000,
        nested(10_000),
        [10**6000],
        list(range(100_000)),
        Rude(),
        "\ud800",
    ],
    ids=["text", "bytes", "integer", "deep", "integer within", "long", "no repr", "surrogate"],
)
def test_any_value_can_be_shown(value: object) -> None:
    assert 0 < len(shown(value)) < 250
    shown(value).encode()  # no surrogate is left that a log could not write


@pytest.mark.parametrize("value", ["bob", 42, None, 1.5, ["a", "b"], {"a": 1}, ("x",)])
def test_small_values_are_shown_as_they_are(value: object) -> None:
    assert shown(value) == repr(value)
