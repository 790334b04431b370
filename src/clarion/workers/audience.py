"""Who should know of an event: its sources, strongest reason first. Who is named stands in memory, a crowd never."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from clarion.circumstances import Candidate
from clarion.errors import InvalidInput, shown
from clarion.event import Event, Who
from clarion.event_type import EventType
from clarion.group import GROUPS_LIMIT, Group
from clarion.reason import WEAKEST, rank
from clarion.recipient import Address

Step = tuple[str, Iterable[Who]]


@dataclass(frozen=True, slots=True)
class Topic:
    """Those who follow a topic."""

    name: str

    def __str__(self) -> str:
        return f"topic {self.name}"


@dataclass(frozen=True, slots=True)
class Crowd:
    """A source that is read from the database, page by page."""

    reason: str
    source: Group | Topic

    @property
    def key(self) -> str:
        """What a cursor calls it: no other source is called the same."""
        return str(self.source)


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
            or isinstance(step[1], Who)
        ):
            raise InvalidInput(
                f"the resolver of {type.code!r} yielded {shown(step)}; yield (reason, list of recipient ids)"
            )
    return ranked([*event.to, *resolved])


def ranked(sources: Iterable[Step]) -> list[Step]:
    """Strongest reason first; equally strong ones as they came."""
    return sorted(sources, key=lambda step: rank(step[0]))


def entries(sources: Iterable[Step], topic: str | None = None) -> Iterator[Candidate | Crowd]:
    """Everybody who is named in these ranked sources, and every crowd, once, with the first reason that named them.

    Of equally strong reasons those who are named come first, then the crowds; the topic is last of all. So
    whoever walks the entries in this order, and passes over who was told, tells each for the strongest reason.
    """
    seen: set[str] = set()
    crowds: dict[Group, Crowd] = {}
    for _, equally_strong in groupby(sources, key=lambda step: rank(step[0])):
        new: list[Crowd] = []
        for reason, people in equally_strong:
            for who in people:
                if isinstance(who, Group):
                    if who not in crowds:
                        new.append(crowds.setdefault(who, Crowd(reason, who)))
                elif (named := _named(reason, who)).recipient not in seen:
                    seen.add(named.recipient)
                    yield named
        if len(crowds) > GROUPS_LIMIT:
            raise InvalidInput(f"the audience names {len(crowds):,} groups, at most {GROUPS_LIMIT}")
        yield from new
    if topic is not None:
        yield Crowd(WEAKEST, Topic(topic))


def candidates(sources: Iterable[Step]) -> Iterator[Candidate]:
    """Only those who are named, each once."""
    return (entry for entry in entries(sources) if isinstance(entry, Candidate))


def _named(reason: str, who: str | Address) -> Candidate:
    match who:
        case str():
            return Candidate(who, reason)
        case Address():
            return Candidate(who.recipient, reason, who)
    raise InvalidInput(f"for {reason!r} came {shown(who)}; recipients are ids (text), Address or groups")


def page(source: Iterator[Candidate | Crowd], size: int) -> tuple[list[Candidate], Crowd | None]:
    """The next so many who are named, up to the next crowd; fewer without a crowd at the end."""
    told: list[Candidate] = []
    for entry in source:
        if isinstance(entry, Crowd):
            return told, entry
        told.append(entry)
        if len(told) == size:
            break
    return told, None
