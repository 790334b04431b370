"""Tag filters as they are written. What they refuse is the table of `test_preference_table`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.errors import InvalidInput
from clarion.tag_filter import TagFilter, matches, parse, to_json


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({}, TagFilter()),
        ({"include": None, "exclude": []}, TagFilter()),
        ({"include": ["b", "a", "b"]}, TagFilter(include=("a", "b"))),
        ({"include": ["team:*"], "exclude": ("noise",)}, TagFilter(include=("team:*",), exclude=("noise",))),
    ],
)
def test_what_is_written_is_read_and_written_again(written: Any, read: TagFilter) -> None:
    assert parse(written) == read
    assert parse(to_json(read)) == read


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"exlude": []}, "unknown part of a tag filter 'exlude'; did you mean 'exclude'?"),
        (
            {"include": "team:*"},
            "include must be a list of tags, or of their beginnings with '*', got 'team:*'",
        ),
        ({"exclude": [5]}, "exclude must be a list of tags"),
        ({"exclude": [""]}, "exclude must be a list of tags"),
        ({"include": 5}, "include must be a list of tags"),
    ],
)
def test_what_cannot_be_is_refused(written: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse(written)
    assert message in str(raised.value)


def test_the_refusal_names_the_pattern() -> None:
    wanted = TagFilter(include=("team:*", "web"), exclude=("a", "b*"))
    assert wanted.refuses(["ops"]) == "none of team:*, web"
    assert wanted.refuses(["web", "bb", "a"]) == "a"
    assert wanted.refuses(["web", "bb"]) == "b*"
    assert wanted.refuses(["web"]) is None


@given(st.text(min_size=1), st.text())
def test_a_pattern_is_taken_literally(text: str, rest: str) -> None:
    assert matches(text.rstrip("*") + "*", text.rstrip("*") + rest)
    if not text.endswith("*"):
        assert matches(text, rest) == (text == rest)
