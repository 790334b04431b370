"""One event's whole story, as an operator reads it: a method of `Clarion`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion.errors import NotFound
from clarion.event import DEFAULT_TENANT, Event
from clarion.explanation import NotificationRecord, Progress, channels_of, sources_of
from clarion.store import dialect, records, registry, stories
from clarion.store.database import Database
from clarion.store.stories import Standing
from clarion.timeline import Moment, Person, Said, TakenBack, of_event, of_people


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happened to an event, as of one instant.

    `sources`: who was asked for its audience. `people`: a page of those decided on, by id; `next`: behind whom the next
    page begins. `moments`: what happened to the event, and to these people, as one line.
    """

    event: Event
    progress: Progress
    sources: tuple[str, ...]
    standing: Standing
    taken_back: tuple[TakenBack, ...]
    condition: Said | None
    people: tuple[Person, ...]
    next: str | None
    moments: tuple[Moment, ...]

    @property
    def whole(self) -> bool:
        """Whether all its recipients are on this page, and so on the line."""
        return self.standing.recipients == len(self.people) and not self.standing.more


class _Application(Protocol):
    database: Database


def story(
    app: _Application,
    event: UUID,
    *,
    recipient: str | None = None,
    after: str = "",
    most: int = 50,
    tenant: str = DEFAULT_TENANT,
) -> Story:
    """The story of one event: its numbers, who was told and who was not, and every attempt. Raises `NotFound`.

    `recipient`: only their part of it. Else at most so many people, behind `after`.
    """

    def read(conn: Connection) -> Story:
        found = records.event(conn, tenant, event)
        if found is None:
            raise NotFound(f"there is no event {event} in tenant {tenant!r}")
        about, progress = found
        if recipient is None:
            page = records.of_event(conn, tenant, event, after=after, most=most + 1)
        else:
            one = records.notification(conn, tenant, event, recipient)
            page = [] if one is None else [one]
        people = tuple(_person(record) for record in page[:most])
        now = dialect.read_now(conn)
        walked_at = stories.walked_at(conn, tenant, event)
        taken_back = stories.taken_back(conn, tenant, about)
        condition = stories.condition(conn, tenant, event)
        line = [*of_event(about, progress, walked_at, taken_back, condition, now), *of_people(people, now)]
        return Story(
            event=about,
            progress=progress,
            sources=sources_of(about, registry.has_resolver(conn, about.type)),
            standing=stories.standing(conn, tenant, event),
            taken_back=tuple(taken_back),
            condition=condition,
            people=people,
            next=people[-1].record.recipient if len(page) > most else None,
            moments=tuple(sorted(line, key=lambda moment: moment.at)),
        )

    return app.database.read(read)


def _person(record: NotificationRecord) -> Person:
    return Person(record=record, channels=channels_of(record.question, record.verdicts, record.holders))
