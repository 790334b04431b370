"""The demo's people, invented: who they are, what they said about being told, and what they may see."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from clarion.errors import UnknownName
from clarion.event import Event
from clarion.preference import Preference
from clarion.recipient import Address, Recipient
from clarion.severity import Severity

_PERSON = (
    "id",
    "name",
    "locale",
    "time_zone",
    "active",
    "enabled",
    "addresses",
    "preferences",
    "topics",
    "private_repositories",
)
_PREFERENCE = ("scope", "channel", "enabled", "channels", "min_severity", "mode")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A recipient of the demo with all that is stored about them.

    `topics` are what they subscribe to; `private_repositories` those that they may see, lower-case.
    """

    recipient: Recipient
    addresses: tuple[Address, ...] = ()
    preferences: tuple[Preference, ...] = ()
    topics: tuple[str, ...] = ()
    private_repositories: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        return self.recipient.id


@cache
def people() -> tuple[Person, ...]:
    """Everybody, in the order of `people.toml`."""
    text = files("clarion.demo").joinpath("data/people.toml").read_text(encoding="utf-8")
    return tuple(_person(row) for row in tomllib.loads(text)["people"])


def may_see(event: Event, recipients: Collection[str], _app: object = None) -> Collection[str]:
    """Those of these recipients who may know of the event: the demo's access check for every type.

    Everybody may know of a public repository, and those who were let in of a private one.
    """
    if not event.data.get("private"):
        return recipients
    repository = str(event.data.get("repository")).lower()
    let_in = {person.id for person in people() if repository in person.private_repositories}
    return [recipient for recipient in recipients if recipient in let_in]


def _person(row: Mapping[str, Any]) -> Person:
    _check(row, "person", _PERSON)
    return Person(
        recipient=Recipient(
            id=row["id"],
            name=row["name"],
            locale=row.get("locale"),
            time_zone=row.get("time_zone", "UTC"),
            active=row.get("active", True),
            enabled=row.get("enabled", True),
        ),
        addresses=tuple(Address(channel, value) for channel, value in row.get("addresses", {}).items()),
        preferences=tuple(_preference(said) for said in row.get("preferences", ())),
        topics=tuple(row.get("topics", ())),
        private_repositories=frozenset(row.get("private_repositories", ())),
    )


def _preference(said: Mapping[str, Any]) -> Preference:
    _check(said, "preference", _PREFERENCE)
    channels = said.get("channels")
    severity = said.get("min_severity")
    return Preference(
        scope=said["scope"],
        channel=said.get("channel", "*"),
        enabled=said.get("enabled"),
        channels=None if channels is None else tuple(channels),
        min_severity=None if severity is None else Severity.of(severity),
        mode=said.get("mode"),
    )


def _check(row: Mapping[str, Any], kind: str, known: tuple[str, ...]) -> None:
    for name in row:
        if name not in known:
            raise UnknownName(f"field of a {kind} in people.toml", name, known)
