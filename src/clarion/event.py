"""An event: one fact, emitted once. Everything that is wrong with one is said here, before it is stored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, TypeGuard
from uuid import UUID

from clarion import clock, event_data, ids, json_text
from clarion.errors import InvalidInput, UnknownName, shown
from clarion.group import GROUPS_LIMIT, Group, Role, group_from_json, group_json
from clarion.recipient import Address
from clarion.severity import Severity

Who = str | Address | Group
To = tuple[tuple[str, tuple[Who, ...]], ...]

TEXT_LIMIT = 255
URL_LIMIT = 2000
LIST_LIMIT = 10_000
NAMES_LIMIT = 100
FURTHEST = timedelta(days=25)  # ahead; below the time that events are kept
DEFAULT_TENANT = "default"

# C0 and C1 controls, line and paragraph separators, lone surrogates: none has a place in a name.
_unprintable = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class EventFields(TypedDict, total=False):
    """What `emit` takes beside the connection and the type."""

    tenant: str
    actor: str | None
    subject: str | None
    thread: str | None
    to: Mapping[str, Iterable[Who]] | Iterable[Who] | None
    topic: str | None
    severity: Severity | str | None
    key: str | None
    condition: str | None
    tags: Iterable[str]
    channels: Iterable[str] | None
    data: Mapping[str, Any]
    url: str | None
    at: datetime | None
    expires_at: datetime | None
    correlation_id: str | None


FIELDS = tuple(EventFields.__annotations__)
_FIELDS = frozenset(FIELDS)
_sorted_json = json_text.writer(allow_nan=True, sort_keys=True)
_TEXTS = ("tenant", "actor", "subject", "thread", "topic", "key", "condition", "correlation_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What is stored. `at` is when it is due to be told; `channels` narrows the type's channels.

    `trace_context`: where it was emitted, if spans are taken there; see `tracing`. `data_json`: the text of `data`, if it
    was made of that just now.
    """

    id: UUID
    type: str
    emitted_at: datetime
    at: datetime
    tenant: str = DEFAULT_TENANT
    actor: str | None = None
    subject: str | None = None
    thread: str | None = None
    to: To = ()
    topic: str | None = None
    severity: Severity | None = None
    key: str | None = None
    condition: str | None = None
    tags: tuple[str, ...] = ()
    channels: tuple[str, ...] | None = None
    data: Mapping[str, Any]
    url: str | None = None
    expires_at: datetime | None = None
    correlation_id: str = ""
    body_hash: str = ""
    trace_context: Mapping[str, str] | None = None
    data_json: str | None = field(default=None, init=False, repr=False, compare=False)


def make(type: str, fields: EventFields, id: UUID | None = None, emitted_at: datetime | None = None) -> Event:
    """The event of these fields, checked; raises `InvalidInput` with the field, its value and the remedy.

    `id`, `emitted_at`: those of many events are made at once, by whoever makes them.
    """
    if not fields.keys() <= _FIELDS:
        name = next(name for name in fields if name not in _FIELDS)
        raise UnknownName("field of an event", name, FIELDS)
    get = fields.get
    texts: dict[str, Any] = {
        name: required_text(name, said) for name in _TEXTS if (said := get(name)) is not None
    }
    event_id = id or ids.uuid7()
    emitted_at = emitted_at or clock.now()
    severity: Any = get("severity")
    channels = get("channels")
    tags = get("tags", ())
    data: Any = get("data", {})
    data_json = event_data.object_json(data)
    at = instant("at", get("at"))
    correlation_id = texts.pop("correlation_id", None)
    event = Event(
        id=event_id,
        type=type,
        emitted_at=emitted_at,
        at=at or emitted_at,
        to=_audience(get("to")),
        severity=None if severity is None else Severity.of(severity),
        tags=() if tags == () else _names("tags", tags),
        channels=None if channels is None else _names("channels", channels),
        data=data,
        url=_url(get("url")),
        expires_at=instant("expires_at", get("expires_at")),
        correlation_id=correlation_id or str(event_id),
        **texts,
    )
    if event.expires_at is not None and event.expires_at <= event.at:
        raise InvalidInput(
            f"expires_at {event.expires_at.isoformat()} is not after the event is due ({event.at.isoformat()})"
        )
    object.__setattr__(event, "data_json", data_json)
    object.__setattr__(event, "body_hash", _body_hash(event, at, correlation_id))
    return event


def audience_json(to: To) -> list[list[Any]]:
    """`to` as stored: [[reason, [id or {channel, value, locale} or {role} or {active} or {everyone}, …]], …]."""
    return [[reason, [_who_json(who) for who in people]] for reason, people in to]


def audience_from_json(stored: Sequence[Any]) -> To:
    """The reverse of `audience_json`."""
    return tuple((reason, tuple(map(_who_from_json, people))) for reason, people in stored)


def groups(to: To) -> list[Group]:
    """The groups in an audience, each once."""
    found = [who for _, people in to for who in people if type(who) is not str and isinstance(who, Group)]
    return list(dict.fromkeys(found))


def addresses(to: To) -> list[Address]:
    """The addresses in an audience."""
    return [who for _, people in to for who in people if type(who) is not str and isinstance(who, Address)]


def _who_json(who: Who) -> str | dict[str, Any]:
    if isinstance(who, Address):
        return {"channel": who.channel, "value": who.value, "locale": who.locale}
    return who if isinstance(who, str) else group_json(who)


