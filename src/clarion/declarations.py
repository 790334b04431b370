"""Event types written in TOML rather than in decorators.

[types."cl.merged"]
category = "reviews"
channels = ["inbox", "email"]
max_age = 7                              # days
resolver = "shop.audience:of_merge"      # module:function
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clarion.errors import ConfigError, UnknownName
from clarion.event_type import EventType, declare
from clarion.policy import Policy, Retries

_POLICY = ("tell_actor", "retries")
_RETRIES = ("attempts", "first", "ceiling", "jitter")


def read(path: Path | str) -> list[EventType]:
    """The types declared in this file; raises `ConfigError` or `UnknownName` with file and type."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"event types in {path}: {error}") from error
    for table in content:
        if table != "types":
            raise UnknownName(f"table of {path}", table, ["types"])
    return [_type(code, options, path) for code, options in content.get("types", {}).items()]


def _type(code: str, options: object, path: Path | str) -> EventType:
    if not isinstance(options, dict):
        raise ConfigError(f'{path}: write [types."{code}"] as a table, quoted, got {options!r}')
    values = dict(options)
    for name in ("resolver", "access"):
        if name in values:
            values[name] = load(values[name])
    if "policy" in values:
        values["policy"] = _policy(code, values["policy"])
    return declare(code, values)


def _policy(code: str, written: dict[str, Any]) -> Policy:
    for name in written:
        if name not in _POLICY:
            raise UnknownName(f"policy of {code!r}", name, _POLICY)
    retries = written.get("retries")
    return Policy(
        tell_actor=written.get("tell_actor", False),
        retries=Retries() if retries is None else _retries(code, retries),
    )


def _retries(code: str, written: dict[str, Any]) -> Retries:
    """`{attempts = 5, first = 1, ceiling = 300}`: doubling waits, in seconds."""
    from datetime import timedelta

    for name in written:
        if name not in _RETRIES:
            raise UnknownName(f"retries of {code!r}", name, _RETRIES)
    try:
        return Retries.exponential(
            attempts=written["attempts"],
            first=timedelta(seconds=written["first"]),
            ceiling=timedelta(seconds=written["ceiling"]),
            jitter=written.get("jitter", 0.2),
        )
    except KeyError as error:
        raise ConfigError(
            f"retries of {code!r} need attempts, first and ceiling; {error} is missing"
        ) from None


def load(reference: str) -> Callable[..., Any]:
    """The object that `module:name` refers to; raises `ConfigError` with what is wrong."""
    module, _, name = str(reference).partition(":")
    if not module or not name:
        raise ConfigError(f"{reference!r} must be written module:name")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"cannot load {reference!r}: {error}") from error
    return found  # type: ignore[no-any-return]  # checked by whoever calls it
