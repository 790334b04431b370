"""What happened to an event and to those it was for, as one line of moments across channels. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from clarion.delivery import Result, State
from clarion.event import Event
from clarion.explanation import Attempt, ChannelWhy, DeliveryRecord, NotificationRecord, Progress
from clarion.question import INBOX

Tone = Literal["plain", "good", "bad", "waiting", "quiet"]

_MARKS = {
    "seen": "was shown",
    "read": "read",
    "done": "set aside as done",
    "saved": "saved for later",
    "deleted": "deleted",
}
_ENDS: dict[str, tuple[str, Tone]] = {
    Result.SENT: ("sent", "good"),
    Result.RETRY: ("tried, and to be tried again", "waiting"),
    Result.FAILED: ("failed", "bad"),
    Result.DOWN: ("not tried: the provider was out of reach", "waiting"),
    Result.GIVEN_BACK: ("given back unsent", "quiet"),
    Result.HELD: ("held", "waiting"),
    Result.LOST: ("lost with the process that was sending it", "bad"),
    Result.REPLAYED: ("put back into the queue", "plain"),
    Result.SUPPRESSED: ("no longer wanted when its turn came", "quiet"),
    Result.CANCELLED: ("cancelled", "quiet"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened, or will: `recipient` and `channel` where it is one's, or on one.

    `more`: what others said of it, as the detail of an error. `ahead`: it has not come yet.
    """

    at: datetime
    said: str
    tone: Tone = "plain"
    recipient: str | None = None
    channel: str | None = None
    code: str | None = None
    more: str | None = None
    delivery: UUID | None = None
    ahead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """A withdrawal that bears on an event: of itself, of its subject, or of its condition; for one, or for all."""

    at: datetime
    what: Literal["event", "subject", "condition"]
    recipient: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The condition that an event opened: how often it was said again, and how it went on."""

    repeats: int
    last_at: datetime
    escalations: int
    escalated_by: UUID | None
    escalate_at: datetime | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One recipient of an event: what is stored, and each channel in words."""

    record: NotificationRecord
    channels: tuple[ChannelWhy, ...]


def of_event(
    event: Event,
    progress: Progress,
    walked_at: datetime | None,
    taken_back: Sequence[TakenBack],
    condition: Said | None,
    now: datetime,
) -> list[Moment]:
    """What happened to the event itself, in order."""
    by = f" by {event.actor}" if event.actor else ""
    found = [Moment(at=event.emitted_at, said=f"emitted{by}")]
    if event.at > event.emitted_at:
        found.append(Moment(at=event.at, said="due", tone="waiting", ahead=event.at > now))
    if progress.due_at is not None and progress.failures:
        tried = f"its audience could not be worked out ({progress.failures} times); tried again"
        found.append(Moment(at=progress.due_at, said=tried, tone="bad", ahead=progress.due_at > now))
    if walked_at is not None and progress.failure is None and progress.repeat_of is None:
        found.append(Moment(at=walked_at, said="everybody in its audience had been decided on"))
    if walked_at is not None and progress.repeat_of is not None:
        counted = "counted as a repeat: its condition was open already"
        found.append(Moment(at=walked_at, said=counted, tone="quiet"))
    if progress.failure is not None:
        given_up = "given up: its audience could not be worked out"
        at = walked_at or event.at
        found.append(Moment(at=at, said=given_up, tone="bad", more=progress.failure))
    found += [_taken_back(one) for one in taken_back]
    if event.expires_at is not None:
        found.append(Moment(at=event.expires_at, said="expired", tone="quiet", ahead=event.expires_at > now))
    return sorted([*found, *_condition(condition, now)], key=lambda moment: moment.at)


def _taken_back(one: TakenBack) -> Moment:
    whose = "" if one.recipient is None else f" for {one.recipient}"
    what = {
        "event": f"cancelled{whose}",
        "subject": f"its subject was withdrawn{whose}",
        "condition": "its condition was resolved",
    }
    return Moment(at=one.at, said=what[one.what], tone="quiet")


def _condition(said: Said | None, now: datetime) -> Iterator[Moment]:
    if said is None:
        return
    if said.repeats:
        times = "once" if said.repeats == 1 else f"{said.repeats:,} times"
        yield Moment(at=said.last_at, said=f"its condition was said again, {times} by now", tone="quiet")
    if said.escalate_at is not None and said.resolved_at is None:
        yield Moment(at=said.escalate_at, said="escalates", tone="waiting", ahead=said.escalate_at > now)


def of_people(people: Iterable[Person], now: datetime) -> list[Moment]:
    """What happened to each of these, in order."""
    found = [moment for person in people for moment in _of(person, now)]
    return sorted(found, key=lambda moment: moment.at)


def _of(person: Person, now: datetime) -> Iterator[Moment]:
    record = person.record
    who = record.recipient
    told = [why.channel for why in person.channels if why.told]
    said = f"to be told on {', '.join(told)}" if told else "not told on any channel"
    again = ", decided on again" if record.decided_at is not None else ""
    yield Moment(
        at=record.decided_at or record.created_at,
        said=f"{said} ({record.reason}){again}",
        tone="plain" if told else "quiet",
        recipient=who,
        more="; ".join(f"{why.channel}: {why.sentence}" for why in person.channels if why.gate) or None,
    )
    for mark, at in record.marks.items():
        yield Moment(at=at, said=_MARKS[mark], tone="good", recipient=who, channel=INBOX)
    for said, ended in (("withdrawn", record.withdrawn_at), ("resolved", record.resolved_at)):
        if ended is not None:
            yield Moment(at=ended, said=said, tone="quiet", recipient=who, channel=INBOX)
    for delivery in record.deliveries:
        yield from _delivery(who, delivery, now)


def _delivery(who: str, delivery: DeliveryRecord, now: datetime) -> Iterator[Moment]:
    for attempt in delivery.attempts:
        yield _attempt(who, delivery, attempt)
    if delivery.due_at is not None and delivery.state is State.WAITING:
        yield Moment(
            at=delivery.due_at,
            said="to be tried" if not delivery.attempts else "to be tried again",
            tone="waiting",
            recipient=who,
            channel=delivery.channel,
            delivery=delivery.id,
            ahead=delivery.due_at > now,
        )


def _attempt(who: str, delivery: DeliveryRecord, attempt: Attempt) -> Moment:
    said, tone = _ENDS[attempt.result]
    return Moment(
        at=attempt.at,
        said=said,
        tone=tone,
        recipient=who,
        channel=delivery.channel,
        code=attempt.code,
        more=attempt.detail or attempt.receipt,
        delivery=delivery.id,
    )
