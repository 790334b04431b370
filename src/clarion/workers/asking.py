"""Asking again, before sending: what a claimed delivery is by now, and whether it is still wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    alike: dict[tuple[int, datetime | None], list[Work]] = {}  # by number: an id is hashed in Python
    for work in queue.read_work(conn, claims):
        alike.setdefault((work.event_id.int, work.claim.aged_from), []).append(work)
    firsts = [together[0] for together in alike.values()]
    missing = {(work.claim.tenant, work.event_id) for work in firsts if work.event_id not in known_events}
    events = {**known_events, **(queue.read_events(conn, missing) if missing else {})}
    asked: list[Asked] = []
    wanted: list[list[Work]] = []
    refused: list[tuple[Work, Outcome]] = []
    for first, together in zip(firsts, alike.values(), strict=True):
        event = events[first.event_id]
        if event.type in types:
            type = _aged(types[event.type], event, first.claim.aged_from)
            asked.append(Asked(event=event, type=type, recipients=[work.recipient for work in together]))
            wanted.append(together)
        else:
            refused += [(work, _left_to_others(event.type)) for work in together]
    said = list({(w.claim.tenant, w.recipient): None for works in alike.values() for w in works if w.said})
    known = facts.read_again(conn, asked, _people(alike.values()), said, claims[0].now)
    withdrawn = withdrawals.read(conn, [one.event for one in asked])
    groups = [
        Group(one.event, one.type, _by_now(together, withdrawn), facts_)
        for one, facts_, together in zip(asked, known, wanted, strict=True)
    ]
    return Found(groups, refused)


def _people(alike: Iterable[Sequence[Work]]) -> dict[str, People]:
    """What was read with these works, each of one event, by tenant: of the addresses, those that something is to be
    sent to."""
    found: dict[str, People] = {}
    for together in alike:
        people = found.setdefault(together[0].claim.tenant, People({}, {}, {}))
        for work in together:
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


def _by_now(works: Sequence[Work], withdrawn: Withdrawn) -> Sequence[Work]:
    """These, of one event, with what was taken back and may not be written on the notifications yet."""
    id = works[0].event_id
    if not withdrawn.bears_on(id):
        return works
    resolved = id in withdrawn.resolved
    return [
        work._replace(
            withdrawn=work.withdrawn or withdrawn.for_(id, work.recipient), resolved=work.resolved or resolved
        )
        for work in works
    ]


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
