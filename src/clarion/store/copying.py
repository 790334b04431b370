"""Rows as COPY reads them on PostgreSQL: as text, made column by column, several times as quick as row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from clarion.store.types import Instant, Json, to_json


def text(types: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    """All rows, with values of these column types in each."""
    columns = [
        written(values, _writer(kind), r"\N")
        for values, kind in zip(zip(*rows, strict=True), types, strict=True)
    ]
    return "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"


def written(values: Sequence[Any], write: Callable[[Any], str], none: str) -> list[str]:
    """Each as text. Many columns of a page repeat one value: what is the same as above is not written anew."""
    if values and values[0] is values[-1] and values.count(values[0]) == len(values):
        return [none if values[0] is None else write(values[0])] * len(values)
    last, as_text = None, none
    texts = []
    for value in values:
        if value is not last:
            last, as_text = value, none if value is None else write(value)
        texts.append(as_text)
    return texts


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    sa.Text: _escaped,
    sa.Uuid: lambda value: value.hex,
    Instant: lambda value: value.isoformat(),
    Json: lambda value: _escaped(to_json(value)),
    sa.Boolean: lambda value: "t" if value else "f",
    sa.Integer: str,
    sa.LargeBinary: lambda value: r"\\x" + value.hex(),
}


def _writer(kind: Any) -> Callable[[Any], str]:
    for known, write in _WRITERS.items():
        if isinstance(kind, known):
            return _each_once(write) if known is Json else write
    raise TypeError(f"no column of Clarion is of type {kind!r}")


def _each_once(write: Callable[[Any], str]) -> Callable[[Any], str]:
    """For values that are costly to write, and of which many are the very same."""
    known: dict[int, str] = {}

    def once(value: Any) -> str:
        text = known.get(id(value))
        if text is None:
            text = known[id(value)] = write(value)
        return text

    return once
