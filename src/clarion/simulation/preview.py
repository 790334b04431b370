"""What an event would become if it were emitted now. Nothing is written.

Who would be told is found, and decided, by the code that does so in earnest: here it is only not written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion.circumstances import Candidate, Facts, severity_of
from clarion.event import Event
from clarion.event_type import EventType
from clarion.explanation import DECIDED, Explanation, NotificationRecord, explain, sources_of
from clarion.plan import Plan, Planned, plan, verdicts_json
from clarion.recipient import StoredAddress
from clarion.store import conditions, dialect, records
from clarion.store.database import Database
from clarion.workers import audience, facts, pages
from clarion.workers.audience import Crowd
from clarion.workers.facts import Asked
from clarion.workers.wiring import Wiring

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an event would become. `explanations`: of its audience, strongest reason first, as far as asked for.

    `at`: when it would be decided on; what is known is what is known now. `sources`: who was asked for the
    audience. `more`: it goes on. `already`: the event that stands for its key, so that this would be none;
    `repeat_of`: the event that opened its condition, which is open, so that this would be counted there.
    """

    event: Event
    at: datetime
    sources: tuple[str, ...]
    explanations: tuple[Explanation, ...]
    more: bool
    already: UUID | None
    repeat_of: UUID | None


def simulate(wiring: Wiring, event: Event, *, recipient: str | None, most: int) -> Preview:
    """Preview an event for its audience, at most so many, or for one recipient, who need not be in it.

    The type's resolver and access check are called, here and now; what they raise comes through.
    """
    type, database = wiring.types[event.type], wiring.database
    has_resolver = type.resolver is not None
    at, already, repeat_of = database.read(lambda conn: _standing(conn, event, wiring.types))
    walked = _audience(wiring, event, type) if repeat_of is None else iter(())
    if recipient is not None:
        walked = (candidate for candidate in walked if candidate.recipient == recipient)
    told = list(islice(walked, most))
    explanations: list[Explanation] = []
    for start in range(0, len(told), _PAGE):
        page = told[start : start + _PAGE]
        answers = plan(event, type, page, _facts(wiring, event, type, page, at), at)
        explanations += [_explained(event, type, answers, planned, at) for planned in answers.planned]
    if recipient is not None and not told:
        progress = replace(DECIDED, repeat_of=repeat_of)
        explanations.append(explain(event, progress, has_resolver, recipient, None))
    return Preview(
        event=event,
        at=at,
        sources=sources_of(event, has_resolver),
        explanations=tuple(explanations),
        more=next(walked, None) is not None,
        already=already,
        repeat_of=repeat_of,
    )


def _standing(
    conn: Connection, event: Event, types: Mapping[str, EventType]
) -> tuple[datetime, UUID | None, UUID | None]:
    """When it would be decided on, and what stands already: for its key, and for its condition."""
    stored = None if event.key is None else records.event_by_key(conn, event.tenant, event.key)
    opened = [] if event.condition is None else conditions.opened(conn, event.tenant, event.condition, types)
    severity = severity_of(event, types[event.type])
    counted = [o.event_id for o in opened if o.condition == event.condition and o.severity >= severity]
    return (
        max(dialect.read_now(conn), event.at),
        None if stored is None else stored[0].id,
        counted[0] if counted else None,
    )


# ── Who ──────────────────────────────────────────────────────────────────────────────────────────────────


def _audience(wiring: Wiring, event: Event, type: EventType) -> Iterator[Candidate]:
    """Everybody once, with the strongest reason."""
    seen: set[str] = set()
    for entry in audience.entries(audience.steps(event, type, wiring.application), event.topic):
        for candidate in _members(wiring.database, event, entry) if isinstance(entry, Crowd) else (entry,):
            if candidate.recipient not in seen:
                seen.add(candidate.recipient)
                yield candidate


def _members(database: Database, event: Event, crowd: Crowd) -> Iterator[Candidate]:
    """A crowd, read page after page as far as it is asked for."""
    after: str | None = ""
    while after is not None:
        page = database.read(
            lambda conn, after=after: pages.members(conn, event, crowd, after=after, most=_PAGE)  # type: ignore[misc]  # bound here
        )
        yield from page
        after = page[-1].recipient if len(page) == _PAGE else None


# ── What is known, and what it comes to ──────────────────────────────────────────────────────────────────


def _facts(wiring: Wiring, event: Event, type: EventType, page: Sequence[Candidate], at: datetime) -> Facts:
    ids = [candidate.recipient for candidate in page]
    allowed = None if type.access is None else frozenset(type.access(event, ids, wiring.application))
    asked = Asked(event=event, type=type, recipients=ids, with_access=allowed)
    (known,), _ = wiring.database.read(lambda conn: facts.read(conn, [asked], at, lock=False))
    return replace(known, addresses=_with_one_offs(known, page, event.id))


def _with_one_offs(known: Facts, page: Sequence[Candidate], id: UUID) -> dict[str, Sequence[StoredAddress]]:
    """With the addresses of nobody that would be written first; `id` stands for theirs."""
    addresses = dict(known.addresses)
    for candidate in page:
        new, stored = candidate.one_off, addresses.get(candidate.recipient, ())
        if new is not None and (new.channel, new.value) not in {(a.channel, a.value) for a in stored}:
            given = StoredAddress(id=id, channel=new.channel, value=new.value, locale=new.locale)
            addresses[candidate.recipient] = [*stored, given]
    return addresses


def _explained(event: Event, type: EventType, answers: Plan, planned: Planned, at: datetime) -> Explanation:
    """What `why` would say of it."""
    record = NotificationRecord(
        id=event.id,
        recipient=planned.candidate.recipient,
        reason=planned.candidate.reason,
        severity=planned.severity,
        visible=planned.visible,
        verdicts=verdicts_json(planned.decisions) or {},
        question=answers.questions[planned.question],
        created_at=at,
        read_at=None,
        deliveries=(),
    )
    return explain(event, DECIDED, type.resolver is not None, record.recipient, record)
