"""Who should know of an event: its sources, walked strongest reason first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from clarion.errors import InvalidInput, shown
from clarion.event import Event
from clarion.event_type import EventType
from clarion.plan import Candidate
from clarion.reason import rank
from clarion.recipient import Address

Step = tuple[str, Iterable[str | Address]]


def steps(event: Event, type: EventType, application: object) -> list[Step]:
    """The sources other than the topic: what `emit` named, and what the application's resolver yields.

    Calls the application: a generator is run to its end, what it yields is not yet consumed.
    """
    resolved = [] if type.resolver is None else list(type.resolver(event, application) or ())
    for step in resolved:
        if (
            not isinstance(step, tuple)
            or len(step) != 2
            or not isinstance(step[0], str)
            or isinstance(step[1], str)
        ):
            raise InvalidInput(
                f"the resolver of {type.code!r} yielded {shown(step)}; yield (reason, list of recipient ids)"
            )
    return ranked([*event.to, *resolved])


def ranked(sources: Iterable[Step]) -> list[Step]:
    """Strongest reason first; equally strong ones as they came."""
    return sorted(sources, key=lambda step: rank(step[0]))


def candidates(sources: Iterable[Step]) -> Iterator[Candidate]:
    """Everybody in these sources once, with the first reason that named them."""
    seen: set[str] = set()
    for reason, people in sources:
        for who in people:
            if not isinstance(who, str | Address):
                raise InvalidInput(f"for {reason!r} came {shown(who)}; recipients are ids (text) or Address")
            one_off = who if isinstance(who, Address) else None
            id = who.recipient if isinstance(who, Address) else who
            if id not in seen:
                seen.add(id)
                yield Candidate(id, reason, one_off)


def page(source: Iterator[Candidate], size: int) -> list[Candidate]:
    """The next so many; empty at the end."""
    return list(islice(source, size))
