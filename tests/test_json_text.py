"""JSON as the standard library writes it, whatever is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion import json_text
from clarion.severity import Severity

plain: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
)


@pytest.mark.parametrize("sort_keys", [False, True])
@given(value=plain)
def test_it_is_what_json_writes(sort_keys: bool, value: Any) -> None:
    known = json.dumps(value, ensure_ascii=False, sort_keys=sort_keys, separators=(",", ":"))
    assert json_text.writer(sort_keys=sort_keys)(value) == known


def test_a_number_with_a_name_is_a_number() -> None:
    assert json_text.writer()([Severity.ACTION]) == "[2]"


@pytest.mark.parametrize("value", [{"at": object()}, {1, 2}, [b"bytes"]])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        json_text.writer()(value)


def test_what_is_no_number_is_refused_unless_it_may_be() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        json_text.writer()({"at": float("nan")})
    assert json_text.writer(allow_nan=True)([float("nan")]) == "[NaN]"
