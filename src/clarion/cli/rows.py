"""Reading recipients from CSV or from JSON lines, a line at a time; what cannot be read is said of its line alone."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from clarion.cli.ending import fail
from clarion.errors import UnknownName, shown
from clarion.settings.kinds import SWITCHES

if TYPE_CHECKING:
    from clarion.edit import RecipientEdit

_OWN = ("id", "name", "locale", "time_zone", "active", "enabled", "roles")
_BETWEEN = "|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What stands at a line, or what is `wrong` with it. `text`: as it was read. `last`: of its lines, if not the first."""

    line: int
    text: str
    fields: RecipientEdit
    wrong: str | None = None
    last: int | None = None

    @property
    def where(self) -> str:
        return f"line {self.line}" if self.last is None else f"lines {self.line} to {self.last}"


class Lines:
    """The rows, in their order. `done`: how many bytes were read; `head`: what a file of some rows begins with."""

    def __init__(self, source: TextIO, channels: Collection[str]) -> None:
        """What begins with `{` is JSON lines, anything else CSV with a head. Raises `UnknownName` for a column."""
        self.done = 0
        self.head = ""
        self._source, self._channels = source, channels
        self._blank = 0
        self._first = source.readline()
        while self._first and not self._first.strip():
            self._blank += 1
            self._first = source.readline()
        self._read: list[str] = []  # since the last row

    def __iter__(self) -> Iterator[Row]:
        begins = self._first.lstrip()[:1]
        if begins == "[":
            fail("JSON lines have an object on each line, and no list around them")
        return self._json_rows() if begins == "{" else self._csv_rows()

    def _texts(self) -> Iterator[str]:
        line = self._first
        while line:
            self.done += len(line.encode("utf-8", "surrogateescape"))
            self._read.append(line)
            yield line
            line = self._source.readline()

    def _taken(self) -> str:
        text, self._read = "".join(self._read), []
        return text

    # ── JSON lines ───────────────────────────────────────────────────────────────────────────────────────

    def _json_rows(self) -> Iterator[Row]:
        for n, line in enumerate(self._texts(), self._blank + 1):
            text = self._taken()
            if line.strip():
                fields, wrong = _object(line)
                yield Row(line=n, text=text, fields=fields, wrong=wrong)

    # ── CSV ──────────────────────────────────────────────────────────────────────────────────────────────

    def _csv_rows(self) -> Iterator[Row]:
        delimiter = max(",;\t", key=self._first.count)
        reader = csv.reader(self._texts(), delimiter=delimiter, strict=True)
        names = self._columns(next(reader, []))
        self.head = self._taken()
        while True:
            line = self._blank + reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                last = self._blank + reader.line_num
                why = f"no CSV: {error}"
                if last > line:  # all of them were read as one cell
                    why = f"a quote opened in line {line} is never closed, or in the midst of a cell"
                yield Row(
                    line=line,
                    text=self._taken(),
                    fields={"id": ""},
                    wrong=why,
                    last=last if last > line else None,
                )
                continue
            if cells is None:
                return
            text = self._taken()
            if any(cell.strip() for cell in cells):
                fields, wrong = _cells(names, cells)
                yield Row(line=line, text=text, fields=fields, wrong=wrong)

    def _columns(self, head: list[str]) -> list[str]:
        names = [name.strip() for name in head]
        known = {*_OWN, *self._channels} - {"inbox"}
        for name in names:
            if name not in known:
                raise UnknownName("column", name, known)
        if "id" not in names:
            fail("the first line names the columns, and one of them must be id")
        if twice := {name for name in names if names.count(name) > 1}:
            fail(f"the column {min(twice)!r} is there twice")
        return names


def _object(line: str) -> tuple[RecipientEdit, str | None]:
    nobody: RecipientEdit = {"id": ""}
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return nobody, f"no JSON: {error}"
    if not isinstance(found, dict):
        return nobody, f'an object such as {{"id": "bob"}} is wanted on each line, got {shown(found)}'
    if "id" not in found:
        return nobody, "it has no id"
    fields: Any = found
    return fields, None


def _cells(names: list[str], cells: list[str]) -> tuple[RecipientEdit, str | None]:
    """What is empty says nothing."""
    fields: dict[str, Any] = {}
    nobody: RecipientEdit = {"id": ""}
    if len(cells) != len(names):
        return nobody, f"{len(cells)} cells, but {len(names)} columns"
    for name, cell in zip(names, (cell.strip() for cell in cells), strict=True):
        if not cell:
            continue
        if name in ("active", "enabled"):
            if cell.lower() not in SWITCHES:
                return nobody, f"{name} {shown(cell)}: write true or false"
            fields[name] = SWITCHES[cell.lower()]
        elif name == "roles":
            fields[name] = _several(cell)
        elif name in _OWN:
            fields[name] = cell
        else:
            fields.setdefault("addresses_on", {})[name] = _several(cell)
    if "id" not in fields:
        return nobody, "it has no id"
    known: Any = fields
    return known, None


def _several(cell: str) -> list[str]:
    return [one.strip() for one in cell.split(_BETWEEN) if one.strip()]
