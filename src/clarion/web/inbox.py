"""A recipient's inbox: lists, marks, why something came, and the stream of what happens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query
from starlette.convertors import StringConvertor, register_url_convertor

from clarion.errors import InvalidInput, NotFound
from clarion.event import TEXT_LIMIT
from clarion.inbox import Chosen
from clarion.item import Item, Mark, View
from clarion.own import Own
from clarion.web import inbox_pages
from clarion.web import inbox_shapes as shapes
from clarion.web.caller import Caller
from clarion.web.event_stream import EventStream
from clarion.web.inbox_pages import Asked
from clarion.web.need import Me
from clarion.web.parameters import Parts, Word
from clarion.web.service import Service
from clarion.web.strict import StrictRoute

router = APIRouter(prefix="/v1/inbox", tags=["inbox"], route_class=StrictRoute)

Verb = Literal[
    "seen",
    "unseen",
    "read",
    "unread",
    "done",
    "undone",
    "save",
    "unsave",
    "delete",
    "undelete",
    "unsnooze",
]
_MARKS: dict[Verb, Mark] = {
    "seen": "seen",
    "unseen": "unseen",
    "read": "read",
    "unread": "unread",
    "done": "done",
    "undone": "undone",
    "save": "saved",
    "unsave": "unsaved",
    "delete": "deleted",
    "undelete": "undeleted",
    "unsnooze": "unsnoozed",
}


class _VerbConvertor(StringConvertor):
    """Any word but those that are addresses of their own: to mark is no method of these."""

    regex = r"(?!(?:counts|stream)$)[^/]+"


register_url_convertor("clarion_verb", _VerbConvertor())

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Until it ends: come back with the last number.", "model": shapes.Told}
}

# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────


@router.get("")
async def show(
    me: Me,
    service: Parts,
    view: View = "inbox",
    category: Word | None = None,
    severity: Annotated[Word | None, Query(description="This one, or higher.")] = None,
    tag: Annotated[list[str] | None, Query(max_length=100)] = None,
    subject: Word | None = None,
    thread: Word | None = None,
    type: Word | None = None,
    group: Literal["thread"] | None = None,
    q: Annotated[str, Query(max_length=TEXT_LIMIT, description="Words in title or text.")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 25,
    cursor: Word | None = None,
) -> shapes.Page | shapes.Groups:
    """What is in the inbox, or in another view, the newest first; with `group=thread`, the threads.

    All that is said must hold; of several `tag`s, one. `feed` is read before the items: who follows the stream from
    there misses nothing.
    """
    clarion, types = service.clarion, service.clarion.types
    chosen = Chosen(
        view=view,
        category=category,
        at_least=severity,
        tags=tag or (),
        subject=subject,
        thread=thread,
        type=type,
    )
    asked = Asked(
        tenant=me.tenant, recipient=me.own, chosen=chosen, words=q.strip(), most=limit, cursor=cursor
    )

    def read() -> shapes.Page | shapes.Groups:
        feed = clarion.changes.newest()
        if group is not None:
            found = inbox_pages.groups(clarion.inbox, asked)
            grouped = [shapes.Group.of(one, types) for one in found.groups]
            return shapes.Groups(groups=grouped, next=found.next, counts=_counts(service, me), feed=feed)
        page = inbox_pages.items(clarion.inbox, asked)
        items = [shapes.Item.of(item, types) for item in page.items]
        return shapes.Page(items=items, next=page.next, counts=_counts(service, me), feed=feed)

    return await service.run(read)


@router.get("/counts")
async def count(me: Me, service: Parts) -> shapes.Counts:
    """How many items there are in each view, exactly, at this instant."""
    return await service.run(lambda: _counts(service, me))


@router.get("/stream", status_code=200, response_class=EventStream, responses=_STREAM)
async def stream(
    me: Me,
    service: Parts,
    after: Annotated[int | None, Query(ge=0, lt=2**63, description="The last number that is known.")] = None,
    last_event_id: Annotated[int | None, Header(ge=0, lt=2**63)] = None,
) -> EventStream:
    """What happens to the inbox and to what I said, as server-sent events, each with its number in the change feed.

    From `after` on, else from `Last-Event-ID`, else from now. `change` carries what `Told` is; `reset`: too much was
    missed, read the list anew.
    """
    return EventStream(service, me, last_event_id if after is None else after)


# ── Marking ──────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/snooze")
async def snooze(me: Me, service: Parts, body: shapes.Snooze) -> shapes.Changed:
    """They leave the inbox until then, and come back on top of it."""
    return await _mark(service, me, body.ids, "snoozed", until=body.until)


@router.post("/{verb:clarion_verb}")
async def mark(verb: Verb, me: Me, service: Parts, body: shapes.Mark) -> shapes.Changed:
    """Mark these items: what really changed is answered, and its reverse undoes that. Ids of others change nothing."""
    return await _mark(service, me, body.ids, _MARKS[verb])


# ── Why, and no more of it ───────────────────────────────────────────────────────────────────────────────


@router.get("/{item}/why")
async def why(item: UUID, me: Me, service: Parts) -> shapes.Why:
    """Why I got this, and the one change that would stop it."""
    return await service.run(lambda: shapes.Why.model_validate(_own(service, me, item)))


@router.post("/{item}/stop", status_code=204)
async def stop(item: UUID, me: Me, service: Parts) -> None:
    """Make the one change that `why` names."""

    def change() -> None:
        own = _own(service, me, item)
        if (named := own.stop) is None:
            raise InvalidInput(own.stop_sentence)
        make = getattr(service.clarion.recipients, named.kind)
        make(me.own, *named.arguments, **named.options, by=me.name, tenant=me.tenant)

    await service.run(change)
    service.streams.wake()


@router.post("/{item}/mute", status_code=204)
async def mute(item: UUID, me: Me, service: Parts, body: shapes.Mute) -> None:
    """Hear nothing more of its thread, until then or until `DELETE`. Not even mentions."""

    def change() -> None:
        thread = _thread(service, me, item)
        service.clarion.recipients.mute(me.own, thread, body.until, by=me.name, tenant=me.tenant)

    await service.run(change)
    service.streams.wake()


@router.delete("/{item}/mute", status_code=204)
async def unmute(item: UUID, me: Me, service: Parts) -> None:
    """Hear of its thread again."""

    def change() -> None:
        thread = _thread(service, me, item)
        service.clarion.recipients.unmute(me.own, thread, by=me.name, tenant=me.tenant)

    await service.run(change)
    service.streams.wake()


# ── In a thread of the service ───────────────────────────────────────────────────────────────────────────


def _counts(service: Service, me: Caller) -> shapes.Counts:
    return shapes.Counts.of(service.clarion.inbox.counts(me.own, tenant=me.tenant))


async def _mark(
    service: Service, me: Caller, ids: list[UUID], how: Mark, *, until: datetime | None = None
) -> shapes.Changed:
    def change() -> shapes.Changed:
        marked = service.clarion.inbox.mark(me.own, ids, how, until=until, tenant=me.tenant)
        changed = [shapes.Marked.of(one) for one in marked]
        return shapes.Changed(changed=changed, counts=_counts(service, me))

    made = await service.run(change)
    service.streams.wake()
    return made


def _item(service: Service, me: Caller, id: UUID) -> Item:
    """Raises `NotFound`, also for what is another's."""
    found = service.clarion.inbox.get(me.own, id, tenant=me.tenant)
    if found is None:
        raise NotFound(f"there is no item {id} in this inbox")
    return found


def _own(service: Service, me: Caller, id: UUID) -> Own:
    event = _item(service, me, id).event.id
    return service.clarion.why(event, me.own, tenant=me.tenant).own()


def _thread(service: Service, me: Caller, id: UUID) -> str:
    thread = _item(service, me, id).event.thread
    if thread is None:
        raise InvalidInput(f"item {id} is of no thread that could be muted")
    return thread
