"""The event types that there are: what this process declares, and what the database knows of it and of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Protocol

from clarion.errors import UnknownName
from clarion.event_type import EventType
from clarion.names import Names
from clarion.policy import Retries
from clarion.recipients import Recipients
from clarion.store import registry, stored_types
from clarion.store.database import Database
from clarion.store.stored_types import StoredType

_FUNCTIONS = ("access", "resolver")  # of which the database only knows whether there is one


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An event type. `type`: as it is declared here or, if it is not, as it was stored. One of the others is there.

    `differs`: the fields that are stored otherwise than they are declared here: by another version of the
    application, or because no process has started with this one yet.
    """

    type: EventType
    declared: bool
    stored: StoredType | None

    @property
    def resolver(self) -> bool:
        return self._has("resolver")

    @property
    def access(self) -> bool:
        return self._has("access")

    @property
    def differs(self) -> tuple[str, ...]:
        if not self.declared or self.stored is None:
            return ()
        here, there = _as_kept(self.type), self.stored.type
        plain = [f.name for f in fields(EventType) if f.name not in _FUNCTIONS]
        return (
            *(name for name in plain if getattr(here, name) != getattr(there, name)),
            *(name for name in _FUNCTIONS if self._has(name) != getattr(self.stored, name)),
        )

    def _has(self, function: str) -> bool:
        if self.declared or self.stored is None:
            return getattr(self.type, function) is not None
        return bool(getattr(self.stored, function))


def _as_kept(type: EventType) -> EventType:
    """Without what the database does not keep of it."""
    return replace(type, policy=replace(type.policy, retries=Retries(type.policy.retries.waits)))


class _Application(Protocol):
    database: Database
    types: dict[str, EventType]
    recipients: Recipients


def known_types(app: _Application) -> dict[str, Known]:
    """All event types, by code: declared here, or stored by whoever declared them."""
    stored = app.database.read(stored_types.read)
    known = {
        code: Known(type=one.type, declared=False, stored=one)
        for code, one in stored.items()
        if code not in app.types
    }
    known |= {
        code: Known(type=type, declared=True, stored=stored.get(code)) for code, type in app.types.items()
    }
    return dict(sorted(known.items()))


def known_type(app: _Application, code: str) -> Known:
    """One of them. Raises `UnknownName`, with the nearest."""
    known = known_types(app)
    if code not in known:
        raise UnknownName("event type", code, known)
    return known[code]


def recipients_of(app: _Application) -> Recipients:
    """`clarion.recipients`; where nothing is declared here, with the names that the database knows."""
    if app.types:
        return app.recipients
    stored = app.database.read(stored_types.read)
    types: Mapping[str, EventType] = {code: one.type for code, one in stored.items()}
    return Recipients(app.database, Names(types, app.database.read(registry.channels)))
