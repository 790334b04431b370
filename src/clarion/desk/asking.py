"""What a text may stand for: an id, a key, a recipient, and what else an operator has at hand. A method of a desk."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion.desk.bound import Bound
from clarion.event import required_text
from clarion.sought import EventFilter, Hit
from clarion.store import directory, selecting
from clarion.store.search import addresses, deliveries, events, notifications, walk

_SOME = 5
_LEAST = 3  # characters of an address


def look_up(desk: Bound, text: str) -> tuple[Hit, ...]:
    """Events, notifications, deliveries and selections by id; events by key, correlation id, condition and subject;
    recipients by id, and by how an address begins, which is noted. Raises `InvalidInput`."""
    text = required_text("text", text)

    def read(conn: Connection) -> list[Hit]:
        id = _as_id(text)
        by_id = [] if id is None else list(_of_id(conn, desk.tenant, id))
        return list(
            {(hit.kind, hit.id): hit for hit in [*by_id, *_of_text(conn, desk.tenant, text)]}.values()
        )

    found = desk.database.read(read)
    for recipient in sorted({hit.recipient for hit in found if hit.recipient is not None}):
        desk.note("recipient.search", on="everything", recipient=recipient)
    return tuple(found)


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _of_id(conn: Connection, tenant: str, id: UUID) -> Iterator[Hit]:
    for event in events.read(conn, tenant, [id]):
        yield Hit(kind="event", id=str(event.id), event=event.id)
    for one in notifications.read(conn, tenant, [id]):
        yield Hit(kind="notification", id=str(one.id), event=one.event, recipient=one.recipient)
    for sent in deliveries.read(conn, tenant, [id]):
        yield Hit(kind="delivery", id=str(sent.id), event=sent.event, recipient=sent.recipient)
    if selecting.read(conn, tenant, id) is not None:
        yield Hit(kind="selection", id=str(id))


def _of_text(conn: Connection, tenant: str, text: str) -> Iterator[Hit]:
    for wanted in (EventFilter(key=text), EventFilter(correlation_id=text)):
        for id in _events(conn, tenant, wanted, _SOME):
            yield Hit(kind="event", id=str(id), event=id)
    if _events(conn, tenant, EventFilter(condition=text), 1):
        yield Hit(kind="condition", id=text)
    if _events(conn, tenant, EventFilter(subject=text), 1):
        yield Hit(kind="subject", id=text)
    if (person := directory.one(conn, tenant, text)) is not None:
        yield Hit(kind="recipient", id=person.id, recipient=person.id)
    if len(text) >= _LEAST:
        for one in addresses.that_begin(conn, tenant, text, most=addresses.MOST):
            yield Hit(kind="address", id=str(one.id), recipient=one.recipient)


def _events(conn: Connection, tenant: str, wanted: EventFilter, most: int) -> list[UUID]:
    return walk.find(conn, events.walk(tenant, wanted), after=None, most=most).ids
