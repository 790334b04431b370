"""Asking again, before sending: what a claimed delivery is by now, and whether it is still wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion.circumstances import Candidate, Facts
from clarion.delivery import Claim, Outcome, Result, held, suppressed, wait_while_down
from clarion.errors import storable
from clarion.event import Event
from clarion.event_type import EventType
from clarion.message import Content
from clarion.plan import Planned, plan
from clarion.recipient import Address, Recipient, StoredAddress
from clarion.severity import Severity
from clarion.store import queue, withdrawals
from clarion.store.people import People
from clarion.store.queue import Work
from clarion.store.withdrawals import Withdrawn
from clarion.workers import facts
from clarion.workers.facts import Asked

_UNDECLARED_WAIT = timedelta(seconds=10)


class Said(NamedTuple):
    """The words of an event on a channel for all who are `Alike`."""

    locale: str
    url: str | None
    content: Content


Alike = tuple[str | None, str | None, str, Severity]  # locales of recipient and address, reason, severity


class Ready(NamedTuple):
    """A claimed delivery that is still wanted. `said`: kept by all of a group, filled as they are sent."""

    work: Work
    event: Event
    type: EventType
    recipient: Recipient
    address: StoredAddress
    said: dict[Alike, Said]


@dataclass(frozen=True, slots=True)
class Group:
    """Claimed deliveries of one event, with what the gates need to know."""

    event: Event
    type: EventType
    works: Sequence[Work]
    facts: Facts


@dataclass(slots=True)
class Found:
    """What the database says of some claims: groups to ask about, and what this process cannot send."""

    groups: list[Group]
    refused: list[tuple[Work, Outcome]]


def read(
    conn: Connection,
    claims: Sequence[Claim],
    types: Mapping[str, EventType],
    known_events: Mapping[UUID, Event],
) -> Found:
    """All that asking and sending need, in a few statements; `known_events` need not be read again."""
    works = queue.read_work(conn, claims)
    missing = {(w.claim.tenant, w.event_id) for w in works if w.event_id not in known_events}
    events = {**known_events, **(queue.read_events(conn, missing) if missing else {})}
    alike: dict[tuple[UUID, datetime | None], list[Work]] = {}
    refused = []
    for work in works:
        if events[work.event_id].type in types:
            alike.setdefault((work.event_id, work.claim.aged_from), []).append(work)
        else:
            refused.append((work, _left_to_others(events[work.event_id].type)))
    asked = [
        Asked(
            event=events[id],
            type=_aged(types[events[id].type], events[id], aged_from),
            recipients=[work.recipient for work in together],
        )
        for (id, aged_from), together in alike.items()
    ]
    said = list({(work.claim.tenant, work.recipient): None for work in works if work.said})
    known = facts.read_again(conn, asked, _people(works), said, claims[0].now)
    withdrawn = withdrawals.read(conn, [one.event for one in asked])
    groups = [
        Group(one.event, one.type, [_by_now(work, withdrawn) for work in together], facts_)
        for one, facts_, together in zip(asked, known, alike.values(), strict=True)
    ]
    return Found(groups, refused)


def _people(works: Sequence[Work]) -> dict[str, People]:
    """What was read with these works, by tenant: of the addresses, those that something is to be sent to."""
    found: dict[str, People] = {}
    for work in works:
        people = found.setdefault(work.claim.tenant, People({}, {}, {}))
        if work.known is not None:
            people.recipients[work.recipient] = work.known
        if work.address is not None:
            its = people.addresses.setdefault(work.recipient, [])
            if work.address not in its:
                its.append(work.address)
    for people in found.values():
        people.sort_addresses()
    return found


def _aged(type: EventType, event: Event, aged_from: datetime | None) -> EventType:
    """The type as it is for what was replayed past its max_age, which counts from then."""
    if aged_from is None or type.max_age is None:
        return type
    return replace(type, max_age=type.max_age + max(aged_from - event.at, timedelta()))


def _by_now(work: Work, withdrawn: Withdrawn) -> Work:
    """With what was taken back and may not be written on the notification yet."""
    taken_back = withdrawn.for_(work.event_id, work.recipient)
    resolved = work.event_id in withdrawn.resolved
    if not taken_back and not resolved:
        return work
    return work._replace(withdrawn=work.withdrawn or taken_back, resolved=work.resolved or resolved)


def ask(group: Group, channel: str) -> tuple[list[Ready], list[tuple[Work, Outcome]]]:
    """Decide again on these deliveries: those still wanted, and why the others are not."""
    candidates = [candidate(work, channel) for work in group.works]
    answers = plan(group.event, group.type, candidates, group.facts, group.works[0].claim.now).planned
    ready, refused = [], []
    said: dict[Alike, Said] = {}
    refusals: dict[int, Outcome | None] = {}  # by question
    for work, answer in zip(group.works, answers, strict=True):
        if answer.question not in refusals:
            refusals[answer.question] = refused_by(answer, channel, work.claim.now)
        refusal = refusals[answer.question]
        if refusal is not None:
            refused.append((work, refusal))
        elif work.address is None or work.address.gone:
            refused.append((work, suppressed("reachable", "the address was removed or is dead")))
        else:
            recipient = work.known or Recipient(id=work.recipient)
            ready.append(Ready(work, group.event, group.type, recipient, work.address, said))
    return ready, refused


def candidate(work: Work, channel: str) -> Candidate:
    """Who it is for, as planning takes them."""
    one_off = None
    if work.known is None and work.address is not None:
        given = Address(channel, work.address.value, work.address.locale)
        one_off = given if given.recipient == work.recipient else None
    return Candidate(
        work.recipient,
        work.reason,
        one_off,
        work.read,
        work.withdrawn,
        work.resolved,
        work.notification_id,
    )


def refused_by(answer: Planned, channel: str, now: datetime) -> Outcome | None:
    """What a gate makes of a delivery on this channel, if it may not be sent now."""
    decision = answer.decision(channel)
    if decision is None:
        return suppressed(
            "consent", "neither the event type nor the recipient asks for this channel any more"
        )
    if decision.gate is None or decision.verdict is None:
        return None
    if decision.until is not None:
        return held(decision.gate, decision.until - now)
    return suppressed(decision.gate, ", ".join(f"{k}={v}" for k, v in decision.verdict.values.items()))


def unanswered(work: Work, error: Exception) -> Outcome:
    """What becomes of a delivery whose access check failed: nothing is sent, and no attempt spent."""
    return Outcome(
        result=Result.GIVEN_BACK,
        wait=wait_while_down(work.claim.fence),
        code="access_check",
        detail=storable(str(error)),
    )


def _left_to_others(type: str) -> Outcome:
    return Outcome(
        result=Result.GIVEN_BACK,
        wait=_UNDECLARED_WAIT,
        code="undeclared_type",
        detail=f"event type {type!r} is not declared in this process",
    )
