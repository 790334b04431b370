"""How things look in answers. Made of what the library returns, by the names of its attributes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from clarion import event as event_
from clarion import gates
from clarion.delivery import State
from clarion.event import Event as StoredEvent
from clarion.explanation import Progress
from clarion.severity import Severity
from clarion.simulation.preview import Preview as Previewed
from clarion.store.told import Told as ToldRecord


def _label(value: Any) -> Any:
    return value.label if isinstance(value, Severity) else value


SeverityName = Annotated[str, BeforeValidator(_label), Field(examples=["action"])]


class Shape(BaseModel):
    model_config = ConfigDict(from_attributes=True, extra="forbid")


class Id(Shape):
    id: UUID


class Ids(Shape):
    ids: list[UUID] = Field(description="In the order in which they were sent.")


# ── Events ───────────────────────────────────────────────────────────────────────────────────────────────


class Event(Shape):
    """An event, and how far it has been told."""

    id: UUID
    type: str
    actor: str | None
    subject: str | None
    thread: str | None
    to: dict[str, list[Any]] = Field(description="Whom it names, by reason.")
    topic: str | None
    severity: SeverityName | None
    key: str | None
    condition: str | None
    tags: list[str]
    channels: list[str] | None
    data: dict[str, Any]
    url: str | None
    at: datetime
    expires_at: datetime | None
    emitted_at: datetime
    correlation_id: str
    decided: bool = Field(description="Whether everybody in its audience has been decided on.")
    failure: str | None
    withdrawn_at: datetime | None
    resolved_at: datetime | None
    repeat_of: UUID | None

    @classmethod
    def of(cls, event: StoredEvent, progress: Progress) -> Self:
        named = ("id", "type", "actor", "subject", "thread", "topic", "severity", "key", "condition", "tags")
        more = ("channels", "data", "url", "at", "expires_at", "emitted_at", "correlation_id")
        since = ("failure", "withdrawn_at", "resolved_at", "repeat_of")
        return cls(
            **{name: getattr(event, name) for name in (*named, *more)},
            **{name: getattr(progress, name) for name in since},
            to=dict(event_.audience_json(event.to)),
            decided=progress.walked,
        )


class Counts(Shape):
    """How many were told of an event and how many were not, and how its deliveries stand."""

    complete: bool
    total: int
    told: int
    suppressed: int
    inbox: int
    deliveries: int
    waiting: int
    held: int
    sending: int
    sent: int
    failed: int
    dropped: int
    cancelled: int


class Told(Shape):
    """Somebody who was decided on, and how each channel stands."""

    recipient: str
    reason: str
    inbox: bool
    gates: list[str]
    sent_at: dict[str, datetime]
    unsent: dict[str, State]
    due_at: dict[str, datetime]
    decided_at: datetime | None

    @classmethod
    def of(cls, one: ToldRecord) -> Self:
        names = ("recipient", "reason", "sent_at", "unsent", "due_at", "decided_at")
        return cls(
            **{name: getattr(one, name) for name in names},
            inbox=one.visible,
            gates=list(gates.names_in(one.gates)),
        )


class Status(Shape):
    recipients: list[Told]
    next: str | None = Field(
        description="To be sent as `after` for those that follow; null: these are the last."
    )


class Attempt(Shape):
    n: int
    at: datetime
    result: str
    final: bool
    code: str | None
    detail: str | None
    duration_ms: int | None
    receipt: str | None


class Delivery(Shape):
    id: UUID
    channel: str
    address: str | None
    state: State
    due_at: datetime | None
    attempts: list[Attempt]


class ChannelWhy(Shape):
    channel: str
    told: bool
    gate: str | None
    values: dict[str, Any]
    sentence: str
    until: datetime | None
    preference: str | None


class Explanation(Shape):
    """Why somebody was told of an event, or was not."""

    recipient: str
    told: bool
    reason: str | None
    sentence: str
    sources: list[str]
    channels: list[ChannelWhy]
    deliveries: list[Delivery]
    notes: list[str]
    still_so: bool
    decided_at: datetime | None
    repeat_of: UUID | None


class Preview(Shape):
    """What an event would become if it were emitted now. Nothing is stored."""

    at: datetime
    sources: list[str]
    recipients: list[Explanation]
    more: bool = Field(description="Whether there are others in its audience.")
    already: UUID | None = Field(description="The event that stands for its key, so that this would be none.")
    repeat_of: UUID | None = Field(description="The event that opened its condition, which is open.")

    @classmethod
    def of(cls, found: Previewed) -> Self:
        names = ("at", "sources", "more", "already", "repeat_of")
        explained = [Explanation.model_validate(one) for one in found.explanations]
        return cls(**{name: getattr(found, name) for name in names}, recipients=explained)


class OpenCondition(Shape):
    condition: str
    event_id: UUID
    severity: SeverityName
    opened_at: datetime
    repeats: int
    last_at: datetime


class OpenConditions(Shape):
    conditions: list[OpenCondition]


class EventType(Shape):
    """A declared kind of event."""

    code: str
    category: str
    description: str
    severity: SeverityName
    channels: list[str]
    required: bool
    enabled: bool


class EventTypes(Shape):
    types: list[EventType]


# ── Sessions and health ──────────────────────────────────────────────────────────────────────────────────


class Session(Shape):
    """Who is signed in. `csrf` is to be sent as `Clarion-CSRF` with whatever changes something."""

    tenant: str
    name: str
    scopes: list[str]
    ends: datetime
    csrf: str


class Health(Shape):
    status: str = Field(examples=["ok"])


class Refusal(BaseModel):
    """RFC 9457. `type` tells kinds apart; docs/http.md explains each."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:clarion:problem:invalid"])
    title: str
    status: int
    detail: str = Field(description="What was wrong, with the value, and what to do.")
