"""Compact JSON, written by one encoder that is made once: `json.dumps` makes one for each value, which takes longer than most
values do."""

from __future__ import annotations

from collections.abc import Callable
from json import JSONEncoder, encoder
from typing import Any


def writer(*, allow_nan: bool = False, sort_keys: bool = False) -> Callable[[Any], str]:
    """Writes plain values, to no endless depth. Raises `TypeError`, `ValueError` for others."""
    made = JSONEncoder(ensure_ascii=False, allow_nan=allow_nan, sort_keys=sort_keys, separators=(",", ":"))
    make: Any = getattr(encoder, "c_make_encoder", None)
    if make is None:  # not CPython
        return made.encode
    chunks = make(
        None,
        made.default,
        encoder.encode_basestring,
        None,
        made.key_separator,
        made.item_separator,
        sort_keys,
        False,
        allow_nan,
    )
    return lambda value: "".join(chunks(value, 0))
