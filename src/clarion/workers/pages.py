"""The pages of one event's audience: who is named, and crowds from the database, with a cursor that survives us."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy.engine import Connection

from clarion.circumstances import Candidate
from clarion.event import Event
from clarion.event_type import EventType
from clarion.reason import WEAKEST
from clarion.store import crowds, people
from clarion.store.walks import Walk
from clarion.workers import audience
from clarion.workers.audience import Crowd, Topic

Result = TypeVar("Result")

FIRST = 500  # recipients on the first page at most, so that it is soon; the later ones are of the full size

_Entries = Iterator[Candidate | Crowd]


class Calling(Protocol):
    """How the application's code is called."""

    def __call__(self, work: Callable[[], Result], /) -> Awaitable[Result]: ...


class Reading(Protocol):
    """How a transaction is run that only reads."""

    def __call__(self, work: Callable[[Connection], Result], /) -> Awaitable[Result]: ...


@dataclass(frozen=True, slots=True)
class Told:
    """One page. `cursor`: what to remember with it; `last`: nobody comes after it. `side_by_side`: all are of one
    crowd, in the order of the database."""

    candidates: list[Candidate]
    cursor: str | None
    last: bool
    side_by_side: bool


class Pages:
    """Walks the audience of an event, from its beginning or behind the cursor at which an earlier walk was broken off.

    The cursor holds for each crowd the last recipient who was decided on, or null when that crowd was walked to
    its end. Who was named has no cursor. Where the walk was broken off before the topic, the application's
    resolver is called again, and may answer otherwise than the first time, or in another order. That is sound,
    because nothing is passed over for its place in that order: those named are asked again, of whom
    the told are passed over by their notification, and a crowd is behind us only if it was itself walked to its end.
    So whoever belongs to the audience both times is told, and whoever joined or left it meanwhile is told or not, as
    somebody who joins or leaves a group during one walk. The topic comes last: once it has a cursor, all else is done.
    """

    def __init__(
        self, walk: Walk, type: EventType, application: object, *, size: int, call: Calling, read: Reading
    ) -> None:
        self._event, self._type, self._application = walk.event, type, application
        self._from_beginning = walk.fence == 1
        self._size, self._later, self._call, self._read = min(size, FIRST), size, call, read
        self._cursor: Mapping[str, str | None] = json.loads(walk.cursor or "{}")
        self._entries: _Entries | None = None
        self._crowd: Crowd | None = None
        self._over = False
        topic = walk.event.topic
        if topic is not None and (last := Crowd(WEAKEST, Topic(topic))).key in self._cursor:
            self._crowd, self._entries = last, iter(())

    @property
    def untold(self) -> bool:
        """Whether nobody on any page was told on another: all are of one crowd, walked from its beginning."""
        event = self._event
        return (
            self._type.resolver is None and not event.to and event.topic is not None and self._from_beginning
        )

    async def next(self) -> Told | None:
        """The next page with somebody in it; `None` at the end. Raises what the application raises."""
        while not self._over:
            crowd = self._crowd
            told = await (self._of_named() if crowd is None else self._of_crowd(crowd))
            if told:
                self._size = self._later
                cursor = json.dumps(self._cursor, ensure_ascii=False) if self._cursor else None
                return Told(told, cursor, self._over, side_by_side=crowd is not None)
        return None

    async def _of_named(self) -> list[Candidate]:
        """Up to the next crowd, which is then at hand; at the end there is none."""
        if self._entries is None:
            sources = await self._call(lambda: audience.steps(self._event, self._type, self._application))
            self._entries = audience.entries(sources, self._event.topic)
        entries = self._entries
        told, self._crowd = await self._call(lambda: audience.page(entries, self._size))
        self._over = self._crowd is None and len(told) < self._size
        return told

    async def _of_crowd(self, crowd: Crowd) -> list[Candidate]:
        after = self._cursor.get(crowd.key, "")
        told: list[Candidate] = []
        if after is not None:
            told = await self._read(
                lambda conn: members(conn, self._event, crowd, after=after, most=self._size)
            )
        at_end = len(told) < self._size
        self._cursor = {**self._cursor, crowd.key: None if at_end else told[-1].recipient}
        if at_end:
            self._crowd, self._over = None, isinstance(crowd.source, Topic)
        return told


def members(conn: Connection, event: Event, crowd: Crowd, *, after: str, most: int) -> list[Candidate]:
    """The next of a crowd, by recipient id; fewer than `most` at its end."""
    match crowd.source:
        case Topic(name):
            return people.subscribers(conn, event.tenant, name, after=after, most=most)
        case group:
            ids = crowds.members(conn, event.tenant, group, event.at, after=after, most=most)
            return [Candidate(id, crowd.reason) for id in ids]
