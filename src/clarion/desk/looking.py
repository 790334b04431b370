"""Looking for events, notifications and deliveries, and at them. Methods of a desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import position
from clarion.audit_line import AuditLine
from clarion.configuration import Configuration
from clarion.desk.bound import Bound
from clarion.errors import InvalidInput, NotFound, shown
from clarion.event import instant, required_text
from clarion.explanation import Explanation
from clarion.position import Position
from clarion.sought import (
    DeliveryFilter,
    EventFilter,
    Filter,
    FoundDelivery,
    FoundEvent,
    FoundNotification,
    FullDelivery,
    NotificationFilter,
    Page,
    Total,
)
from clarion.store import audit as audit_rows
from clarion.store.search import addresses, deliveries, events, notifications, walk
from clarion.store.search.walk import Walk

MOST = 1000  # on a page
_AUDIT_LOOKED_AT = 1000
_ANY_EVENT, _ANY_NOTIFICATION, _ANY_DELIVERY = EventFilter(), NotificationFilter(), DeliveryFilter()

Item = TypeVar("Item")
Read = Callable[[Connection, str, Sequence[UUID]], list[Item]]


def find_events(
    desk: Bound, wanted: EventFilter = _ANY_EVENT, *, cursor: str | None = None, most: int = 50
) -> Page[FoundEvent]:
    """The newest first; but what waits by when it is due. Raises `InvalidInput`."""
    return _page(desk, lambda _: events.walk(desk.tenant, wanted), events.read, cursor, most)


def find_notifications(
    desk: Bound, wanted: NotificationFilter = _ANY_NOTIFICATION, *, cursor: str | None = None, most: int = 50
) -> Page[FoundNotification]:
    """The newest first, but those of one event by recipient. Of one recipient it is noted."""
    _note_search(desk, wanted)
    return _page(desk, lambda _: notifications.walk(desk.tenant, wanted), notifications.read, cursor, most)


def find_deliveries(
    desk: Bound, wanted: DeliveryFilter = _ANY_DELIVERY, *, cursor: str | None = None, most: int = 50
) -> Page[FoundDelivery]:
    """The newest first, what failed by when it did, and those of one event by recipient. Of one recipient or address it
    is noted."""
    _note_search(desk, wanted)
    return _page(desk, lambda conn: _walk(conn, desk, wanted), deliveries.read, cursor, most)


def count(desk: Bound, wanted: Filter) -> Total:
    """How many pass a filter, counted as far as that takes little."""

    def read(conn: Connection) -> Total:
        return walk.count(conn, _walk(conn, desk, wanted))

    return desk.database.read(read)


def _walk(conn: Connection, desk: Bound, wanted: Filter) -> Walk:
    match wanted:
        case EventFilter():
            return events.walk(desk.tenant, wanted)
        case NotificationFilter():
            return notifications.walk(desk.tenant, wanted)
        case DeliveryFilter(address=None):
            return deliveries.walk(desk.tenant, wanted)
        case DeliveryFilter():
            begins = wanted.address or ""
            found = addresses.that_begin(conn, desk.tenant, begins, most=addresses.MOST + 1)
            if len(found) > addresses.MOST:
                said = f"more than {addresses.MOST} addresses begin with {shown(begins)}"
                raise InvalidInput(f"{said}; say more of it")
            return deliveries.walk(desk.tenant, wanted, [(one.recipient, one.id) for one in found])


def _page(
    desk: Bound, along: Callable[[Connection], Walk], read: Read[Item], cursor: str | None, most: int
) -> Page[Item]:
    """Raises `InvalidInput`."""
    after, most = _after(cursor), _most(most)

    def work(conn: Connection) -> Page[Item]:
        found = walk.find(conn, along(conn), after=after, most=most)
        items = read(conn, desk.tenant, found.ids) if found.ids else []
        return Page(tuple(items), None if found.then is None else found.then.text())

    return desk.database.read(work)


def _after(cursor: str | None) -> Position | None:
    return None if cursor is None else position.parse(cursor)


def _most(most: int) -> int:
    if not 1 <= most <= MOST:
        raise InvalidInput(f"a page has 1 to {MOST} rows, not {shown(most)}")
    return most


def _note_search(desk: Bound, wanted: NotificationFilter | DeliveryFilter) -> None:
    """Whom somebody was looked for by an address is known once they are found, and the address is kept nowhere else."""
    what = "deliveries" if isinstance(wanted, DeliveryFilter) else "notifications"
    if wanted.recipient is not None:
        desk.note("recipient.search", on=what, recipient=wanted.recipient)
    elif isinstance(wanted, DeliveryFilter) and wanted.address is not None:
        begins, some = wanted.address, addresses.MOST
        found = desk.database.read(lambda conn: addresses.that_begin(conn, desk.tenant, begins, most=some))
        for recipient in sorted({one.recipient for one in found}):
            desk.note("recipient.search", on="addresses", recipient=recipient)
        if not found:
            desk.note("recipient.search", on="addresses")


# ── At one ───────────────────────────────────────────────────────────────────────────────────────────────


def delivery(desk: Bound, id: UUID) -> FullDelivery:
    """One delivery, with its address, all its attempts, and why there is one; noted. Raises `NotFound`."""

    def read(conn: Connection) -> FoundDelivery | None:
        return next(iter(deliveries.read(conn, desk.tenant, [id])), None)

    found = desk.database.read(read)
    explanation = None if found is None else why(desk, found.event, found.recipient)
    sent = () if explanation is None else explanation.deliveries
    record = next((one for one in sent if one.id == id), None)
    if found is None or explanation is None or record is None:
        raise NotFound(f"there is no delivery {id} in tenant {desk.tenant!r}")
    expires_at = desk.database.read(lambda conn: deliveries.expires_at(conn, desk.tenant, id))
    return FullDelivery(
        delivery=replace(found, state=record.state),
        address=record.address,
        address_id=record.address_id,
        address_gone_at=record.address_gone_at,
        expires_at=expires_at,
        attempts=record.attempts,
        explanation=explanation,
    )


def why(desk: Bound, event: UUID, recipient: str) -> Explanation:
    """As `Clarion.why`; noted, for it shows their addresses. Raises `NotFound`."""
    desk.note("recipient.why", on=f"event {event}", recipient=required_text("recipient", recipient))
    return desk.app.why(event, recipient, tenant=desk.tenant)


def person(desk: Bound, recipient: str) -> Configuration:
    """All that a recipient said, and what follows; noted. Raises `NotFound`."""
    showing(desk, "what they said", recipient)
    return desk.app.recipients.said(recipient, tenant=desk.tenant)


def showing(desk: Bound, what: str, recipient: str) -> None:
    """Note that data of a recipient is shown, by whoever read it elsewhere."""
    desk.note("recipient.show", on=what, recipient=required_text("recipient", recipient))


# ── What others did ──────────────────────────────────────────────────────────────────────────────────────


def audit(
    desk: Bound,
    *,
    by: str | None = None,
    recipient: str | None = None,
    verb: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    most: int = 50,
) -> Page[AuditLine]:
    """What operators did, the newest first. `verb`: such as `silence.begin`, or all of `silence`."""
    after, most = _after(cursor), _most(most)
    begins, ends = instant("since", since), instant("until", until)

    def read(conn: Connection) -> Page[AuditLine]:
        lines, then = audit_rows.read(
            conn,
            desk.tenant,
            by=by,
            recipient=recipient,
            verb=verb,
            since=begins,
            until=ends,
            before=None if after is None else after.id,
            most=most + 1 if by is None and verb is None else _AUDIT_LOOKED_AT,
        )
        if len(lines) > most:
            lines, then = lines[:most], lines[most - 1].id
        return Page(tuple(lines), None if then is None else Position(id=then).text())

    return desk.database.read(read)
