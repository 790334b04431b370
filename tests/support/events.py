"""Events for tests, made as a caller without a type checker may make them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from clarion.errors import InvalidInput
from clarion.event import Event, make

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
)
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
plain_data = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


def event(**fields: Any) -> Event:
    return make("cl.merged", fields)  # type: ignore[arg-type]


def refusal(**fields: Any) -> str:
    """Why these fields are no event; the message is short and can be logged."""
    with pytest.raises(InvalidInput) as raised:
        event(**fields)
    assert len(str(raised.value)) < 500
    str(raised.value).encode()
    return str(raised.value)


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value
