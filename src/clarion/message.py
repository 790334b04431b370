"""What a channel is given to send: one delivery, rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from clarion.event import Event
from clarion.recipient import Recipient
from clarion.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The words. Equal for all recipients of an event who share locale and reason, so worth caching by."""

    title: str
    text: str
    html: str | None = None


class Message(NamedTuple):
    """One delivery of one notification. `id` is the same at every attempt: it is the id on the wire."""

    id: UUID
    tenant: str
    event: Event
    recipient: Recipient
    reason: str
    severity: Severity
    locale: str
    url: str | None
    content: Content
    attempt: int = 1
