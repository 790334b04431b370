"""What an event may carry, and that nothing sent in its place can harm (S4)."""

from __future__ import annotations

import json
import math
import time
import tracemalloc
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given

from clarion.errors import InvalidInput
from clarion.event_data import DATA_LIMIT, DEPTH_LIMIT, dump
from clarion.severity import Severity
from tests.support.events import event, nested, plain_data, refusal

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@given(plain_data)
def test_data_is_written_as_json_that_reads_back(value: Any) -> None:
    assert json.loads(dump(value)) == value
    assert event(data={"value": value}).data == {"value": value}


@pytest.mark.parametrize("value", [None, [], "text", 5, [("a", 1)]])
def test_data_must_be_an_object(value: object) -> None:
    assert "data must be an object with named values" in refusal(data=value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_data_holds_finite_numbers_only(value: float) -> None:
    assert "finite numbers" in refusal(data={"a": [{"b": value}]})


@pytest.mark.parametrize(
    "value",
    [{1, 2}, b"x", NOON, object(), 1j, MappingProxyType({}), Severity],
    ids=lambda v: type(v).__name__,
)
def test_data_is_plain_json(value: object) -> None:
    assert "data must be plain JSON" in refusal(data={"a": value})


@pytest.mark.parametrize("key", [1, None, True, 1.5, ("a",), b"a"])
def test_keys_of_data_are_text(key: object) -> None:
    assert "keys must be text" in refusal(data={"a": [{key: 1}]})


@pytest.mark.parametrize("data", [{"a": "\ud800"}, {"\udfff": 1}, {"a": ["x", {"b": "ab\udc00"}]}], ids=ascii)
def test_lone_surrogates_are_refused(data: Mapping[str, object]) -> None:
    assert "data must be plain JSON" in refusal(data=data)


@pytest.mark.parametrize(
    "data", [{"a": "\x00"}, {"\x00": 1}, {"a": [{"b": "x\x00y"}]}, {"a": "\\u0000\x00"}], ids=ascii
)
def test_nul_is_refused(data: Mapping[str, object]) -> None:
    assert "NUL" in refusal(data=data)


@pytest.mark.parametrize("data", [{"a": "\\u0000"}, {"\\u0000": "\\"}, {"a": "\x01\n\u2028"}], ids=ascii)
def test_what_only_looks_like_nul_and_other_controls_are_data(data: dict[str, object]) -> None:
    assert json.loads(dump(data)) == data


def test_data_may_be_nested_to_the_limit() -> None:
    assert dump(nested(DEPTH_LIMIT))
    with pytest.raises(InvalidInput, match=f"nested deeper than {DEPTH_LIMIT} levels"):
        dump(nested(DEPTH_LIMIT + 1))


def test_data_may_be_as_large_as_the_limit() -> None:
    assert len(dump("x" * (DATA_LIMIT - 2))) == DATA_LIMIT
    with pytest.raises(InvalidInput, match=f"more than {DATA_LIMIT:,} bytes"):
        dump("x" * (DATA_LIMIT - 1))
    with pytest.raises(InvalidInput, match=f"more than {DATA_LIMIT:,} bytes"):
        dump("é" * (DATA_LIMIT // 2))


@pytest.mark.parametrize(
    "value", [8, 127, 128, 99_999, 2**63, -1, True, None, 0.5, [], {}, "", "é", [[1]], {"": 8}], ids=repr
)
def test_many_small_values_are_data_exactly_up_to_the_limit(value: object) -> None:
    fitting = (DATA_LIMIT - 1) // (
        len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) + 1
    )
    assert DATA_LIMIT - 50 < len(dump([value] * fitting).encode()) <= DATA_LIMIT
    with pytest.raises(InvalidInput, match="bytes of JSON"):
        dump([value] * (fitting + 1))


def seconds(value: object) -> float:
    begun = time.process_time()
    assert refusal(data={"value": value})
    return time.process_time() - begun


def cyclic() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def doubled(times: int) -> list[Any]:
    value: list[Any] = ["x"]
    for _ in range(times):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        nested(10_000),
        "x" * 10_000_000,
        {"x" * 10_000_000: 1},
        list(range(2_000_000)),
        dict.fromkeys(map(str, range(500_000))),
        ["x" * 200_000] * 10_000,
        [10**4000] * 100_000,
        ["\x00" * 1000] * 10_000,
        10**5000,
        10**1_000_000,
        cyclic(),
        doubled(DEPTH_LIMIT - 2),
    ],
    ids=["depth 10k", "10 MB", "10 MB name", "long list", "long object", "one text many times", "one number many times",
         "NULs", "huge integer", "giant integer", "cycle", "doubling"],
)  # fmt: skip
def test_hostile_data_is_refused_at_once_with_memory_flat(value: object) -> None:
    assert min(seconds(value) for _ in range(3)) < 0.1  # of processor time, the best of three
    tracemalloc.start()
    try:
        assert refusal(data={"value": value})
        assert tracemalloc.get_traced_memory()[1] < 25_000_000
    finally:
        tracemalloc.stop()
