"""The kinds of values that settings have: how they are read from TOML and from text, and how they are written.

Whatever is no such value raises `ValueError`, which says what would be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_span = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
SWITCHES = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`read`: from a value of TOML. `parse`: to one, from text. `write`: as TOML. `place`: relative to a folder."""

    name: str
    read: Callable[[Any], Any]
    parse: Callable[[str], Any] = str
    write: Callable[[Any], str] = lambda value: _quoted(str(value))
    place: Callable[[Any, Path], Any] = lambda value, _folder: value


def _quoted(text: str) -> str:
    """A string of JSON is one of TOML, as there are no control characters in it."""
    return json.dumps(STEERING.sub("\ufffd", text), ensure_ascii=False)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it must be text, in quotes, and not empty")
    if STEERING.search(value):
        raise ValueError("it has control characters")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("it must be a list of texts, ['…', '…']; in a variable, separated by commas")
    return tuple(map(_text, value))


def _switch(value: Any) -> bool:
    if value is not True and value is not False:
        raise ValueError("it must be true or false")
    return value


def _path(value: Any, folder: Path) -> Path:
    return folder / Path(value)


def _database(url: str, folder: Path) -> str:
    """Of SQLite, the file counts from there, too."""
    scheme, slashes, path = url.partition(":///")
    if not slashes or not scheme.startswith("sqlite") or not path or path.startswith((":memory:", "file:")):
        return url
    return f"{scheme}:///{folder / path}"


TEXT = Kind(name="text", read=_text)
TEXTS = Kind(
    name="list of texts",
    read=_texts,
    parse=lambda text: [one.strip() for one in text.split(",")],
    write=lambda value: f"[{', '.join(map(_quoted, value))}]",
)
DATABASE = Kind(name="URL", read=_text, place=_database)
URL = Kind(name="URL", read=_text)
FILE = Kind(name="file", read=_text, place=_path)
FOLDER = Kind(name="folder", read=_text, place=_path)
SWITCH = Kind(
    name="true or false",
    read=_switch,
    parse=lambda text: SWITCHES.get(text.lower(), text),
    write=lambda value: "true" if value else "false",
)


def one_of(*choices: str) -> Kind:
    listed = " or ".join(f"`{choice}`" for choice in choices)

    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"it must be {' or '.join(map(repr, choices))}")
        return str(value)

    return Kind(name=listed, read=read)


def count(least: int = 1, most: int = 100_000) -> Kind:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"it must be a whole number from {least} to {most}")
        return value

    return Kind(name="whole number", read=read, parse=_number, write=str)


def rate(most: int) -> Kind:
    def read(value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= most:
            raise ValueError(f"it must be a number above 0, at most {most}")
        return value

    return Kind(name="number", read=read, parse=_number, write=str)


def span(least: timedelta = timedelta(), most: timedelta = timedelta(days=1)) -> Kind:
    """A length of time: `90d`, `12h`, `5m`, `30s`, `100ms`."""

    def read(value: Any) -> timedelta:
        found = _span.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise ValueError("it must be how long, with its unit: '30d', '12h', '5m', '30s' or '100ms'")
        try:
            long = int(found[1]) * UNITS[found[2]]
        except OverflowError:
            long = timedelta.max
        if not least <= long <= most:
            raise ValueError(f"it must be from {_length(least)} to {_length(most)}")
        return long

    return Kind(name="length of time", read=read, write=lambda value: _quoted(_length(value)))


def _length(value: timedelta) -> str:
    """In the largest unit that leaves nothing over."""
    for unit, size in UNITS.items():
        number, rest = divmod(value, size)
        if number and not rest:
            return f"{number}{unit}"
    return "0s"


def _number(text: str) -> int | float | str:
    """A number where it is one; the text, which is refused, where not."""
    for type in (int, float):
        try:
            return type(text)
        except ValueError:
            continue
    return text
