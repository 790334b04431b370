"""Explaining: why somebody did, or did not, get something. Pure; the decision is asked again, not retold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from clarion import own, sentences
from clarion.delivery import State
from clarion.event import Event
from clarion.own import Own, OwnChannel
from clarion.plan import decide, verdicts_json
from clarion.question import Question
from clarion.recipient import Address
from clarion.sentences import when
from clarion.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the fan-out of an event is."""

    walked: bool
    failure: str | None
    failures: int
    due_at: datetime | None
    withdrawn_at: datetime | None = None
    resolved_at: datetime | None = None
    repeat_of: UUID | None = None  # of a condition that was open: counted there, told to nobody


DECIDED = Progress(walked=True, failure=None, failures=0, due_at=None)


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
    """One delivery and all that happened to it. `address_gone_at`: since when its address is dead."""

    id: UUID
    channel: str
    address: str | None
    state: State
    due_at: datetime | None
    attempts: tuple[Attempt, ...]
    address_id: UUID | None = None
    address_gone_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The notification that holds the slot for which there was no room, and the event that it tells of."""

    notification: UUID
    event: UUID
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRecord:
    """What is stored about one recipient of one event. `question`: `None` if this version cannot read it.

    `marks`: when it was seen, read, done, saved, deleted.
    """

    id: UUID
    recipient: str
    reason: str
    severity: Severity
    visible: bool
    verdicts: Mapping[str, Any]
    question: Question | None
    created_at: datetime
    read_at: datetime | None
    deliveries: tuple[DeliveryRecord, ...]
    decided_at: datetime | None = None  # when it was decided on again
    withdrawn_at: datetime | None = None
    resolved_at: datetime | None = None
    holders: Mapping[str, Holder] = field(default_factory=dict)  # by the key of the slot
    marks: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelWhy:
    """One channel: told, or the gate that said otherwise with the values that mattered, and a sentence.

    `until`: it waits, or waited, for this instant. `preference`: the row of preferences that decided.
    """

    channel: str
    told: bool
    gate: str | None
    values: Mapping[str, Any]
    sentence: str
    until: datetime | None = None
    preference: str | None = None
    holder: Holder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why this recipient did, or did not, hear of this event. `reason` is None for who was not in its audience.

    `notes`: what happened to it since. `still_so`: whether this version would decide the same; what is shown is
    what was decided. `decided_at`: when it was decided on again, because there was room.
    """

    event: Event
    recipient: str
    reason: str | None
    sentence: str
    sources: tuple[str, ...]
    channels: tuple[ChannelWhy, ...] = ()
    deliveries: tuple[DeliveryRecord, ...] = ()
    notes: tuple[str, ...] = ()
    still_so: bool = True
    decided_at: datetime | None = None
    repeat_of: UUID | None = None
    question: Question | None = None
    by_topic: bool = False  # nothing but a subscription brought them into the audience
    decided: bool = True  # False: the event waits, or its audience could not be worked out

    @property
    def told(self) -> bool:
        """Whether any channel told, or will."""
        return any(channel.told for channel in self.channels)

    def channel(self, name: str) -> ChannelWhy | None:
        return next((channel for channel in self.channels if channel.channel == name), None)

    def own(self) -> Own:
        """The version for the recipient's own eyes, with the one change that would stop it."""
        channels = [
            OwnChannel(channel=c.channel, told=c.told, until=c.until, sentence=_own_sentence(c))
            for c in self.channels
        ]
        return own.view(
            self.event,
            self.recipient,
            self.reason,
            self.question,
            channels,
            by_topic=self.by_topic,
            decided=self.decided,
        )


def explain(
    event: Event, progress: Progress, has_resolver: bool, recipient: str, record: NotificationRecord | None
) -> Explanation:
    """The explanation. What is stored is shown, also where this version would decide otherwise."""
    sources = sources_of(event, has_resolver)
    if record is None:
        return Explanation(
            event=event,
            recipient=recipient,
            reason=None,
            sentence=_not_told(event, progress, recipient, sources),
            sources=sources,
            repeat_of=progress.repeat_of,
            decided=progress.walked or progress.repeat_of is not None,
        )
    again = _decided_again(record.question)
    return Explanation(
        event=event,
        recipient=recipient,
        reason=record.reason,
        sentence=f"{recipient} was in the audience, the strongest reason being {record.reason!r}",
        sources=sources,
        channels=channels_of(record.question, record.verdicts, record.holders),
        deliveries=record.deliveries,
        notes=(*_since(progress, record), *_otherwise(again, record.verdicts)),
        still_so=again == record.verdicts,
        decided_at=record.decided_at,
        question=record.question,
        by_topic=by_topic(event, recipient, has_resolver),
    )


def channels_of(
    question: Question | None, verdicts: Mapping[str, Any], holders: Mapping[str, Holder]
) -> tuple[ChannelWhy, ...]:
    """In the order of the question; what only the verdicts know of comes last."""
    wanted_by = {} if question is None else {p.channel: p.wanted_by for p in question.places}
    return tuple(
        _channel(name, verdicts.get(name), wanted_by.get(name, "type"), holders)
        for name in dict.fromkeys([*wanted_by, *verdicts])
    )


