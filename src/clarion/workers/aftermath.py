"""What follows once decisions or outcomes are committed: they are counted, and the application's hooks are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import attrgetter

from clarion import telemetry
from clarion.delivery import Result
from clarion.ending import Ending
from clarion.event import Event
from clarion.gates import Decision
from clarion.plan import Plan
from clarion.store.outcomes import Settled, Settlement
from clarion.workers.hooks import Hooks

_HOOK_OF = {Result.SENT: "on_sent", Result.FAILED: "on_failed", Result.SUPPRESSED: "on_suppressed"}
_ATTEMPTS = frozenset({Result.SENT, Result.RETRY, Result.FAILED, Result.DOWN})
_question_of = attrgetter("answer.n")

Decided = tuple[Event, Plan, datetime]


def of_decisions(hooks: Hooks, decided: Sequence[Decided]) -> None:
    """Plans of (event, its plan, when). In terms of questions, which are few, and not of people."""
    if telemetry.COUNTING:
        telemetry.decided(_numbers(decided))
    if hooks.wanted("on_suppressed"):
        hooks.call("on_suppressed", list(_suppressed(decided)))


def _numbers(decided: Sequence[Decided]) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for _, plan, _ in decided:
        asked = Counter(map(_question_of, plan.planned))
        for answer in plan.answers:
            for decision in answer.decisions:
                found[decision.channel, decision.gate or "none", _verdict(decision)] += asked[answer.n]
    return found


def _verdict(decision: Decision) -> str:
    if not decision.told:
        return "suppress"
    return "now" if decision.until is None else "hold"


def _suppressed(decided: Sequence[Decided]) -> Iterator[Ending]:
    for event, plan, at in decided:
        refused = {
            answer.n: [decision for decision in answer.decisions if not decision.told]
            for answer in plan.answers
        }
        for told in plan.planned:
            for decision in refused[told.answer.n]:
                yield Ending(
                    tenant=event.tenant,
                    event=event.id,
                    correlation_id=event.correlation_id,
                    type=event.type,
                    recipient=told.candidate.recipient,
                    channel=decision.channel,
                    code=decision.gate,
                    at=at,
                )


def of_outcomes(hooks: Hooks, channel: str, settled: Settled) -> None:
    """Of deliveries on this channel."""
    if telemetry.COUNTING:
        _count(channel, settled)
    for result, name in _HOOK_OF.items():
        if hooks.wanted(name):
            endings = [
                _ending(one, one.event, channel, settled.at)
                for one in settled.kept
                if one.outcome.final and one.outcome.result is result and one.event is not None
            ]
            if endings:
                hooks.call(name, endings)


def _count(channel: str, settled: Settled) -> None:
    others = [one.outcome for one in settled.kept if one.outcome.result is not Result.SENT]
    sent = len(settled.kept) - len(others)  # by far the most
    ends = Counter({Result.SENT: sent} if sent else {}) + Counter(
        [o.result for o in others if o.wait is None]
    )
    telemetry.ended({(channel, result.value): number for result, number in ends.items()})
    attempts: Counter[tuple[Result, str | None]] = Counter({(Result.SENT, None): sent} if sent else {})
    attempts.update([(o.result, o.code) for o in others if o.result in _ATTEMPTS])
    telemetry.attempted(
        {(channel, result.value, code): number for (result, code), number in attempts.items()}
    )
    if settled.lost:
        telemetry.leases_lost(channel, len(settled.lost))
    telemetry.sent_after(
        channel,
        (
            settled.at - one.claim.due_at
            for one in settled.kept
            if one.outcome.result is Result.SENT and one.claim.due_at is not None
        ),
    )


def _ending(one: Settlement, event: Event, channel: str, at: datetime) -> Ending:
    return Ending(
        tenant=event.tenant,
        event=event.id,
        correlation_id=event.correlation_id,
        type=event.type,
        recipient=one.recipient,
        channel=channel,
        code=one.outcome.code,
        delivery=one.claim.delivery_id,
        address=one.address_id,
        at=at,
    )
