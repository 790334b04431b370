"""The question put to the gates about one notification, and how it is stored, to be asked again later."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple, get_type_hints

from clarion import quiet_hours
from clarion.quiet_hours import QuietHours
from clarion.severity import Severity

INBOX = "inbox"


class Place(NamedTuple):
    """One channel in a question, and what bears on it alone. A tuple, like the question: most events have their own."""

    channel: str
    addresses: int = 0  # that could be sent to
    gone: int = 0  # that the other side called dead
    enabled_since: datetime | None = None  # of the type on this channel; None: this installation lacks it
    narrowed: bool = False  # the event asked for other channels only
    wanted: bool = True
    wanted_by: str = "type"  # the preference that said so, or the type
    min_severity: Severity | None = None
    min_severity_by: str | None = None
    mode: str = "now"
    silence: str | None = None  # the operator's that reigns here, by its id
    silenced_by: str | None = None  # its author, and the comment
    silenced_until: datetime | None = None


class Charged(NamedTuple):
    """How a cooldown or throttle stands for this recipient, on these channels (`None`: on all).

    Not who holds the slots: whole pages of people share the rest of it, and so a question.
    """

    rule: str  # cooldown or throttle
    key: str
    limit: int
    window_seconds: float
    overflow: str = "suppress"
    channels: tuple[str, ...] | None = None
    taken: int = 0  # slots, by others, of this severity or a higher one
    since: datetime | None = None  # when the newest of them was taken
    until: datetime | None = None  # when the first of them ends, if its holder was sent
    mine: bool = False  # the notification holds one already

    def concerns(self, channel: str) -> bool:
        return self.channels is None or channel in self.channels

    @property
    def full(self) -> bool:
        return self.taken >= self.limit and not self.mine


class Question(NamedTuple):
    """Everything that the gates may ask about one notification. Equal questions have equal answers."""

    now: datetime
    type: str
    required: bool
    severity: Severity
    reason: str
    emitted_at: datetime
    due_at: datetime
    expires_at: datetime | None = None
    stale_at: datetime | None = None  # when the type's max_age is over
    is_actor: bool = False
    tell_actor: bool = False
    known: bool = True
    active: bool = True
    resolved: bool = False  # the condition has ended
    withdrawn: bool = False
    read: bool = False
    unless_read: bool = False
    access: bool | None = None  # None: the type does not ask
    switched_on: bool = True  # the recipient's global switch
    silent_until: datetime | None = None  # the recipient's own silence
    on: bool = True  # this type, for this recipient
    on_by: str = "type"
    level: str = "all"  # how closely the recipient follows what it is about
    level_by: str | None = None  # the topic that was said of
    muted_until: datetime | None = None
    muted: str | None = None  # the topic
    tags_refused_by: str | None = None
    quiet_hours: QuietHours | None = None
    time_zone: str = "UTC"  # of the quiet hours
    places: tuple[Place, ...] = ()
    charges: tuple[Charged, ...] = ()


_INSTANTS = frozenset(
    name
    for kind in (Question, Place, Charged)
    for name, hint in get_type_hints(kind).items()
    if hint in (datetime, datetime | None)
)


def plain(value: object) -> object:
    """`value` as JSON can hold it."""
    return value.isoformat() if isinstance(value, datetime) else value


def to_json(question: Question) -> dict[str, Any]:
    """The question as stored; what has its default value is left out."""
    stored = _changed(question)
    stored["places"] = [_changed(place) for place in question.places]
    if question.charges:
        stored["charges"] = [_changed(charged) for charged in question.charges]
    if question.quiet_hours is not None:
        stored["quiet_hours"] = quiet_hours.to_json(question.quiet_hours)
    return stored


class _Stored:
    """The plain fields of a kind, read all at once: a question is stored with each event."""

    def __init__(self, kind: type[Question | Place | Charged]) -> None:
        self.names = [name for name in kind._fields if name not in ("places", "charges", "quiet_hours")]
        self.defaults = [kind._field_defaults.get(name, self) for name in self.names]  # `self`: there is none
        self.values = attrgetter(*self.names)


_STORED = {kind: _Stored(kind) for kind in (Question, Place, Charged)}


def _changed(value: Question | Place | Charged) -> dict[str, Any]:
    of = _STORED[type(value)]
    return {
        name: said.isoformat() if isinstance(said, datetime) else said
        for name, said, default in zip(of.names, of.values(value), of.defaults, strict=True)
        if said is not default and said != default
    }


def from_json(stored: Mapping[str, Any]) -> Question:
    """The reverse of `to_json`. What an older version stored beyond what is known now is left out."""
    values = _values(Question, stored)
    values["places"] = tuple(Place(**_values(Place, place)) for place in stored["places"])
    values["charges"] = tuple(Charged(**_values(Charged, charged)) for charged in stored.get("charges", ()))
    if "quiet_hours" in stored:
        values["quiet_hours"] = quiet_hours.parse(stored["quiet_hours"])
    return Question(**values)


def _values(kind: type[Question | Place | Charged], stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, stored[name]) for name in kind._fields if name in stored}


def _value(name: str, stored: Any) -> Any:
    if stored is None:
        return None
    if name in _INSTANTS:
        return datetime.fromisoformat(stored)
    if name in ("severity", "min_severity"):
        return Severity(stored)
    return tuple(stored) if name == "channels" else stored
