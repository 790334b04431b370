"""What is told in a trial: words of our own, or those of an event type; and every message says that it is a test."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from clarion import clock, event, ids
from clarion.errors import InvalidInput, Reject, SendError
from clarion.event import Event
from clarion.event_type import EventType
from clarion.message import Content, Message
from clarion.recipient import Address, Recipient
from clarion.severity import Severity
from clarion.templates import Renderer

NOTE = "This is a test: nothing has happened, and there is nothing to do."
MARK = "[Test] "
CODE = "clarion.test"
_body = re.compile(r"<body\b[^>]*>", re.IGNORECASE)


class SampleFields(TypedDict, total=False):
    """Those of an event's fields that bear on whether and how it is told."""

    tenant: str
    actor: str | None
    subject: str | None
    thread: str | None
    severity: Severity | str | None
    tags: Iterable[str]
    channels: Iterable[str] | None
    data: Mapping[str, Any]
    url: str | None


FIELDS = tuple(SampleFields.__annotations__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """`marked`: the words are an application's, to which the note is still to be added."""

    event: Event
    type: EventType
    reason: str
    marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A message and where it goes; or, instead of a message, why it could not be written."""

    address: Address
    locale: str
    message: Message | None
    refused: SendError | None = None


def words(to: str | Address, tenant: str) -> Sample:
    """A few words of our own, through the templates that stand for every type."""
    at = clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
    data = {"title": "Test message", "text": f"{NOTE}\n\nSent by hand, {at}."}
    made = event.make(CODE, {"tenant": tenant, "to": {"direct": [to]}, "data": data})
    type = EventType(code=CODE, category="test", description="Test message")
    return Sample(event=made, type=type, reason="direct", marked=False)


def write(renderer: Renderer, sample: Sample, recipient: Recipient, address: Address) -> Written:
    """As a delivery would be, but for the note and the thread: it must not stand in the conversation of the real ones."""
    locale = renderer.locale(recipient.locale, address.locale)
    severity = sample.type.severity if sample.event.severity is None else sample.event.severity
    try:
        content = renderer.render(
            sample.event,
            sample.type,
            channel=address.channel,
            reason=sample.reason,
            locale=locale,
            severity=severity,
            recipient=recipient,
        )
    except InvalidInput as error:
        return Written(address=address, locale=locale, message=None, refused=Reject("render", str(error)))
    message = Message(
        id=ids.uuid7(),
        tenant=sample.event.tenant,
        event=replace(sample.event, thread=None),
        recipient=recipient,
        reason=sample.reason,
        severity=severity,
        locale=locale,
        url=renderer.url(sample.event),
        content=_noted(content) if sample.marked else content,
    )
    return Written(address=address, locale=locale, message=message)


def _noted(content: Content) -> Content:
    html = content.html
    if html is not None:
        body = _body.search(html)
        at = body.end() if body else 0
        html = f"{html[:at]}<p><strong>{NOTE}</strong></p>{html[at:]}"
    return Content(title=MARK + content.title, text=f"{NOTE}\n\n{content.text}", html=html)
