"""Planning: from an event and a page of candidates to decisions. Pure; the only place where it is decided.

What this answers is what runs, what `explain` shows and what is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clarion.event import Event
from clarion.event_type import EventType
from clarion.gates import BITS, GATES, Verdict
from clarion.preference import Choices, Preference
from clarion.question import INBOX, Place, Question, plain
from clarion.recipient import Address, Recipient, StoredAddress
from clarion.severity import Severity


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody in the audience, with the strongest reason. `one_off` for an address without an account.

    `read` and `withdrawn` are what became of the notification, where one stands already.
    """

    recipient: str
    reason: str
    one_off: Address | None = None
    read: bool = False
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the gates need to know about a page of candidates, by recipient id."""

    recipients: Mapping[str, Recipient]
    addresses: Mapping[str, Sequence[StoredAddress]]
    preferences: Mapping[str, Sequence[Preference]]
    enabled_since: Mapping[str, datetime]  # by channel, for this event type
    with_access: Collection[str] | None = None  # None: the type does not ask


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for one channel: told now, or the gate that said otherwise."""

    channel: str
    gate: str | None = None
    verdict: Verdict | None = None

    @property
    def told(self) -> bool:
        return self.verdict is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One notification to write, and the addresses to deliver it to."""

    candidate: Candidate
    severity: Severity
    question: int  # index into the plan's questions
    decisions: tuple[Decision, ...]
    visible: bool
    gates: int
    addresses: tuple[StoredAddress, ...]


@dataclass(slots=True)
class Plan:
    """The answers for one page: each distinct question once, and a notification for each candidate."""

    questions: list[Question] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)


def decide(question: Question) -> tuple[Decision, ...]:
    """For each channel, the verdict of the first gate that objects."""
    return tuple(_decide_on(question, place) for place in question.places)


def _decide_on(question: Question, place: Place) -> Decision:
    for gate in GATES:
        verdict = gate(question, place)
        if verdict is not None:
            return Decision(place.channel, gate.__name__, verdict)
    return Decision(place.channel)


def plan(event: Event, type: EventType, page: Iterable[Candidate], facts: Facts, now: datetime) -> Plan:
    """Decide on everybody in `page`; equal questions are asked once."""
    result = Plan()
    answers: dict[object, tuple[int, tuple[Decision, ...]]] = {}
    asked: dict[Question, tuple[int, tuple[Decision, ...]]] = {}
    for candidate in page:
        recipient = facts.recipients.get(candidate.recipient) or _stranger(candidate)
        stored = facts.addresses.get(candidate.recipient, ())
        said = facts.preferences.get(candidate.recipient, ())
        access = None if facts.with_access is None else candidate.recipient in facts.with_access
        alike = (
            candidate.reason,
            candidate.recipient == event.actor,
            candidate.one_off is not None,
            candidate.read,
            candidate.withdrawn,
            recipient.known,
            recipient.active,
            recipient.enabled,
            access,
            tuple([(address.channel, address.gone) for address in stored]),
            tuple(said),
        )
        answer = answers.get(alike)
        if answer is None:
            question = _question(event, type, candidate, recipient, stored, said, facts, access, now)
            if question not in asked:  # what differs between two candidates may bear on nothing that is asked
                asked[question] = len(result.questions), decide(question)
                result.questions.append(question)
            answer = answers[alike] = asked[question]
        result.planned.append(_planned(candidate, result.questions[answer[0]], *answer, stored))
    return result


def _stranger(candidate: Candidate) -> Recipient:
    """Who has no row: known only where the event itself gave the address."""
    one_off = candidate.one_off
    return Recipient(
        id=candidate.recipient, known=one_off is not None, locale=one_off.locale if one_off else None
    )


def _planned(
    candidate: Candidate,
    question: Question,
    n: int,
    decisions: tuple[Decision, ...],
    stored: Sequence[StoredAddress],
) -> Planned:
    gates = 0
    told = set()
    for decision in decisions:
        if decision.gate is None:
            told.add(decision.channel)
        else:
            gates |= BITS[decision.gate]
    visible = INBOX in told
    told.discard(INBOX)  # a row of its own, never a delivery, whatever address somebody may have stored
    return Planned(
        candidate=candidate,
        severity=question.severity,
        question=n,
        decisions=decisions,
        visible=visible,
        gates=gates,
        addresses=tuple([a for a in stored if a.channel in told and not a.gone]) if stored and told else (),
    )


def _question(
    event: Event,
    type: EventType,
    candidate: Candidate,
    recipient: Recipient,
    stored: Sequence[StoredAddress],
    said: Sequence[Preference],
    facts: Facts,
    access: bool | None,
    now: datetime,
) -> Question:
    choices = Choices(type, said)
    on, on_by = choices.on()
    has_inbox = recipient.known and candidate.one_off is None
    return Question(
        now=now,
        type=type.code,
        required=type.required,
        severity=type.severity if event.severity is None else event.severity,
        reason=candidate.reason,
        emitted_at=event.emitted_at,
        due_at=event.at,
        expires_at=event.expires_at,
        stale_at=None if type.max_age is None else event.at + type.max_age,
        is_actor=candidate.recipient == event.actor,
        tell_actor=type.policy.tell_actor,
        known=recipient.known,
        active=recipient.active,
        withdrawn=candidate.withdrawn,
        read=candidate.read,
        unless_read=type.unless_read,
        access=access,
        switched_on=recipient.enabled,
        on=on,
        on_by=on_by,
        places=tuple(
            _place(channel, event, choices, stored, facts.enabled_since.get(channel), has_inbox)
            for channel in choices.channels()
        ),
    )


def _place(
    channel: str,
    event: Event,
    choices: Choices,
    stored: Sequence[StoredAddress],
    enabled_since: datetime | None,
    has_inbox: bool,
) -> Place:
    wanted, wanted_by = choices.wanted(channel)
    least, least_by = choices.min_severity(channel)
    here = [address.gone for address in stored if address.channel == channel]
    return Place(
        channel=channel,
        addresses=int(has_inbox) if channel == INBOX else here.count(False),
        gone=here.count(True),
        enabled_since=enabled_since,
        narrowed=event.channels is not None and channel not in event.channels,
        wanted=wanted,
        wanted_by=wanted_by,
        min_severity=least,
        min_severity_by=least_by if least is not None else None,
    )


def verdicts_json(decisions: Iterable[Decision]) -> dict[str, Any] | None:
    """What is stored of the decisions that were not "told": channel → [gate, values]."""
    stored = {
        d.channel: [d.gate, {name: plain(value) for name, value in d.verdict.values.items()}]
        for d in decisions
        if d.verdict is not None
    }
    return stored or None
