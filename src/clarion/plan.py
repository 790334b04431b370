"""Planning: from an event and a page of candidates to decisions. Pure; the only place where it is decided.

What this answers is what runs, what `explain` shows, what `simulate` previews and what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from clarion.circumstances import Candidate, Circumstances, Facts, Taking
from clarion.event import Event
from clarion.event_type import EventType
from clarion.gates import BITS, CHARGES, REFUSALS, TIME_GATES, Decision, Hold, Suppress, expired_at
from clarion.question import INBOX, Charged, Place, Question, plain
from clarion.recipient import STANDING, Recipient, StoredAddress
from clarion.severity import Severity
from clarion.slot import FREE, HOLDS, OWES, Charge, Slots


class Answer(NamedTuple):
    """To one of the plan's questions: what all who ask it share."""

    question: Question
    n: int  # index into the plan's questions
    decisions: tuple[Decision, ...]
    visible: bool
    told: frozenset[str]  # the channels on which something goes out, now or at its time
    gates: int
    keeping: tuple[Charged, ...]  # slots that it holds already


class Planned(NamedTuple):
    """One notification to write, the addresses to deliver it to, and the slots that it takes."""

    candidate: Candidate
    answer: Answer
    addresses: tuple[StoredAddress, ...]
    taking: tuple[Taking, ...] = ()

    @property
    def severity(self) -> Severity:
        return self.answer.question.severity

    @property
    def question(self) -> int:
        return self.answer.n

    @property
    def decisions(self) -> tuple[Decision, ...]:
        return self.answer.decisions

    @property
    def visible(self) -> bool:
        return self.answer.visible

    @property
    def gates(self) -> int:
        return self.answer.gates

    def decision(self, channel: str) -> Decision | None:
        for decision in self.decisions:
            if decision.channel == channel:
                return decision
        return None

    def slots_on(self, channel: str) -> int:
        """What a delivery on this channel has to do with slots."""
        decision = self.decision(channel)
        if decision is not None and decision.owes:
            return OWES
        if not self.taking and not self.answer.keeping:
            return FREE
        holds: tuple[Charge | Charged, ...] = (
            *(taking.charge for taking in self.taking),
            *self.answer.keeping,
        )
        return HOLDS if any(charge.concerns(channel) for charge in holds) else FREE


@dataclass(slots=True)
class Plan:
    """The answers for one page: each distinct question once, and a notification for each candidate."""

    questions: list[Question] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)  # to the questions
    planned: list[Planned] = field(default_factory=list)
    blocked: set[tuple[str, str]] = field(
        default_factory=set
    )  # (recipient, key) that had no room for somebody


def decide(question: Question) -> tuple[Decision, ...]:
    """For each channel, the verdict of the first gate that objects; or the last instant to which one holds it."""
    return tuple(_decide_on(question, place) for place in question.places)


def _decide_on(question: Question, place: Place) -> Decision:
    for gate in REFUSALS:
        refusal = gate(question, place)
        if refusal is not None:
            return Decision(place.channel, gate.__name__, refusal)
    decision = _in_time(question, place)
    for charging in CHARGES:
        verdict = charging(question, place)
        if isinstance(verdict, Suppress):
            return Decision(place.channel, charging.__name__, verdict)
        if verdict is not None:
            later = decision.until is None or verdict.until > decision.until
            gate_, hold = (charging.__name__, verdict) if later else (decision.gate, decision.verdict)
            decision = Decision(place.channel, gate_, hold, owes=True)
    if decision.until is not None:
        too_late = expired_at(question, place, decision.until)
        if too_late is not None:  # what could only be held until it is worth nothing is not held
            values = {**too_late.values, "held_by": decision.gate}
            return Decision(place.channel, "expired", Suppress(values))
    return decision


def _in_time(question: Question, place: Place) -> Decision:
    """When it may go out at the earliest: the time gates, until none moves it any more."""
    at, decision = question.now, Decision(place.channel)
    moved = True
    while moved:
        moved = False
        for gate in TIME_GATES:
            hold = gate(question, place, at)
            if hold is not None and hold.until > at:
                at, moved = hold.until, True
                decision = Decision(place.channel, gate.__name__, hold)
    return decision


