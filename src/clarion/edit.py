"""What is to be changed of a recipient, in part, and checked: what is not given stays, `None` is unsaid again.

Values are plain, as they are stored and as the history shows them, but for severities and instants.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Required, TypedDict

from clarion import clock, names, quiet_hours, tag_filter
from clarion.errors import InvalidInput, UnknownName, shown
from clarion.event import NAMES_LIMIT, URL_LIMIT, instant, required_text
from clarion.names import Names
from clarion.preference import LEVELS, MODES
from clarion.question import INBOX
from clarion.quiet_hours import QuietHours
from clarion.recipient import FOREVER, Address
from clarion.severity import Severity
from clarion.tag_filter import TagFilter


class PreferenceFields(TypedDict, total=False):
    """What may be said about a type, a category or everything."""

    enabled: bool | None
    channels: Iterable[str] | None
    min_severity: Severity | str | None
    mode: str | None


class PreferenceEdit(PreferenceFields, total=False):
    """The same, with what it is about: on all channels, unless one is named."""

    scope: Required[str]
    channel: str


class ConfigurationFields(TypedDict, total=False):
    """What may be said about being told at all, and when."""

    enabled: bool
    time_zone: str | None
    quiet_hours: QuietHours | Mapping[str, Any] | None
    tags: TagFilter | Mapping[str, Any] | None


class RecipientFields(ConfigurationFields, total=False):
    """What an application knows of a recipient. `addresses`: by channel; these, and no others. So are `roles`.

    `addresses_on`: the same for some channels; what they have on others stays.
    """

    name: str | None
    locale: str | None
    active: bool
    addresses: Mapping[str, str | Iterable[str]]
    addresses_on: Mapping[str, str | Iterable[str]]
    roles: Iterable[str]
    preferences: Iterable[PreferenceEdit]


class TopicEdit(TypedDict, total=False):
    """What may be said about a topic, a thread or a subject. `muted`: for good, or not at all."""

    topic: Required[str]
    subscribed: bool
    level: str | None
    muted: bool
    muted_until: datetime | None
    reason: str | None


class ChoiceFields(ConfigurationFields, total=False):
    """All that a recipient may say. `silent_until`: nothing but required types before; `None` ends it."""

    locale: str | None
    silent_until: datetime | None
    preferences: Iterable[PreferenceEdit]
    topics: Iterable[TopicEdit]


class RecipientEdit(RecipientFields, total=False):
    """The same, with whose it is."""

    id: Required[str]


CONFIGURATION = tuple(ConfigurationFields.__annotations__)
RECIPIENT = tuple(RecipientEdit.__annotations__)
PREFERENCE = tuple(PreferenceFields.__annotations__)
TOPIC = tuple(TopicEdit.__annotations__)
CHOICE = tuple(ChoiceFields.__annotations__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Of one recipient. `preferences` by (scope, channel), `topics` by (topic,).

    `only_on`: the channels to which `addresses` bears; `None` is all.
    """

    recipient: str
    own: Mapping[str, Any] = field(default_factory=dict)
    addresses: tuple[Address, ...] | None = None
    only_on: frozenset[str] | None = None
    roles: tuple[str, ...] | None = None
    preferences: Mapping[tuple[str, ...], Mapping[str, Any]] = field(default_factory=dict)
    topics: Mapping[tuple[str, ...], Mapping[str, Any]] = field(default_factory=dict)

    def replaces(self, channel: str) -> bool:
        """Whether what they have on this channel goes, where `addresses` does not name it."""
        return self.only_on is None or channel in self.only_on


def of_recipient(fields: Mapping[str, Any], known: Names) -> Edit:
    """What an application writes of a recipient. Raises `InvalidInput`, `UnknownName`."""
    who = required_text("a recipient's id", fields.get("id"))
    try:
        _only("field of a recipient", fields, RECIPIENT)
        addresses, only_on = _where(fields, known)
        return Edit(
            recipient=who,
            own=_own(fields),
            addresses=addresses,
            only_on=only_on,
            roles=_texts("role", fields["roles"]) if "roles" in fields else None,
            preferences=_preferences(fields.get("preferences", ()), known),
        )
    except InvalidInput as error:
        error.args = (f"recipient {shown(who)}: {error}",)
        raise


def of_configuration(recipient: str, fields: Mapping[str, Any]) -> Edit:
    """What a recipient says about being told at all, and when. Raises `InvalidInput`, `UnknownName`."""
    _only("part of a configuration", fields, CONFIGURATION)
    if not fields:
        raise InvalidInput(f"give what is to change: {', '.join(CONFIGURATION)}")
    return Edit(recipient=required_text("recipient", recipient), own=_own(fields))


