"""Reading JSON from outside: what is ambiguous, or would hurt whoever reads it later, is refused here."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from clarion.errors import shown
from clarion.web.problem import Problem

_INTEGER_DIGITS = 19
_INTEGERS = 2**63
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse(body: bytes) -> Any:
    """The value; raises a `Problem` for what is no JSON, ambiguous or out of bounds. Never recursion without end."""
    if not body:
        _refuse("the body is empty; send JSON")
    try:
        text = body.decode("utf-8")
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        _refuse(f"the body is not UTF-8: {error.reason} at byte {error.start}")
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        _refuse("the body is nested too deeply; flatten it")
    if _SURROGATE.search(text):
        _check_surrogates(value)
    return value


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        _refuse(f"half of a surrogate pair, {error.object[error.start]!a}, is no character; remove it")
    except RecursionError:
        _refuse("the body is nested too deeply; flatten it")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                _refuse(f"{shown(name)} is given twice in one object; give it once")
            seen.add(name)
    return made


def _integer(written: str) -> int:
    number = int(written) if len(written) <= _INTEGER_DIGITS + 1 else _INTEGERS
    if not -_INTEGERS <= number < _INTEGERS:
        _refuse(f"the integer {written[:24]}… does not fit into 64 bits; send it as text")
    return number


def _number(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        _refuse(f"the number {written[:24]} is beyond what a float can hold")
    return number


def _constant(written: str) -> NoReturn:
    _refuse(f"{written} is no JSON; leave it out, or send null")


def _refuse(why: str) -> NoReturn:
    raise Problem("malformed", why)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)
