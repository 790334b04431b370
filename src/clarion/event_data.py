"""What an event carries: plain JSON that every database and every reader takes, and not too much of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard, cast

from clarion import json_text
from clarion.errors import InvalidInput, shown

DATA_LIMIT = 256 * 1024
DEPTH_LIMIT = 32
TOO_LARGE = f"data is more than {DATA_LIMIT:,} bytes of JSON; store it elsewhere and put a link in `url`"

_written = json_text.writer()


def checked(value: object) -> Mapping[str, Any]:
    """`value` if it is an object that `dump` takes; raises `InvalidInput`."""
    object_json(value)
    return cast(Mapping[str, Any], value)


def object_json(value: object) -> str:
    """What `dump` makes of an object; raises `InvalidInput`."""
    if not _is_mapping(value):
        raise InvalidInput(f"data must be an object with named values, got {shown(value)}")
    return dump(value)


def dump(value: object) -> str:
    """`value` as JSON text that every database and reader takes; raises `InvalidInput`."""
    _check_shape(value)
    try:
        text = _written(value)
        size = len(text) if text.isascii() else len(text.encode())
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"data must be plain JSON (text, finite numbers, lists, objects with text keys): {error}"
        ) from None
    if "\\u0000" in text and "\x00" in _all_text(value):
        raise InvalidInput("data holds a NUL character (U+0000), which PostgreSQL cannot store; remove it")
    if size > DATA_LIMIT:
        raise InvalidInput(TOO_LARGE)
    return text


def _check_shape(value: object) -> None:
    """Refuses what is too deep or too large before anything is written, without recursion.

    What a list holds many times is written many times, so everything counts where it stands, at the least
    it can take in JSON: a value within another two bytes, with what separates it; a text or a name its length.
    """
    level, room = [value], DATA_LIMIT
    for _ in range(DEPTH_LIMIT + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                room -= len(item)
            elif item is None or isinstance(item, float):
                pass
            elif isinstance(item, int):
                room -= max(item.bit_length() // 4 - 1, 0)
            elif _is_mapping(item):
                for name in item:
                    if not isinstance(name, str):
                        raise InvalidInput(f"data has the key {shown(name)}; keys must be text")
                    room -= len(name)
                below.extend(item.values())
            elif isinstance(item, list | tuple):
                below.extend(item)
            if 2 * len(below) > room:
                raise InvalidInput(TOO_LARGE)
        if not below:
            return
        level, room = below, room - 2 * len(below)
    raise InvalidInput(f"data is nested deeper than {DEPTH_LIMIT} levels; flatten it")


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return type(value) is dict or isinstance(value, Mapping)  # to ask an abstract class takes long


def _all_text(value: object) -> str:
    """All texts inside `value`, to tell a NUL from a backslash that precedes `u0000`."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "".join(f"{name}{_all_text(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return "".join(map(_all_text, value))
    return ""