def of_preferences(recipient: str, changes: Iterable[Mapping[str, Any]], known: Names) -> Edit:
    """What a recipient says about types, categories and everything. Raises `InvalidInput`, `UnknownName`."""
    return Edit(recipient=required_text("recipient", recipient), preferences=_preferences(changes, known))


def checked_level(level: Any) -> str | None:
    if level is not None and level not in LEVELS:
        raise UnknownName("level", str(level), LEVELS)
    return None if level is None else str(level)


def of_choices(recipient: str, fields: Mapping[str, Any], known: Names) -> Edit:
    """All that a recipient says at once. Raises `InvalidInput`, `UnknownName`."""
    _only("part of a configuration", fields, CHOICE)
    if not fields:
        raise InvalidInput(f"give what is to change: {', '.join(CHOICE)}")
    own = _own(fields)
    if "silent_until" in fields:
        until = fields["silent_until"]
        own["silent_until"] = None if until is None else ahead("silent_until", until)
    return Edit(
        recipient=required_text("recipient", recipient),
        own=own,
        preferences=_preferences(fields.get("preferences", ()), known),
        topics=_topics(fields.get("topics", ())),
    )


def of_silence(recipient: str, until: datetime | None) -> Edit:
    """What a recipient says about hearing nothing for a while: `None` ends it."""
    return Edit(recipient=required_text("recipient", recipient), own={"silent_until": until})


def of_topics(recipient: str, topics: Iterable[str], values: Mapping[str, Any]) -> Edit:
    """What a recipient says about each of these topics. Raises `InvalidInput`, `UnknownName`."""
    checked_level(values.get("level"))
    reason = values.get("reason")
    if reason is not None:
        required_text("reason", reason)
    return Edit(
        recipient=required_text("recipient", recipient),
        topics={(required_text("topic", topic),): values for topic in topics},
    )


def ahead(what: str, until: datetime | None) -> datetime:
    """An instant to come, or `FOREVER`. Raises `InvalidInput`."""
    end = instant(what, until)
    if end is not None and end <= clock.now():
        raise InvalidInput(f"{what} {end.isoformat()} is over already; leave it out for no end")
    return end or FOREVER


# ── Values ───────────────────────────────────────────────────────────────────────────────────────────────


