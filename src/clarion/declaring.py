"""Declaring event types in code: a method of `Clarion`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from clarion.errors import ConfigError
from clarion.event_type import EventType, Resolver, declare

Declared = TypeVar("Declared", bound=Callable[..., Any])


class _Application(Protocol):
    types: dict[str, EventType]


def type(app: _Application, code: str, **options: Any) -> Callable[[Declared], Declared]:
    """Declare an event type, at once; as a decorator, with the function that finds its audience.

    The options are the fields of `EventType`. Raises `ConfigError` or `UnknownName`.
    """
    add(app.types, declare(code, options))

    def with_resolver(resolver: Declared) -> Declared:
        if options.get("resolver") is not None:
            raise ConfigError(f"event type {code!r} has two resolvers: the option and the decorated function")
        resolve: Resolver = resolver
        app.types[code] = declare(code, {**options, "resolver": resolve})
        return resolver

    return with_resolver


def add(types: dict[str, EventType], declared: EventType) -> None:
    """Raises `ConfigError` where there is one of this code."""
    if declared.code in types:
        raise ConfigError(f"event type {declared.code!r} is declared twice")
    types[declared.code] = declared