def plan(event: Event, type: EventType, page: Iterable[Candidate], facts: Facts, now: datetime) -> Plan:
    """Decide on everybody in `page`; equal questions are asked once. Slots are taken from `facts.slots`."""
    result = Plan()
    asking = Circumstances(event, type, facts, now)
    answers: dict[object, Answer] = {}
    asked: dict[Question, Answer] = {}
    for candidate in page:
        who = candidate.recipient
        recipient = facts.recipients.get(who) or _stranger(candidate)
        stored = facts.addresses.get(who, ())
        said = facts.preferences.get(who, ())
        watches = facts.watches.get(who, ())
        access = None if facts.with_access is None else who in facts.with_access
        silences = asking.silences_for(who) if asking.silences else ()
        charged = asking.charged(candidate, said) if asking.rules else ()
        alike = (
            candidate.reason,
            who == event.actor,
            candidate.one_off is not None,
            candidate.read,
            candidate.withdrawn,
            candidate.resolved,
            recipient[STANDING],
            access,
            tuple([(address.channel, address.gone) for address in stored]) if stored else (),
            tuple(said) if said else (),
            tuple(watches) if watches else (),
            silences,
            tuple([id(charge) for charge in charged]) if charged else (),  # equal ones are the very same
        )
        answer = answers.get(alike)
        if answer is None:
            question = asking.question(candidate, recipient, stored, said, watches, access, silences, charged)
            if len(asked) < len(result.questions):  # hashed once there is another: most events have one only
                asked[result.questions[-1]] = result.answers[-1]
            # What differs between two candidates may bear on nothing that is asked.
            known = asked.get(question) if asked else None
            if known is None:
                known = _answer(question, len(result.questions))
                result.questions.append(question)
                result.answers.append(known)
            answer = answers[alike] = known
        taking: tuple[Taking, ...] = ()
        if charged:
            taking = asking.take(who, answer.question, answer.n, answer.decisions, result.blocked)
        result.planned.append(_planned(candidate, answer, stored, taking))
    return result


def _stranger(candidate: Candidate) -> Recipient:
    """Who has no row: known only where the event itself gave the address."""
    one_off = candidate.one_off
    return Recipient(
        id=candidate.recipient, known=one_off is not None, locale=one_off.locale if one_off else None
    )


def _answer(question: Question, n: int) -> Answer:
    decisions = decide(question)
    gates = 0
    for decision in decisions:
        if decision.gate is not None:
            gates |= BITS[decision.gate]
    told = {decision.channel for decision in decisions if decision.told}
    return Answer(
        question=question,
        n=n,
        decisions=decisions,
        told=frozenset(told - {INBOX}),  # a row of its own, never a delivery, whatever address may be stored
        visible=INBOX in told,
        gates=gates,
        keeping=tuple([c for c in question.charges if c.mine]),
    )


def _planned(
    candidate: Candidate, answer: Answer, stored: Sequence[StoredAddress], taking: tuple[Taking, ...]
) -> Planned:
    told = answer.told
    addresses = tuple([a for a in stored if a.channel in told and not a.gone]) if stored and told else ()
    return Planned(candidate, answer, addresses, taking)


def ask_again(
    event: Event, type: EventType, candidate: Candidate, question: Question, slots: Slots
) -> tuple[Question, Planned]:
    """A question of before as it stands with these slots, which are taken from, and its answer: for a replay."""
    facts = Facts(recipients={}, addresses={}, preferences={}, enabled_since={}, slots=slots)
    asking = Circumstances(replace(event, severity=question.severity), type, facts, question.now)
    charges = asking.charges(tuple(place.channel for place in question.places))
    question = question._replace(charges=tuple([asking.stands(candidate, charge) for charge in charges]))
    answer = _answer(question, 0)
    taking = asking.take(candidate.recipient, question, 0, answer.decisions, set())
    return question, _planned(candidate, answer, (), taking)


def verdicts_json(decisions: Iterable[Decision]) -> dict[str, Any] | None:
    """What is stored of the decisions that were not "told now": channel → [gate, values], and [..., until] of a hold."""
    stored = {}
    for d in decisions:
        if d.verdict is not None:
            values = {name: plain(value) for name, value in d.verdict.values.items()}
            until = [d.verdict.until.isoformat()] if isinstance(d.verdict, Hold) else []
            stored[d.channel] = [d.gate, values, *until]
    return stored or None
