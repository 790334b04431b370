"""Explaining: why somebody did, or did not, get something. Pure; the decision is asked again, not retold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from clarion.delivery import State
from clarion.event import Event
from clarion.plan import decide, verdicts_json
from clarion.question import Question
from clarion.recipient import Address
from clarion.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the fan-out of an event is."""

    walked: bool
    failure: str | None
    failures: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one claim of a delivery ended."""

    n: int
    at: datetime
    result: str
    final: bool
    code: str | None
    detail: str | None
    duration_ms: int | None
    receipt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """One delivery and all that happened to it."""

    id: UUID
    channel: str
    address: str | None
    state: State
    due_at: datetime | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRecord:
    """What is stored about one recipient of one event."""

    id: UUID
    recipient: str
    reason: str
    severity: Severity
    visible: bool
    verdicts: Mapping[str, Any]
    question: Question
    created_at: datetime
    read_at: datetime | None
    deliveries: tuple[DeliveryRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelWhy:
    """One channel: told, or the gate that said otherwise with the values that mattered, and a sentence."""

    channel: str
    told: bool
    gate: str | None
    values: Mapping[str, Any]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why this recipient did, or did not, hear of this event. `reason` is None for who was not in its audience."""

    event: Event
    recipient: str
    reason: str | None
    sentence: str
    sources: tuple[str, ...]
    channels: tuple[ChannelWhy, ...] = ()
    deliveries: tuple[DeliveryRecord, ...] = ()


def explain(
    event: Event, progress: Progress, has_resolver: bool, recipient: str, record: NotificationRecord | None
) -> Explanation:
    """The explanation. Raises `AssertionError` if the stored verdicts are not what the question answers."""
    sources = _sources(event, has_resolver)
    if record is None:
        return Explanation(
            event=event,
            recipient=recipient,
            reason=None,
            sentence=_not_told(progress, recipient, sources),
            sources=sources,
        )
    decisions = decide(record.question)
    if (verdicts_json(decisions) or {}) != record.verdicts:
        raise AssertionError(
            f"notification {record.id}: its stored verdicts are not what its question answers"
        )
    return Explanation(
        event=event,
        recipient=recipient,
        reason=record.reason,
        sentence=f"{recipient} was in the audience, the strongest reason being {record.reason!r}",
        sources=sources,
        channels=tuple(
            ChannelWhy(
                channel=d.channel,
                told=d.told,
                gate=d.gate,
                values=(record.verdicts.get(d.channel) or [None, {}])[1],
                sentence="told"
                if d.gate is None or d.verdict is None
                else SENTENCES[d.gate](d.verdict.values),
            )
            for d in decisions
        ),
        deliveries=record.deliveries,
    )


def _sources(event: Event, has_resolver: bool) -> tuple[str, ...]:
    named = [f"{reason}: {', '.join(map(_name, people)) or 'nobody'}" for reason, people in event.to]
    resolver = [f"resolver of {event.type}"] if has_resolver else []
    topic = [f"subscribers of {event.topic}"] if event.topic else []
    return (*named, *resolver, *topic)


def _name(who: str | Address) -> str:
    return who if isinstance(who, str) else f"{who.value} ({who.channel})"


def _not_told(progress: Progress, recipient: str, sources: tuple[str, ...]) -> str:
    if progress.failure is not None:
        return f"the audience could not be worked out: {progress.failure}"
    if not progress.walked:
        when = f", due {progress.due_at.isoformat(timespec='seconds')}" if progress.due_at else ""
        tried = f" after {progress.failures} failures" if progress.failures else ""
        return f"not decided yet: the event waits for its fan-out{when}{tried}"
    if not sources:
        return f"{recipient} was not in the audience: the event named nobody and no topic"
    return f"{recipient} was not in the audience; asked were: {'; '.join(sources)}"


def _active(v: Mapping[str, Any]) -> str:
    if v.get("known") is False:
        return "suppressed: there is no recipient of this id"
    return "suppressed: the recipient is inactive"


def _reachable(v: Mapping[str, Any]) -> str:
    if v.get("gone"):
        return f"suppressed: every address on this channel is dead ({v['gone']})"
    return "suppressed: the recipient has no address on this channel"


def _enabled(v: Mapping[str, Any]) -> str:
    if "narrowed" in v:
        return f"suppressed: {v['narrowed']}"
    if "configured" in v:
        return "suppressed: this channel is not enabled here"
    return f"suppressed: emitted {v['emitted_at']}, before the channel was enabled for this type ({v['enabled_since']})"


def _expired(v: Mapping[str, Any]) -> str:
    if "expires_at" in v:
        return f"suppressed: the event expired at {v['expires_at']}"
    return f"suppressed: too late, the type's max_age ended at {v['max_age_until']}"


# One sentence for each gate, from the values that mattered.
SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "expired": _expired,
    "withdrawn": lambda _: "suppressed: what it was about was withdrawn",
    "actor": lambda _: "suppressed: nobody is told what they did themselves",
    "active": _active,
    "access": lambda _: "suppressed: the recipient may not see what it is about",
    "reachable": _reachable,
    "enabled": _enabled,
    "consent": lambda v: f"suppressed: the recipient said no ({v['said_by']})",
    "severity": lambda v: (
        f"suppressed: {v['severity']} is below the recipient's {v['min_severity']} ({v['said_by']})"
    ),
    "read": lambda _: "suppressed: already read in the inbox",
}
