"""Event types written in TOML rather than in decorators.

[types."cl.merged"]
category = "reviews"
channels = ["inbox", "email"]
max_age = 7                              # days
resolver = "shop.audience:of_merge"      # module:function

[types."cl.merged".policy]
cooldown = { minutes = 15, key = "thread", channels = ["email"] }
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

from clarion.errors import ConfigError, InvalidInput, UnknownName
from clarion.event_type import EventType, declare
from clarion.policy import Cooldown, Escalation, Policy, Retries, Throttle

_POLICY = ("tell_actor", "retries", "cooldown", "throttle", "escalation")
_RETRIES = ("attempts", "first", "ceiling", "jitter")
_SPAN = ("days", "hours", "minutes", "seconds")
_COOLDOWN = (*_SPAN, "key", "channels", "charge", "exempt")
_THROTTLE = (*_COOLDOWN, "limit", "overflow")
_STEP = ("repeats", "after", "severity", "renotify")
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
        if name in _TEXT:
            _text(f"event type {code!r}: {name}", value)
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
    of = f"policy of {code!r}"
    written = _known(of, value, _POLICY)
    values: dict[str, Any] = {}
    if "retries" in written:
        values["retries"] = _retries(code, written["retries"])
    try:
        if "cooldown" in written:
            values["cooldown"] = Cooldown(**_rule("cooldown", written["cooldown"], _COOLDOWN))
        if "throttle" in written:
            values["throttle"] = Throttle(
                **{"limit": None, **_rule("throttle", written["throttle"], _THROTTLE)}
            )
        if "escalation" in written:
            values["escalation"] = _escalation(written["escalation"])
        return Policy(tell_actor=_switch("tell_actor", written.get("tell_actor", False)), **values)
    except (ConfigError, InvalidInput) as error:
        error.args = (f"{of}: {error}",)
        raise


def _rule(name: str, value: object, known: Collection[str]) -> dict[str, Any]:
    """The arguments of a cooldown or throttle; how long it is as numbers that a length of time can be made of."""
    written = _known(name, value, known)
    for part in ("charge", "overflow", "exempt"):
        if part in written:
            _text(f"{name}: {part}", written[part])
    for part in ("key", "channels"):
        if isinstance(written.get(part), list):
            for one in written[part]:
                _text(f"{name}: {part}", one)
        elif part in written and not (part == "key" and isinstance(written[part], str)):
            raise ConfigError(f"{name}: {part} must be a list, got {written[part]!r}")
    span = {unit: written[unit] for unit in _SPAN if unit in written}
    return {**written, **_span(name, span)}


def _escalation(value: object) -> tuple[Escalation, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"escalation must be a list of steps, got {value!r}")
    return tuple(_step(f"escalation, step {n}", step) for n, step in enumerate(value, 1))


def _step(name: str, value: object) -> Escalation:
    """`{repeats = 3}`, `{after = {minutes = 30}, severity = "urgent", renotify = false}`."""
    written = dict(_known(name, value, _STEP))
    repeats = written.get("repeats")
    if repeats is not None and (not isinstance(repeats, int) or isinstance(repeats, bool)):
        raise ConfigError(f"{name}: repeats must be a whole number, got {repeats!r}")
    if "after" in written:
        span = _known(f"{name}: after", written["after"], _SPAN)
        written["after"] = timedelta(**_span(f"{name}: after", span))
    if "severity" in written:
        _text(f"{name}: severity", written["severity"])
    _switch(f"{name}: renotify", written.get("renotify", True))
    return Escalation(**written)


def _span(name: str, written: dict[str, Any]) -> dict[str, Any]:
    for unit, value in written.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ConfigError(f"{name}: {unit} must be a number, got {value!r}")
    try:
        timedelta(**written)
    except (ValueError, OverflowError):  # not a number, or more days than there are
        raise ConfigError(f"{name}: {written} is no length of time") from None
    return written


def _retries(code: str, value: object) -> Retries:
    """`{attempts = 5, first = 1, ceiling = 300}`: doubling waits, in seconds."""
    written = {"jitter": 0.2} | _known(f"retries of {code!r}", value, _RETRIES)
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


def _known(what: str, value: object, known: Collection[str]) -> dict[str, Any]:
    """A table with no other names than these."""
    written = _table(what, value)
    for name in written:
        if name not in known:
            raise UnknownName(what, name, known)
    return written


def _text(what: str, value: object) -> None:
    if not isinstance(value, str):
        raise ConfigError(f"{what} must be text, got {value!r}")


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
