"""Asking again, before sending: what a claimed delivery is by now, and whether it is still wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion.delivery import Outcome, Result, suppressed, wait_while_down
from clarion.errors import storable
from clarion.event import Event
from clarion.event_type import EventType
from clarion.plan import Candidate, Facts, Planned, plan
from clarion.preference import scopes
from clarion.recipient import Address, Recipient, StoredAddress
from clarion.store import people, queue, registry
from clarion.store.queue import Claim, Work

_UNDECLARED_WAIT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed delivery that is still wanted."""

    work: Work
    event: Event
    type: EventType
    recipient: Recipient
    address: StoredAddress


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
    by_event: dict[UUID, list[Work]] = {}
    refused = []
    for work in works:
        if events[work.event_id].type in types:
            by_event.setdefault(work.event_id, []).append(work)
        else:
            refused.append((work, _left_to_others(events[work.event_id].type)))
    declared = {types[events[id].type].code: types[events[id].type] for id in by_event}
    known = people.read(
        conn,
        [(work.claim.tenant, work.recipient) for works in by_event.values() for work in works],
        [scope for type in declared.values() for scope in scopes(type)],
    )
    since = registry.enabled_since(conn, declared)
    groups = []
    for id, of_event in by_event.items():
        event, type = events[id], types[events[id].type]
        facts = known[event.tenant].facts(since.get(type.code, {}))
        groups.append(Group(event, type, of_event, facts))
    return Found(groups, refused)


def ask(group: Group, channel: str) -> tuple[list[Ready], list[tuple[Work, Outcome]]]:
    """Decide again on these deliveries: those still wanted, and why the others are not."""
    candidates = [_candidate(work, channel, group.facts) for work in group.works]
    answers = plan(group.event, group.type, candidates, group.facts, group.works[0].claim.now).planned
    ready, refused = [], []
    for work, answer in zip(group.works, answers, strict=True):
        address = next((a for a in answer.addresses if a.id == work.address_id), None)
        if address is None:
            refused.append((work, suppressed(*_why(answer, channel))))
        else:
            recipient = group.facts.recipients.get(work.recipient)
            ready.append(
                Ready(work, group.event, group.type, recipient or Recipient(id=work.recipient), address)
            )
    return ready, refused


def _candidate(work: Work, channel: str, facts: Facts) -> Candidate:
    address = next((a for a in facts.addresses.get(work.recipient, ()) if a.id == work.address_id), None)
    one_off = None
    if address is not None and work.recipient not in facts.recipients:
        given = Address(channel, address.value, address.locale)
        one_off = given if given.recipient == work.recipient else None
    return Candidate(work.recipient, work.reason, one_off, read=work.read, withdrawn=work.withdrawn)


def _why(answer: Planned, channel: str) -> tuple[str, str]:
    """The gate that refused and its values; an address that went away is one that cannot be reached."""
    decision = next((d for d in answer.decisions if d.channel == channel), None)
    if decision is None:
        return "consent", "neither the event type nor the recipient asks for this channel any more"
    if decision.gate is not None and decision.verdict is not None:
        return decision.gate, ", ".join(f"{k}={v}" for k, v in decision.verdict.values.items())
    return "reachable", "the address was removed or is dead"


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
