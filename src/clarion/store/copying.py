"""Rows as COPY reads them on PostgreSQL: as text, made column by column, several times as quick as row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from clarion.store.types import Instant, Json, to_json


def text(types: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    """All rows, with values of these column types in each.

    Most columns of a page hold one value, or what another holds: each is put into words once.
    """
    line: list[str] = []  # the words that all rows share, and %s for the others
    varying: list[Sequence[str]] = []
    uuids: list[tuple[Sequence[Any], Sequence[str]]] = []  # columns of them, with what was written
    for values, kind in zip(zip(*rows, strict=True), types, strict=True):
        if all_alike(values):
            line.append(_column(values[:1], kind)[0].replace("%", "%%"))
            continue
        words = next((words for known, words in uuids if known == values), None) or _column(values, kind)
        if isinstance(kind, sa.Uuid):
            uuids.append((values, words))
        line.append("%s")
        varying.append(words)
    line_of = "\t".join(line).__mod__
    each = zip(*varying, strict=True) if varying else [()] * len(rows)
    return "\n".join(map(line_of, each)) + "\n"


def written(values: Sequence[Any], write: Callable[[Any], str], none: str) -> list[str]:
    """Each as text. Many columns of a page repeat one value: it is written once."""
    if all_alike(values):
        return [none if values[0] is None else write(values[0])] * len(values)
    return [none if value is None else write(value) for value in values]


def all_alike(values: Sequence[Any]) -> bool:
    """Whether it is one value throughout. Equal ones may be written otherwise, as `True` and 1, but for texts."""
    if not values:
        return False
    first, last = values[0], values[-1]
    alike = first is last or (type(first) is str and first == last)
    return alike and values.count(first) == len(values)


def _column(values: Sequence[Any], kind: Any) -> list[str]:
    if isinstance(kind, sa.Uuid):  # the most frequent kind, without a call for each
        return [r"\N" if value is None else f"{value.int:032x}" for value in values]
    write = _writer(kind)
    if write is _escaped and has_none_of("\\\t\n\r", values):
        return [r"\N" if value is None else value for value in values]
    return written(values, write, r"\N")


def has_none_of(special: str, texts: Sequence[str | None]) -> bool:
    """Whether no text has any of these characters: nearly always, and found out at once for all of them."""
    together = "".join([text for text in texts if text is not None])
    return not any(character in together for character in special)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    sa.Text: _escaped,
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
