"""Choosing deliveries by a filter, to be replayed or cancelled: that set, and nothing else. Methods of a desk."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypedDict, Unpack
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import clock, ids, operating, position
from clarion.delivery import State
from clarion.desk.bound import Bound
from clarion.errors import InvalidInput, NotFound, shown
from clarion.event import instant, required_text
from clarion.operating import EndedFields
from clarion.position import Position
from clarion.selection import LASTS, MOST, Selection, Verb
from clarion.sought import Page
from clarion.store import carrying, selecting
from clarion.store.ended import Chosen
from clarion.store.selecting import Drawn, Queued

_WRITTEN_AT_ONCE = 5000


class QueuedFields(TypedDict, total=False):
    """Which deliveries that wait or are being sent. `event`: its id or its key. `since`, `until`: when they were made."""

    deliveries: UUID | Iterable[UUID] | None
    event: UUID | str | None
    channel: str | None
    type: str | None
    recipient: str | None
    lane: str | None
    since: datetime | None
    until: datetime | None


# ── Choosing ─────────────────────────────────────────────────────────────────────────────────────────────


def preview_replay(desk: Bound, **said: Unpack[EndedFields]) -> Selection:
    """Choose what has failed, or ended otherwise, to be tried again: as `Clarion.replay` does, but nothing is done yet.

    Raises `InvalidInput`, `UnknownName`.
    """
    chosen = operating.ended_ones(desk.app, desk.tenant, **said)
    found = desk.database.read(lambda conn: selecting.ended_ones(conn, chosen, most=MOST))
    return _draw(desk, "replay", chosen, found)


def preview_cancel(desk: Bound, **said: Unpack[QueuedFields]) -> Selection:
    """Choose what waits, or is being sent, to be cancelled. Raises `InvalidInput`."""
    texts = {name: said.get(name) for name in ("channel", "type", "recipient", "lane")}
    words: dict[str, Any] = {
        name: None if text is None else required_text(name, text) for name, text in texts.items()
    }
    chosen = Queued(
        tenant=desk.tenant,
        deliveries=operating.ids_of(said.get("deliveries")),
        event=operating.event_of(desk.app, desk.tenant, said.get("event")),
        since=instant("since", said.get("since")),
        until=instant("until", said.get("until")),
        **words,
    )
    if chosen == Queued(tenant=desk.tenant):
        raise InvalidInput("say which deliveries: their ids, an event, a channel, or since when they wait")
    found = desk.database.read(lambda conn: selecting.queued_ones(conn, chosen, most=MOST))
    return _draw(desk, "cancel", chosen, found)


def _draw(desk: Bound, verb: Verb, chosen: Chosen | Queued, found: Drawn) -> Selection:
    now = clock.now()
    made = Selection(
        id=ids.uuid7(),
        verb=verb,
        filter=_said(chosen),
        number=len(found.members),
        more=found.more,
        groups=found.groups,
        by=desk.by,
        created_at=now,
        expires_at=now + LASTS,
    )
    run, tenant = desk.database.run, desk.tenant
    run(lambda conn: selecting.begin(conn, tenant, made, chosen.recipient))
    for n in range(0, len(found.members), _WRITTEN_AT_ONCE):
        some = found.members[n : n + _WRITTEN_AT_ONCE]
        run(partial(selecting.add, tenant=tenant, id=made.id, members=some))
    desk.do(
        lambda: run(lambda conn: selecting.complete(conn, tenant, made)),
        f"{verb}.preview",
        on=f"selection {made.id}",
        recipient=chosen.recipient,
        number=made.number,
    )
    return made


def _said(chosen: Chosen | Queued) -> dict[str, Any]:
    """A filter as JSON; ids of deliveries only by their number, for they are the members."""
    found: dict[str, Any] = {}
    for name in chosen.__slots__:
        match getattr(chosen, name):
            case None | False:
                continue
            case UUID() as id:
                found[name] = str(id)
            case datetime() as at:
                found[name] = at.isoformat()
            case tuple() as some:
                found[name] = [str(one) for one in some] if name == "states" else len(some)
            case value:
                found[name] = value
    del found["tenant"]
    if found.get("states") == [State.FAILED.value]:
        del found["states"]
    return found


# ── Confirming ───────────────────────────────────────────────────────────────────────────────────────────


def apply(desk: Bound, id: UUID, *, number: int, wait: timedelta | None = None) -> Selection:
    """Carry out a selection: just the deliveries that it holds, of which there must be this `number`; those that have
    changed since are left alone. How far it is.

    `wait`: for so long at most; what is left is carried out by workers, as it is when this process dies. Said again,
    it only goes on. Raises `InvalidInput`, `NotFound`.
    """
    found = selection(desk, id)
    if number != found.number:
        raise InvalidInput(
            f"selection {id} holds {found.number:,} deliveries, not {shown(number)}; look at it, and confirm its number"
        )
    if found.confirmed_at is None and not _confirm(desk, found):
        raise InvalidInput(
            f"selection {id} expired at {found.expires_at.isoformat()}; choose again what there is by now"
        )
    _carry_out(desk, id, wait)
    return selection(desk, id)


def _confirm(desk: Bound, found: Selection) -> bool:
    """Whether it is confirmed, by this or by somebody else just now."""

    def write(conn: Connection) -> bool:
        if not selecting.confirm(conn, desk.tenant, found.id, by=desk.by, at=clock.now()):
            return False
        desk.write(conn, [line])
        return True

    line = desk.line(
        f"{found.verb}.apply",
        on=f"selection {found.id}",
        recipient=found.filter.get("recipient"),
        number=found.number,
    )
    if desk.database.run(write):
        desk.say(line)
        return True
    return selection(desk, found.id).confirmed_at is not None


def _carry_out(desk: Bound, id: UUID, wait: timedelta | None) -> None:
    ends = None if wait is None else clock.monotonic() + wait.total_seconds()
    page = partial(carrying.carry_out, tenant=desk.tenant, id=id, lanes=desk.app.lanes)
    while ends is None or clock.monotonic() < ends:
        carried = desk.database.run(page)
        if carried is not None and carried.queued:
            desk.database.waker.queued()
        if carried is None or carried.over:
            return


# ── Looking ──────────────────────────────────────────────────────────────────────────────────────────────


def selection(desk: Bound, id: UUID) -> Selection:
    """A selection, and how far it is. Raises `NotFound`."""
    found = desk.database.read(lambda conn: selecting.read(conn, desk.tenant, id))
    if found is None:
        raise NotFound(
            f"there is no selection {id} in tenant {desk.tenant!r}; those not confirmed go in a day"
        )
    return found


def selections(desk: Bound, *, cursor: str | None = None, most: int = 50) -> Page[Selection]:
    """The newest first."""
    before = None if cursor is None else position.parse(cursor).id
    found = desk.database.read(lambda conn: selecting.newest(conn, desk.tenant, before=before, most=most + 1))
    shown_ones = tuple(found[:most])
    more = Position(id=shown_ones[-1].id).text() if len(found) > most else None
    return Page(shown_ones, more)
