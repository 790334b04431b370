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
from datetime import timedelta
from pathlib import Path
from typing import Any

from clarion.errors import ConfigError, InvalidInput, UnknownName
from clarion.event_type import EventType, declare
from clarion.policy import Policy, Retries

_POLICY = ("tell_actor", "retries")
_RETRIES = ("attempts", "first", "ceiling", "jitter")
_TEXT, _SWITCH = ("category", "description"), ("required", "enabled", "unless_read")


def read(path: Path | str) -> list[EventType]:
    """The types declared in this file; raises `ConfigError` or `UnknownName` with file and type."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # no such file, not UTF-8, not TOML
        raise ConfigError(f"event types in {path}: {error}") from error
    try:
        for table in content:
            if table != "types":
                raise UnknownName("table", table, ["types"])
        return [_type(code, options) for code, options in _table("types", content.get("types", {})).items()]
    except (ConfigError, InvalidInput) as error:
        error.args = (f"event types in {path}: {error}",)
        raise


def _type(code: str, options: object) -> EventType:
    values = dict(_table(f'[types."{code}"]', options))
    for name, value in values.items():
        if isinstance(value, dict) and name != "policy":
            raise ConfigError(
                f'[types.{code}.{name}]: {name!r} is no table; quote a type\'s name: [types."{code}.{name}"]'
            )
        if name in _TEXT and not isinstance(value, str):
            raise ConfigError(f"event type {code!r}: {name} must be text, got {value!r}")
        if name in _SWITCH:
            _switch(f"event type {code!r}: {name}", value)
    for channel in values["channels"] if isinstance(values.get("channels"), list) else ():
        if not isinstance(channel, str):
            raise ConfigError(f"event type {code!r}: channels must be texts, got {channel!r}")
    for name in ("resolver", "access"):
        if name in values:
            values[name] = load(values[name])
            if not callable(values[name]):
                raise ConfigError(f"event type {code!r}: {name} {options[name]!r} is no function")  # type: ignore[index]  # a table, as checked
    if "policy" in values:
        values["policy"] = _policy(code, values["policy"])
    return declare(code, values)


def _policy(code: str, value: object) -> Policy:
    written = _table(f"policy of {code!r}", value)
    for name in written:
        if name not in _POLICY:
            raise UnknownName(f"policy of {code!r}", name, _POLICY)
    return Policy(
        tell_actor=_switch(f"policy of {code!r}: tell_actor", written.get("tell_actor", False)),
        retries=_retries(code, written["retries"]) if "retries" in written else Retries(),
    )


def _retries(code: str, value: object) -> Retries:
    """`{attempts = 5, first = 1, ceiling = 300}`: doubling waits, in seconds."""
    written = {"jitter": 0.2} | _table(f"retries of {code!r}", value)
    for name in written:
        if name not in _RETRIES:
            raise UnknownName(f"retries of {code!r}", name, _RETRIES)
    for name in _RETRIES:
        if name not in written:
            raise ConfigError(f"retries of {code!r} need attempts, first and ceiling; {name!r} is missing")
        kinds = int if name == "attempts" else int | float
        if not isinstance(written[name], kinds) or isinstance(written[name], bool):
            raise ConfigError(f"retries of {code!r}: {name} must be a number, got {written[name]!r}")
    try:
        return Retries.exponential(
            attempts=written["attempts"],
            first=timedelta(seconds=written["first"]),
            ceiling=timedelta(seconds=written["ceiling"]),
            jitter=written["jitter"],
        )
    except (ValueError, OverflowError, ConfigError) as error:
        raise ConfigError(f"retries of {code!r}: {error}") from None


def _table(what: str, value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ConfigError(f"{what} must be a table, got {value!r}")


def _switch(what: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ConfigError(f"{what} must be true or false, got {value!r}")


def load(reference: str) -> Callable[..., Any]:
    """The object that `module:name` refers to; raises `ConfigError` with what is wrong."""
    module, _, name = str(reference).partition(":")
    if not module or not name or module.startswith("."):
        raise ConfigError(f"{reference!r} must be written module:name")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"cannot load {reference!r}: {error}") from error
    return found  # type: ignore[no-any-return]  # checked by whoever asked