def _channel(name: str, verdict: Any, wanted_by: str, holders: Mapping[str, Holder]) -> ChannelWhy:
    """From a stored verdict: [gate, values], and [..., until] of what it holds."""
    if verdict is None:
        asked = None if wanted_by == "type" else wanted_by
        return ChannelWhy(
            channel=name, told=True, gate=None, values={}, sentence=sentences.told(asked), preference=asked
        )
    gate, values, *held = verdict
    until = datetime.fromisoformat(held[0]) if held else None
    said = sentences.sentence(gate, values, until)
    holder = holders.get(str(values.get("key")))
    if holder is not None:
        said += f", by {holder.type} (event {holder.event})"
    return ChannelWhy(
        channel=name,
        told=until is not None,
        gate=gate,
        values=values,
        sentence=said if until is not None else f"suppressed: {said}",
        until=until,
        preference=_row(gate, values),
        holder=holder,
    )


def _row(gate: str, values: Mapping[str, Any]) -> str | None:
    """The row of preferences that said no, if it was one."""
    said_by = values.get("said_by") if gate in ("consent", "severity") else None
    return None if said_by in ("global switch", "silence", "type") else said_by


def _own_sentence(why: ChannelWhy) -> str:
    if why.gate is None:
        return sentences.told(why.preference, own=True)
    return sentences.sentence(why.gate, why.values, why.until, own=True)


# ── What was decided, and what happened since ────────────────────────────────────────────────────────────


def _decided_again(question: Question | None) -> Mapping[str, Any] | None:
    """What this version would store; `None` if it cannot tell."""
    try:
        return None if question is None else verdicts_json(decide(question)) or {}
    except Exception:  # noqa: BLE001 - a question of another version: what was decided is shown all the same
        return None


def _otherwise(again: Mapping[str, Any] | None, stored: Mapping[str, Any]) -> list[str]:
    if again is None:
        return ["decided by another version of Clarion, whose question this one cannot read"]
    if again == stored:
        return []
    now = channels_of(None, {name: again.get(name) for name in {**stored, **again}}, {})
    differing = [why for why in now if again.get(why.channel) != stored.get(why.channel)]
    return [
        "decided by another version of Clarion; this one would say: "
        + "; ".join(f"{why.channel}: {why.sentence}" for why in differing)
    ]


def _since(progress: Progress, record: NotificationRecord) -> list[str]:
    """What happened to the event and the notification, before it was decided on or after."""
    decided = record.decided_at or record.created_at
    said = []
    if record.decided_at is not None:
        said.append(f"decided on again at {when(record.decided_at)}, because there was room for it")
    for what, at in (
        ("withdrawn", record.withdrawn_at or progress.withdrawn_at),
        ("resolved", record.resolved_at or progress.resolved_at),
    ):
        if at is not None:
            said.append(f"{what} at {when(at)}, {'before' if at <= decided else 'after'} it was decided on")
    return said


# ── Who was asked for the audience ───────────────────────────────────────────────────────────────────────


def sources_of(event: Event, has_resolver: bool) -> tuple[str, ...]:
    """Who was asked for the audience of an event, in words."""
    named = [f"{reason}: {', '.join(map(_name, people)) or 'nobody'}" for reason, people in event.to]
    resolver = [f"resolver of {event.type}"] if has_resolver else []
    topic = [f"subscribers of {event.topic}"] if event.topic else []
    return (*named, *resolver, *topic)


def _name(who: object) -> str:
    return f"{who.value} ({who.channel})" if isinstance(who, Address) else str(who)


def by_topic(event: Event, recipient: str, has_resolver: bool) -> bool:
    """Whether only a subscription can have brought this recipient into the audience."""
    asked = [who for _, people in event.to for who in people]
    if event.topic is None or has_resolver or not all(isinstance(who, str | Address) for who in asked):
        return False  # a resolver or a group may have named them as well
    return recipient not in {who.recipient if isinstance(who, Address) else who for who in asked}


def _not_told(event: Event, progress: Progress, recipient: str, sources: tuple[str, ...]) -> str:
    if progress.repeat_of is not None:
        return (
            f"nobody was told: {event.condition!r} was open already, and this repeat was counted at the event "
            f"that opened it, {progress.repeat_of}"
        )
    if progress.failure is not None:
        return f"the audience could not be worked out: {progress.failure}"
    if not progress.walked:
        due = f", due {when(progress.due_at)}" if progress.due_at else ""
        tried = f" after {progress.failures} failures" if progress.failures else ""
        return f"not decided yet: the event waits for its fan-out{due}{tried}"
    if progress.withdrawn_at is not None:
        return f"{recipient} was not told: the event was withdrawn at {when(progress.withdrawn_at)}"
    if not sources:
        return f"{recipient} was not in the audience: the event named nobody and no topic"
    return f"{recipient} was not in the audience; asked were: {'; '.join(sources)}"
