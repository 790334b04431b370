"""How one value of a type is handed to the driver, and read from what it returns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from clarion.store.types import Instant, Json, from_micros, to_json, to_micros


def reader(dialect: Dialect, kind: Any) -> Callable[[Any], Any] | None:
    """How a value of this type is read from what the driver returns; none, if it is that already."""
    kind = sa.types.to_instance(kind)
    if isinstance(kind, Instant):  # as it does itself, in a quarter of the time
        return _instant_of[dialect.name]
    if isinstance(kind, Json):
        return _json_of_text
    process: Callable[[Any], Any] | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return process


_instant_of: Mapping[str, Callable[[Any], datetime | None]] = {
    "postgresql": lambda value: None if value is None else value.astimezone(UTC),
    "sqlite": lambda value: None if value is None else from_micros(value),
}


def _json_of_text(value: str | None) -> Any:
    return None if value is None else json.loads(value)


def stored(dialect: Dialect, kind: Any) -> Callable[[Any], Any]:
    """How a value of this type is handed to the driver."""
    return writer(dialect, kind) or (lambda value: value)


def writer(dialect: Dialect, kind: Any) -> Callable[[Any], Any] | None:
    """How a value of this type is handed to the driver; none, if as it is."""
    kind = sa.types.to_instance(kind)
    if isinstance(kind, Instant) and dialect.name == "postgresql":
        return None
    if isinstance(kind, Json):
        return _text_of_json
    if isinstance(kind, Instant):
        return _micros_of_instant
    process: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return process


def _micros_of_instant(value: datetime | None) -> int | None:
    return None if value is None else to_micros(value)


def _text_of_json(value: Any) -> str | None:
    return None if value is None else to_json(value)
