"""An event as it comes over HTTP: plain JSON to the arguments of `emit`. Written out, for this is the hot path."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from clarion.errors import InvalidInput, UnknownName, shown
from clarion.event import FIELDS, EventFields, Who
from clarion.group import group_from_json
from clarion.recipient import Address

NAMES = ("type", *(name for name in FIELDS if name != "tenant"))
_NAMES = frozenset(NAMES)
_INSTANTS = ("at", "expires_at")
_GROUPS = {"role": "a role's name", "active": "seconds", "everyone": "true"}


def fields_of(body: object, tenant: str) -> tuple[str, EventFields]:
    """The type, and what `emit` takes beside it. Raises `InvalidInput`, `UnknownName`."""
    if type(body) is not dict and not isinstance(body, Mapping):
        raise InvalidInput(
            f"an event must be an object such as {{'type': 'cl.merged', …}}, got {shown(body)}"
        )
    if not body.keys() <= _NAMES:
        name = next(name for name in body if name not in _NAMES)
        if name == "tenant":
            raise InvalidInput("tenant is not said in an event: it is the one of the key")
        raise UnknownName("field of an event", name, NAMES)
    fields: dict[str, Any] = {name: value for name, value in body.items() if value is not None}
    if not isinstance(code := fields.pop("type", None), str):
        raise InvalidInput(f"type must be the code of an event type, such as 'cl.merged', got {shown(code)}")
    for name in _INSTANTS:
        if name in fields:
            fields[name] = instant(name, fields[name])
    if "to" in fields:
        fields["to"] = _audience(fields["to"])
    if "severity" in fields and not isinstance(fields["severity"], str):
        raise InvalidInput(f"severity must be a name such as 'action', got {shown(fields['severity'])}")
    fields["tenant"] = tenant
    return code, cast(EventFields, fields)  # checked above, and by `emit`


def instant(name: str, said: object) -> datetime:
    """RFC 3339: a time that says its offset from UTC."""
    at = None
    if isinstance(said, str) and len(said) <= 40:
        try:
            at = datetime.fromisoformat(said)
        except ValueError:
            at = None
    if at is None or at.tzinfo is None:
        raise InvalidInput(
            f"{name} must be a time with its offset, such as '2026-06-01T10:00:00Z', got {shown(said)}"
        )
    return at


def _audience(to: object) -> Any:
    if isinstance(to, list):
        return to if _all_ids(to) else [_who("to", one) for one in to]
    if type(to) is dict or isinstance(to, Mapping):
        return {reason: _people(reason, people) for reason, people in to.items()}
    raise InvalidInput(f"to must be a list, or reasons with lists ({{'author': ['bob']}}), got {shown(to)}")


def _all_ids(people: list[Any]) -> bool:
    return all(type(one) is str for one in people)


def _people(reason: str, people: object) -> list[Who]:
    if isinstance(people, list) and _all_ids(people):
        return people
    field = f"to[{reason[:80]!r}]"
    if not isinstance(people, list):
        raise InvalidInput(f"{field} must be a list of recipients, got {shown(people)}")
    return [_who(field, one) for one in people]


def _who(field: str, said: object) -> Who:
    if isinstance(said, str):
        return said
    if isinstance(said, Mapping):
        if {"channel", "value"} <= said.keys() <= {"channel", "value", "locale"}:
            return Address(said["channel"], said["value"], said.get("locale"))
        if len(said) == 1:
            try:
                group = group_from_json(said)
            except (TypeError, ValueError, OverflowError):
                group = None
            if group is not None:
                return group
    raise InvalidInput(
        f"{field} holds {shown(said)}; it must be an id, {{'channel': …, 'value': …}}, {{'role': …}}, "
        "{'active': seconds} or {'everyone': true}"
    )
