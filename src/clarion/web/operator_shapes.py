"""How what operators look for, choose and do looks in answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BeforeValidator, Field

from clarion import silence as silence_
from clarion.api_key import Issued as IssuedKey
from clarion.delivery import State
from clarion.selection import Selection as ChosenDeliveries
from clarion.silence import Silence as Said
from clarion.sought import FullDelivery as WholeDelivery
from clarion.sought import Page
from clarion.web.shapes import Attempt, Explanation, SeverityName, Shape

_NEXT = Field(description="To be sent as `cursor` for those that follow; null: these are the last.")
_SHORT = (
    "A page may be shorter than asked for, even empty, and have a `next`: where a filter lets little pass."
)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


class Total(Shape):
    """How many there are; at least so many, where it is not exact."""

    number: int
    exact: bool


class Found(Shape):
    """A page of a search."""

    next: str | None = Field(description=f"To be sent as `cursor` for those that follow. {_SHORT}")
    total: Total | None = Field(description="If it was asked for.")


class EventFound(Shape):
    id: UUID
    type: str
    actor: str | None
    subject: str | None
    thread: str | None
    key: str | None
    condition: str | None
    severity: SeverityName | None
    correlation_id: str
    emitted_at: datetime
    at: datetime
    state: str = Field(examples=["decided"])
    failure: str | None
    due_at: datetime | None


class EventsFound(Found):
    events: list[EventFound]


class NotificationFound(Shape):
    """`gates`: those that said no, or not yet, on some channel."""

    id: UUID
    event: UUID
    recipient: str
    type: str
    subject: str | None
    reason: str
    severity: SeverityName
    gates: Annotated[list[str], BeforeValidator(_listed)]
    told: bool
    visible: bool
    created_at: datetime
    read_at: datetime | None
    withdrawn_at: datetime | None
    resolved_at: datetime | None


class NotificationsFound(Found):
    notifications: list[NotificationFound]


class DeliveryFound(Shape):
    """`code`, `detail` and `at`: of its last outcome."""

    id: UUID
    event: UUID
    notification: UUID
    recipient: str
    type: str
    channel: str
    lane: str | None
    state: State
    code: str | None
    detail: str | None
    at: datetime | None
    attempts: int
    due_at: datetime | None
    created_at: datetime


class DeliveriesFound(Found):
    deliveries: list[DeliveryFound]


class FullDelivery(DeliveryFound):
    """One delivery, with all that became of it and why there is one."""

    address: str | None
    address_id: UUID | None
    address_gone_at: datetime | None
    expires_at: datetime | None
    outcomes: list[Attempt]
    explanation: Explanation

    @classmethod
    def of(cls, found: WholeDelivery) -> Self:
        names = tuple(DeliveryFound.model_fields)
        more = ("address", "address_id", "address_gone_at", "expires_at")
        return cls(
            **{name: getattr(found.delivery, name) for name in names},
            **{name: getattr(found, name) for name in more},
            outcomes=[Attempt.model_validate(one) for one in found.attempts],
            explanation=Explanation.model_validate(found.explanation),
        )


class Hit(Shape):
    """What a text may stand for. `id` is the text itself, of a condition or a subject."""

    kind: str = Field(examples=["event"])
    id: str
    event: UUID | None
    recipient: str | None


class Hits(Shape):
    hits: list[Hit]


# ── Selections ───────────────────────────────────────────────────────────────────────────────────────────


class SelectionGroup(Shape):
    """Deliveries that stand alike. `refused`: why they are no members; `sample`: the newest few."""

    channel: str
    state: State
    code: str | None
    refused: str | None
    number: int
    sample: Annotated[list[UUID], BeforeValidator(_listed)]


class Selection(Shape):
    """Deliveries that were chosen, and how far it is with them."""

    id: UUID
    verb: str = Field(examples=["replay"])
    filter: dict[str, Any]
    state: str = Field(examples=["previewed"], description="previewed, expired, running or finished")
    number: int = Field(description="Of its members: to be sent with `apply`.")
    more: bool = Field(description="Whether there were others, beyond what one selection takes.")
    groups: Annotated[list[SelectionGroup], BeforeValidator(_listed)]
    excluded: dict[str, int] = Field(description="How many are no members, by reason.")
    by: str
    created_at: datetime
    expires_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    done: int
    left_alone: int = Field(description="They had changed since they were chosen.")
    finished_at: datetime | None


class Selections(Shape):
    selections: list[Selection]
    next: str | None = _NEXT

    @classmethod
    def of(cls, page: Page[ChosenDeliveries]) -> Self:
        return cls(selections=[Selection.model_validate(one) for one in page.items], next=page.next)


# ── Channels ─────────────────────────────────────────────────────────────────────────────────────────────


class Pause(Shape):
    """`lane`: empty if all of the channel pauses. `asked_for`: by an operator, and not because it was found down."""

    channel: str
    lane: str
    by: str
    asked_for: bool
    since: datetime
    until: datetime
    probes: int
    code: str | None
    detail: str | None


class Pauses(Shape):
    pauses: list[Pause]


class Channel(Shape):
    """`waiting`: deliveries of all tenants that wait there, or are being sent."""

    name: str
    configured: bool
    apart: bool
    pauses: Annotated[list[Pause], BeforeValidator(_listed)]
    waiting: Total


class Channels(Shape):
    channels: list[Channel]


class Finding(Shape):
    about: str
    level: str = Field(examples=["ok"])
    seen: str
    remedy: str | None


class Examination(Shape):
    findings: list[Finding]


class Tried(Shape):
    """One message, and whether the channel took it; if not, why, and what to do."""

    channel: str
    address: str
    passed: bool
    receipt: str | None
    code: str | None
    detail: str | None
    remedy: str | None


class Trial(Shape):
    passed: bool
    messages: list[Tried]
    left_out: dict[str, str] = Field(description="By channel, why nothing went out there.")


# ── Silences, addresses, keys ────────────────────────────────────────────────────────────────────────────


class SilenceSaid(Shape):
    id: UUID
    matches: dict[str, str]
    author: str
    comment: str
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, said: Said) -> Self:
        names = ("id", "author", "comment", "starts_at", "ends_at")
        return cls(**{name: getattr(said, name) for name in names}, matches=silence_.to_json(said.matches))


class Silences(Shape):
    silences: list[SilenceSaid]


class AddressHealth(Shape):
    id: UUID
    recipient: str
    channel: str
    value: str
    gone_at: datetime | None
    gone_reason: str | None


class Addresses(Shape):
    addresses: list[AddressHealth]
    next: UUID | None = Field(description="To be sent as `after`.")


class Key(Shape):
    """`prefix`: how its secret begins."""

    id: UUID
    name: str
    prefix: str
    scopes: Annotated[list[str], BeforeValidator(_listed)]
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class Keys(Shape):
    keys: list[Key]


class Issued(Shape):
    """A new key. `secret` is shown this once, and kept nowhere."""

    key: Key
    secret: str

    @classmethod
    def of(cls, issued: IssuedKey) -> Self:
        return cls(key=Key.model_validate(issued.key), secret=issued.secret)


class AuditLine(Shape):
    """What an operator did, or whose data they were shown."""

    id: UUID
    at: datetime
    by: str
    verb: str = Field(examples=["silence.begin"])
    on: str | None
    recipient: str | None
    details: dict[str, Any]
    correlation_id: str | None


class Audit(Shape):
    lines: list[AuditLine]
    next: str | None = _NEXT