def _who_from_json(stored: str | dict[str, Any]) -> Who:
    return stored if isinstance(stored, str) else group_from_json(stored) or Address(**stored)


def _body_hash(event: Event, at: datetime | None, correlation_id: str | None) -> str:
    """What two emits with one key must share to be the same event: everything but id and time of emission.

    Where order says nothing it counts for nothing: a set is walked in another order by every process.
    """
    body = [
        event.type,
        event.actor,
        event.subject,
        event.thread,
        [[reason, [_who_json(who) for who in _in_order(people)]] for reason, people in event.to],
        event.topic,
        event.severity,
        event.condition,
        sorted(set(event.tags)) if event.tags else [],
        None if event.channels is None else sorted(set(event.channels)),
        event.url,
        at and at.isoformat(),
        event.expires_at and event.expires_at.isoformat(),
        correlation_id,
    ]
    text = _sorted_json([body, event.data])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _in_order(people: Iterable[Who]) -> tuple[Who, ...]:
    """Each once: ids, addresses, groups."""
    people = set(people)
    if len(people) < 2:
        return tuple(people)

    def place(who: Who) -> tuple[int, str, str, str]:
        if isinstance(who, Address):
            return 1, who.channel, who.value, who.locale or ""
        return (0, who, "", "") if isinstance(who, str) else (2, str(who), "", "")

    return tuple(sorted(people, key=place))


def is_plain(value: object, limit: int = TEXT_LIMIT) -> TypeGuard[str]:
    """Whether it is such a text beyond doubt; of those that may be, some are not."""
    # What is printable to Python has no control characters, separators but spaces, or surrogates.
    return type(value) is str and 0 < len(value) <= limit and value.isprintable() and not value.isspace()


def _text(field: str, value: object, limit: int = TEXT_LIMIT) -> str | None:
    return None if value is None else required_text(field, value, limit)


def required_text(field: str, value: object, limit: int = TEXT_LIMIT) -> str:
    if is_plain(value, limit):
        return value
    if not isinstance(value, str):
        raise InvalidInput(f"{field} must be text, got {shown(value)}")
    if not value.strip():
        raise InvalidInput(f"{field} is empty; leave it out instead")
    if len(value) > limit:
        raise InvalidInput(
            f"{field} has {len(value)} characters, at most {limit} are stored: {value[:40]!r}…"
        )
    if found := _unprintable.search(value):
        raise InvalidInput(f"{field} {value[:80]!r} holds the control character {found[0]!r}; remove it")
    return value


def _url(value: object) -> str | None:
    url = _text("url", value, URL_LIMIT)
    if url is None or url.startswith(("/", "https://", "http://")):
        return url
    raise InvalidInput(f"url {url[:80]!r} must be a path ('/…') or begin with https:// or http://")


def instant(field: str, value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidInput(
            f"{field} must be an aware datetime, such as datetime.now(timezone.utc), got {shown(value)}"
        )
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{field} {value.isoformat()} is outside the years 1 to 9999 in UTC") from None


def _names(field: str, values: object) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidInput(f"{field} must be a list of texts, got {shown(values)}")
    names = tuple(required_text(field, value) for value in values)
    if len(names) > NAMES_LIMIT:
        raise InvalidInput(f"{field} names {len(names):,}, at most {NAMES_LIMIT}")
    return names


def _audience(to: object) -> To:
    if to is None:
        return ()
    if type(to) is not dict and isinstance(to, Who):
        raise InvalidInput(
            f"to must be a list, or reasons with lists ({{'author': ['bob']}}), got {shown(to)}"
        )
    reasons: Mapping[Any, Any] = to if type(to) is dict or isinstance(to, Mapping) else {"direct": to}
    audience = tuple(
        (required_text("reason", reason), _people(reason, people)) for reason, people in reasons.items()
    )
    count = sum(len(people) for _, people in audience)
    if count > LIST_LIMIT:
        raise InvalidInput(
            f"to names {count:,} recipients, at most {LIST_LIMIT:,}; use a topic or a resolver instead"
        )
    if (found := len(groups(audience))) > GROUPS_LIMIT:
        raise InvalidInput(f"to names {found:,} groups, at most {GROUPS_LIMIT}")
    return audience


def _people(reason: object, people: object) -> tuple[Who, ...]:
    if type(people) is list:
        if all(map(is_plain, people)):
            return tuple(people)
    elif isinstance(people, Who) or not isinstance(people, Iterable):
        raise InvalidInput(
            f"to[{reason!r}] must be a list of recipient ids, addresses or groups, got {shown(people)}"
        )
    return tuple(_who(f"to[{reason!r}]", who) for who in people)


def _who(field: str, who: object) -> Who:
    match who:
        case Address():
            return _address(field, who)
        case Role(name):
            required_text(f"{field}: a role", name)
            return who
    return who if isinstance(who, Group) else required_text(field, who)


def _address(field: str, address: Address) -> Address:
    """Whether it can be stored; whether it can be sent to, its channel will say."""
    required_text(f"{field}: an address's channel", address.channel)
    required_text(f"{field}: an address's value", address.value, URL_LIMIT)
    _text(f"{field}: an address's locale", address.locale)
    return address


def retention_limit(at: datetime, now: datetime, furthest: timedelta = FURTHEST) -> None:
    """A schedule beyond `furthest` would be forgotten before it is due: refused when it is made."""
    if at - now > furthest:
        raise InvalidInput(
            f"at {at.isoformat()} is more than {furthest.days} days ahead; emit it nearer to its time"
        )
