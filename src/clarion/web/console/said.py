"""What a request says in its query or its form: texts by name, read as what they are meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import NoReturn
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.requests import Request

from clarion.errors import InvalidInput, shown
from clarion.web.console import times
from clarion.web.problem import Problem

FORM = "application/x-www-form-urlencoded"
MOST = 20_000  # fields: a page of ticked boxes is far smaller
LONGEST = 64 * 1024  # characters of a query


class Said:
    """Texts by name, without white space around them; what is empty was not said."""

    def __init__(self, pairs: Iterable[tuple[str, str]], zone: tzinfo) -> None:
        self._zone = zone
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if stripped := value.strip():
                self._values.setdefault(name, []).append(stripped)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def all(self, name: str) -> list[str]:
        return list(self._values.get(name, ()))

    def items(self) -> list[tuple[str, str]]:
        """All of it, in order, as it would stand in a URL."""
        return [(name, value) for name, values in self._values.items() for value in values]

    def get(self, name: str) -> str | None:
        """The last of this name."""
        found = self._values.get(name)
        return found[-1] if found else None

    def text(self, name: str, default: str = "") -> str:
        return self.get(name) or default

    def required(self, name: str, label: str | None = None) -> str:
        """Raises `InvalidInput`, as all that follow do."""
        found = self.get(name)
        if found is None:
            raise InvalidInput(f"{label or name} is empty; fill it in")
        return found

    def one_of(self, name: str, known: Iterable[str], default: str) -> str:
        found, names = self.text(name, default), list(known)
        if found not in names:
            raise InvalidInput(f"{name} {shown(found)} is none of {', '.join(names)}")
        return found

    def number(self, name: str, default: int, *, least: int = 0, most: int = 1_000_000) -> int:
        found = self.get(name)
        if found is None:
            return default
        if not (found.isascii() and found.isdigit() and len(found) < 12 and least <= int(found) <= most):
            raise InvalidInput(f"{name} {shown(found)}: a number from {least:,} to {most:,}")
        return int(found)

    def id(self, name: str) -> UUID | None:
        found = self.get(name)
        return None if found is None else as_id(name, found)

    def instant(self, name: str) -> datetime | None:
        """A time in the zone of the page, or with an offset of its own, or how long ago (`-2h`)."""
        found = self.get(name)
        return None if found is None else times.parse(name, found, self._zone)

    def span(self, name: str) -> timedelta | None:
        """How long: `90m`, `2h`, `3d`."""
        found = self.get(name)
        return None if found is None else times.span(name, found)


def as_id(name: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput(f"{name} {shown(text)} is no id; copy it as a page shows it") from None


def of_query(request: Request, zone: tzinfo) -> Said:
    if len(request.url.query) > LONGEST:
        _refuse("the query is too long; ask for less at once")
    return Said(_checked(request.query_params.multi_items()), zone)


async def of_form(request: Request, zone: tzinfo) -> Said:
    """Raises a `Problem`: 413, 415, 422."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind != FORM and body:
        raise Problem("media-type", f"a form is sent as {FORM}, got {shown(kind)}")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST)
    except ValueError:  # of which an error of decoding is one
        _refuse("the form cannot be read; send it as a browser does, in UTF-8")
    return Said(_checked(pairs), zone)


def _checked(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    found = list(pairs)
    for name, value in found:
        if "\0" in value or "\0" in name:
            _refuse(f"{shown(name)} holds the character NUL; remove it")
    return found


def _refuse(why: str) -> NoReturn:
    raise Problem("malformed", why)
