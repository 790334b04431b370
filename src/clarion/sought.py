"""What operators look for, and what they find: events, notifications and deliveries. Values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Generic, Literal, TypeVar, get_args
from uuid import UUID

from clarion.delivery import State
from clarion.errors import InvalidInput, UnknownName, shown
from clarion.event import instant, required_text
from clarion.explanation import Attempt, Explanation
from clarion.gates import BITS
from clarion.severity import Severity

EventState = Literal["waiting", "decided", "failed", "withdrawn", "resolved", "repeat"]
EVENT_STATES: tuple[EventState, ...] = get_args(EventState)
STATES = tuple(state.value for state in State)

Item = TypeVar("Item")


# ── What is looked for ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """All that is said must hold. `state`: see `FoundEvent`. `since` is included, `until` is not."""

    id: UUID | None = None
    key: str | None = None
    type: str | None = None
    subject: str | None = None
    actor: str | None = None
    correlation_id: str | None = None
    condition: str | None = None
    state: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        _check(self, state=EVENT_STATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFilter:
    """All that is said must hold. `gate`: one that said no, or not yet. `told`: by anything, on any channel."""

    id: UUID | None = None
    event: UUID | None = None
    recipient: str | None = None
    type: str | None = None
    gate: str | None = None
    told: bool | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        _check(self, gate=BITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """All that is said must hold. `code`: of the last outcome. `address`: how it begins. `lane`: where it waits.

    `since` and `until`: when it was made; of those that failed, if only these are asked for, when they did.
    """

    id: UUID | None = None
    event: UUID | None = None
    recipient: str | None = None
    channel: str | None = None
    type: str | None = None
    state: str | None = None
    code: str | None = None
    address: str | None = None
    lane: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        _check(self, state=STATES)


Filter = EventFilter | NotificationFilter | DeliveryFilter


def _check(wanted: Filter, **known: Collection[str]) -> None:
    """Raises `InvalidInput`, `UnknownName`."""
    for name in (field.name for field in fields(wanted)):
        value = getattr(wanted, name)
        if name in known and value is not None and value not in known[name]:
            raise UnknownName(name, shown(value), known[name])
        if name in ("since", "until"):
            instant(name, value)
        elif value is not None and not isinstance(value, UUID | bool):
            required_text(name, value)
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        since, until = wanted.since.isoformat(), wanted.until.isoformat()
        raise InvalidInput(f"nothing is since {since} and before {until}; say the earlier one first")


# ── What is found ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """`next`: the cursor of what follows, if there may be anything.

    A page may be shorter than asked for, even empty, and be followed by another, where a filter lets little pass.
    """

    items: tuple[Item, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Total:
    """How many there are; at least so many, where it is not exact: beyond, nobody counted."""

    number: int
    exact: bool

    def __str__(self) -> str:
        return f"{self.number:,}" if self.exact else f"{self.number:,}+"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEvent:
    """`state`: `waiting` to be decided on, its fan-out `failed`, `withdrawn`, `resolved` (its condition has ended), a
    `repeat` of a condition that was open, else `decided`. `due_at`: when it is walked, while it waits."""

    id: UUID
    type: str
    actor: str | None
    subject: str | None
    thread: str | None
    key: str | None
    condition: str | None
    severity: Severity | None
    correlation_id: str
    emitted_at: datetime
    at: datetime
    state: EventState
    failure: str | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNotification:
    """`gates`: those that said no, or not yet, on some channel. `visible`: it is, or was, an item in the inbox."""

    id: UUID
    event: UUID
    recipient: str
    type: str
    subject: str | None
    reason: str
    severity: Severity
    gates: tuple[str, ...]
    told: bool
    visible: bool
    created_at: datetime
    read_at: datetime | None
    withdrawn_at: datetime | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDelivery:
    """`lane` and `due_at`: while it waits. `code`, `detail` and `at`: of its last outcome."""

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


FoundPage = Page[FoundEvent] | Page[FoundNotification] | Page[FoundDelivery]


@dataclass(frozen=True, slots=True, kw_only=True)
class FullDelivery:
    """One delivery with all that became of it, and why there is one. `expires_at`: its type's max_age."""

    delivery: FoundDelivery
    address: str | None
    address_id: UUID | None
    address_gone_at: datetime | None
    expires_at: datetime | None
    attempts: tuple[Attempt, ...]
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What a text may stand for."""

    kind: Literal[
        "event", "notification", "delivery", "recipient", "address", "selection", "condition", "subject"
    ]
    id: str
    event: UUID | None = None
    recipient: str | None = None