def _own(fields: Mapping[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = {}
    for name in ("name", "locale"):
        if name in fields:
            own[name] = None if fields[name] is None else required_text(name, fields[name])
    for name in ("active", "enabled"):
        if name in fields:
            own[name] = _switch(name, fields[name])
    if "time_zone" in fields:
        zone = fields["time_zone"]
        own["time_zone"] = "UTC" if zone is None else names.time_zone(required_text("time_zone", zone))
    if "quiet_hours" in fields:
        own["quiet_hours"] = _quiet_hours(fields["quiet_hours"])
    if "tags" in fields:
        own["tags"] = _tags(fields["tags"])
    return own


def _quiet_hours(said: object) -> dict[str, Any] | None:
    if said is None or isinstance(said, QuietHours):
        return None if said is None else quiet_hours.to_json(said)
    if not isinstance(said, Mapping):
        raise InvalidInput(
            f"quiet_hours must be days with spans, such as {{'daily': ['22:00-07:00']}}, got {shown(said)}"
        )
    return quiet_hours.to_json(quiet_hours.parse(said))


def _tags(said: object) -> dict[str, Any] | None:
    if said is not None and not isinstance(said, TagFilter | Mapping):
        raise InvalidInput(f"tags must be {{'include': […], 'exclude': […]}}, got {shown(said)}")
    wanted = said if isinstance(said, TagFilter) else tag_filter.parse(said or {})
    for name, patterns in (("include", wanted.include), ("exclude", wanted.exclude)):
        if len(patterns) > NAMES_LIMIT:
            raise InvalidInput(f"tags: {name} names {len(patterns):,} tags, at most {NAMES_LIMIT}")
        for pattern in patterns:
            required_text(f"tags: {name}", pattern)
    return tag_filter.to_json(wanted) if wanted != TagFilter() else None


def _where(
    fields: Mapping[str, Any], known: Names
) -> tuple[tuple[Address, ...] | None, frozenset[str] | None]:
    """The addresses given, and the channels to which they bear."""
    if "addresses_on" not in fields:
        return (_addresses(fields["addresses"], known) if "addresses" in fields else None), None
    if "addresses" in fields:
        raise InvalidInput("give addresses, which are all of them, or addresses_on some channels, not both")
    some = fields["addresses_on"]
    return _addresses(some, known), frozenset(some)


def _addresses(said: object, known: Names) -> tuple[Address, ...]:
    if not isinstance(said, Mapping):
        raise InvalidInput(f"addresses must be {{channel: value or values}}, got {shown(said)}")
    known.check_channels(said)
    if INBOX in said:
        raise InvalidInput("the inbox needs no address: every recipient has one")
    found: dict[Address, None] = {}
    for channel, values in said.items():
        for value in [values] if isinstance(values, str) else _listed(f"addresses[{channel!r}]", values):
            found[Address(channel, required_text(f"an address on {channel}", value, URL_LIMIT))] = None
    return tuple(found)


def _preferences(changes: object, known: Names) -> dict[tuple[str, ...], dict[str, Any]]:
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for change in _listed("preferences", changes):
        if not isinstance(change, Mapping):
            raise InvalidInput(f"a preference must be {{'scope': …, 'enabled': …}}, got {shown(change)}")
        _only("part of a preference", change, ("scope", "channel", *PREFERENCE))
        scope, channel = (
            required_text("scope", change.get("scope")),
            required_text("channel", change.get("channel", "*")),
        )
        if (scope, channel) in found:
            raise InvalidInput(f"preference {scope!r} on {channel!r} is given twice")
        found[scope, channel] = _preference(scope, channel, change, known)
    return found


def _preference(scope: str, channel: str, change: Mapping[str, Any], known: Names) -> dict[str, Any]:
    about = known.check_scope(scope)
    if channel != "*":
        known.check_channels([channel])
    said: dict[str, Any] = {name: change[name] for name in PREFERENCE if name in change}
    if not said:
        raise InvalidInput(f"say something of {scope!r}: {', '.join(PREFERENCE)}; None makes it unsaid again")
    if said.get("enabled") is not None:
        _switch("enabled", said["enabled"])
    if said.get("channels") is not None:
        if channel != "*":
            raise InvalidInput(f"channels are said of {scope!r} as a whole, not on {channel!r}; use enabled")
        said["channels"] = list(_texts("channel", said["channels"]))
        known.check_channels(said["channels"])
    if said.get("min_severity") is not None:
        said["min_severity"] = Severity.of(said["min_severity"])
    if said.get("mode") is not None and said["mode"] not in MODES:
        raise UnknownName("mode", str(said["mode"]), MODES)
    if about is not None and about.required:
        _refuse_for_required(scope, said)
    return said


def _topics(changes: object) -> dict[tuple[str, ...], dict[str, Any]]:
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for change in _listed("topics", changes):
        if not isinstance(change, Mapping):
            raise InvalidInput(f"a topic must be {{'topic': …, 'level': …}}, got {shown(change)}")
        _only("part of a topic", change, TOPIC)
        topic = required_text("topic", change.get("topic"))
        if (topic,) in found:
            raise InvalidInput(f"topic {topic!r} is given twice")
        found[topic,] = _topic(topic, change)
    return found


def _topic(topic: str, change: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if "level" in change:
        said["level"] = checked_level(change["level"])
        if said["level"] == "all":
            said["subscribed"] = True
    if "subscribed" in change:
        said["subscribed"] = _switch("subscribed", change["subscribed"])
    if "reason" in change:
        said["reason"] = None if change["reason"] is None else required_text("reason", change["reason"])
    if "muted" in change and "muted_until" in change:
        raise InvalidInput(f"of topic {topic!r} say muted, which is for good, or muted_until, not both")
    if "muted" in change:
        said["muted_until"] = FOREVER if _switch("muted", change["muted"]) else None
    if "muted_until" in change:
        until = change["muted_until"]
        said["muted_until"] = None if until is None else ahead("muted_until", until)
    if not said:
        raise InvalidInput(f"say something of topic {topic!r}: {', '.join(TOPIC[1:])}")
    return said


def _refuse_for_required(scope: str, said: Mapping[str, Any]) -> None:
    for name, value in said.items():
        if value is not None and (name, value) != ("enabled", True):
            raise InvalidInput(
                f"{scope!r} is required: nothing that a recipient says changes how it comes; leave out {name}"
            )


def _only(what: str, given: Iterable[str], known: Collection[str]) -> None:
    for name in given:
        if name not in known:
            raise UnknownName(what, str(name), known)


def _switch(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise InvalidInput(f"{name} must be True or False, got {shown(value)}")


def _listed(what: str, values: object) -> Iterable[object]:
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise InvalidInput(f"{what} must be a list, got {shown(values)}")
    return values


def _texts(what: str, values: object) -> tuple[str, ...]:
    """Each once, in their order."""
    return tuple(dict.fromkeys(required_text(what, value) for value in _listed(f"{what}s", values)))
