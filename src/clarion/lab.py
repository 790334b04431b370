"""Trying out words: what an event says on a channel, in a language, before anybody is told. A method of `Clarion`.

Of an event that exists, of a sample, or of data and template texts that are edited for the occasion. Nothing is sent, and
nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import event as events
from clarion import event_data, ids
from clarion.channels import Channel
from clarion.errors import InvalidInput, NotFound, UnknownName
from clarion.event import DEFAULT_TENANT, Event, required_text
from clarion.event_type import EventType
from clarion.message import Content, Message
from clarion.recipient import Address, Recipient
from clarion.severity import Severity
from clarion.store import people, records, roster
from clarion.store.database import Database
from clarion.templates import Renderer, bounded
from clarion.templates.library import Source

EDIT_LIMIT = 64 * 1024  # characters of one template's text
SOMEBODY = Recipient(id="sam", name="Sam Sample", known=False)
_ADDRESS = "sam@example.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What one channel would say. `content` is `None` where it could not be written; `problem` says why.

    `headers`: of mail, as they are sent, decoded; `size`: of the whole mail, in bytes. `sources`: what writes each part.
    """

    event: Event
    type: EventType
    channel: str
    locale: str
    reason: str
    severity: Severity
    recipient: Recipient
    content: Content | None
    problem: str | None
    url: str | None
    headers: tuple[tuple[str, str], ...]
    size: int | None
    sources: Mapping[str, Source]


class _Application(Protocol):
    database: Database
    types: dict[str, EventType]
    channels: dict[str, Channel]
    renderer: Renderer


def lay_out(
    app: _Application,
    type: str,
    *,
    channel: str,
    event: UUID | None = None,
    data: Mapping[str, Any] | None = None,
    edited: Mapping[str, str] | None = None,
    locale: str | None = None,
    reason: str = "direct",
    severity: Severity | str | None = None,
    recipient: str | None = None,
    tenant: str = DEFAULT_TENANT,
) -> Sheet:
    """What this type says on this channel. Raises `InvalidInput`, `NotFound`, `UnknownName`.

    `event`: of one that exists; else of a sample. `data`: in place of its data. `edited`: texts in place of template
    files, by name, written in a process of their own that has little memory and time. `recipient`: to whom, by id.
    """
    declared = _type(app, type)
    if channel not in ("inbox", *declared.channels, *app.channels):
        raise UnknownName("channel", channel, ["inbox", *declared.channels, *app.channels])
    about = _sample(declared, app.renderer, tenant) if event is None else _stored(app, tenant, event, type)
    if data is not None:  # an id of its own: what is written is kept by it
        about = replace(about, id=ids.uuid7(), data=event_data.checked(data))
    who = SOMEBODY if recipient is None else _person(app, tenant, recipient)
    tag = app.renderer.locale(locale, who.locale)
    how: dict[str, Any] = {
        "channel": channel,
        "reason": required_text("reason", reason),
        "locale": tag,
        "severity": _severity(about, declared, severity),
        "recipient": who,
    }
    content, problem = _written(app.renderer, about, declared, how, _checked(edited or {}))
    headers, size, refused = _mail(app, about, how, content)
    return Sheet(
        event=about,
        type=declared,
        channel=channel,
        locale=tag,
        reason=reason,
        severity=how["severity"],
        recipient=who,
        content=content,
        problem=problem or refused,
        url=app.renderer.url(about),
        headers=headers,
        size=size,
        sources=app.renderer.sources(type, channel, tag),
    )


def sample_data(type: EventType, renderer: Renderer) -> dict[str, Any]:
    """Something for everything that templates of this type read, and what all types may say."""
    known: dict[str, Any] = {
        "title": type.title,
        "text": "This is what a short text looks like.\n\nAnd a second paragraph, which is a little longer than the first one.",
        "actor_name": "Alice Example",
        "subject_name": "A subject of the sample",
    }
    return known | {name: name.replace("_", " ") for name in renderer.reads(type.code) if name not in known}


def _type(app: _Application, code: str) -> EventType:
    if code not in app.types:
        raise UnknownName("event type", code, app.types)
    return app.types[code]


def _sample(type: EventType, renderer: Renderer, tenant: str) -> Event:
    return events.make(
        type.code,
        {
            "tenant": tenant,
            "actor": "alice",
            "subject": "sample/1",
            "thread": "sample/1",
            "to": ["sam"],
            "url": "/sample/1",
            "data": sample_data(type, renderer),
        },
    )


def _stored(app: _Application, tenant: str, id: UUID, type: str) -> Event:
    found = app.database.read(lambda conn: records.event(conn, tenant, id))
    if found is None:
        raise NotFound(f"there is no event {id} in tenant {tenant!r}")
    if found[0].type != type:
        raise InvalidInput(f"event {id} is of type {found[0].type!r}, not {type!r}; choose that type")
    return found[0]


def _person(app: _Application, tenant: str, id: str) -> Recipient:
    def read(conn: Connection) -> Recipient | None:
        return people.read(conn, [(tenant, id)], ())[tenant].recipients.get(id)

    found = app.database.read(read)
    if found is None:
        raise roster.unknown(tenant, id)
    return found


def _severity(event: Event, type: EventType, said: Severity | str | None) -> Severity:
    if said is not None:
        return Severity.of(said)
    return type.severity if event.severity is None else event.severity


def _checked(edited: Mapping[str, str]) -> dict[str, str]:
    for name, text in edited.items():
        if len(text) > EDIT_LIMIT:
            raise InvalidInput(f"the text of {name} has {len(text):,} characters, at most {EDIT_LIMIT:,}")
        if name.count("/") != 1 or ".." in name:
            raise InvalidInput(f"{name[:80]!r} is no template; name it <type>/<channel>.<part>.j2")
    return dict(edited)


def _written(
    renderer: Renderer, event: Event, type: EventType, how: Mapping[str, Any], edited: Mapping[str, str]
) -> tuple[Content | None, str | None]:
    try:
        if edited:
            return bounded.render(renderer, edited, event, type, how), None
        return renderer.render(event, type, **how), None
    except InvalidInput as error:
        return None, str(error)


def _mail(
    app: _Application, event: Event, how: Mapping[str, Any], content: Content | None
) -> tuple[tuple[tuple[str, str], ...], int | None, str | None]:
    """The headers and the size of what such a channel hands to its server; or why it would refuse to."""
    write = getattr(app.channels.get(how["channel"]), "written", None)
    if write is None or content is None:
        return (), None, None
    message = Message(
        id=ids.uuid7(),
        tenant=event.tenant,
        event=event,
        recipient=how["recipient"],
        reason=how["reason"],
        severity=how["severity"],
        locale=how["locale"],
        url=app.renderer.url(event),
        content=content,
    )
    try:
        whole = write(message, Address(how["channel"], _ADDRESS))
    except InvalidInput as error:
        return (), None, str(error)
    parsed = message_from_bytes(whole, policy=compat32)
    return tuple((name, _readable(value)) for name, value in parsed.items()), len(whole), None


def _readable(value: str) -> str:
    return str(make_header(decode_header(value))).replace("\r\n", "").replace("\n", "")
