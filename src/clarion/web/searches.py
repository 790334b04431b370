"""Operators look for events, notifications and deliveries, and see what others did."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from clarion.sought import DeliveryFilter, EventFilter, NotificationFilter
from clarion.sought import Total as Counted
from clarion.web import operator_shapes as shapes
from clarion.web.desks import desk_of
from clarion.web.need import Observer
from clarion.web.parameters import Limit, Parts, Word
from clarion.web.strict import StrictRoute

router = APIRouter(prefix="/v1", tags=["operators"], route_class=StrictRoute)

Cursor = Annotated[str | None, Query(max_length=2000)]
Since = Annotated[AwareDatetime | None, Query(description="Included.")]
Until = Annotated[AwareDatetime | None, Query(description="Not included.")]
WithTotal = Annotated[bool, Query(description="Count them, too, as far as that takes little.")]
EventState = Literal["waiting", "decided", "failed", "withdrawn", "resolved", "repeat"]
State = Literal["waiting", "sending", "sent", "failed", "suppressed", "cancelled"]


@router.get("/events")
async def find_events(
    caller: Observer,
    service: Parts,
    key: Word | None = None,
    type: Word | None = None,
    subject: Word | None = None,
    actor: Word | None = None,
    correlation_id: Word | None = None,
    condition: Word | None = None,
    state: EventState | None = None,
    since: Since = None,
    until: Until = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    total: WithTotal = False,
) -> shapes.EventsFound:
    """Events, the newest first; those that wait by when they are due."""
    wanted = EventFilter(
        key=key,
        type=type,
        subject=subject,
        actor=actor,
        correlation_id=correlation_id,
        condition=condition,
        state=state,
        since=since,
        until=until,
    )
    desk = desk_of(caller, service)
    page = await service.run(lambda: desk.events(wanted, cursor=cursor, most=limit))
    events = [shapes.EventFound.model_validate(one) for one in page.items]
    counted = await service.run(lambda: desk.count(wanted)) if total else None
    return shapes.EventsFound(events=events, next=page.next, total=_total(counted))


@router.get("/notifications")
async def find_notifications(
    caller: Observer,
    service: Parts,
    event: UUID | None = None,
    recipient: Word | None = None,
    type: Word | None = None,
    gate: Word | None = None,
    told: bool | None = None,
    since: Since = None,
    until: Until = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    total: WithTotal = False,
) -> shapes.NotificationsFound:
    """What was decided on whom, the newest first; of one event, by recipient. `gate`: one that said no, or not yet."""
    wanted = NotificationFilter(
        event=event, recipient=recipient, type=type, gate=gate, told=told, since=since, until=until
    )
    desk = desk_of(caller, service)
    page = await service.run(lambda: desk.notifications(wanted, cursor=cursor, most=limit))
    found = [shapes.NotificationFound.model_validate(one) for one in page.items]
    counted = await service.run(lambda: desk.count(wanted)) if total else None
    return shapes.NotificationsFound(notifications=found, next=page.next, total=_total(counted))


@router.get("/deliveries")
async def find_deliveries(
    caller: Observer,
    service: Parts,
    event: UUID | None = None,
    recipient: Word | None = None,
    channel: Word | None = None,
    type: Word | None = None,
    state: State | None = None,
    code: Word | None = None,
    address: Annotated[Word | None, Query(description="How it begins.")] = None,
    lane: Word | None = None,
    since: Since = None,
    until: Until = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    total: WithTotal = False,
) -> shapes.DeliveriesFound:
    """Deliveries, the newest first; what failed by when it did; of one event, by recipient."""
    wanted = DeliveryFilter(
        event=event,
        recipient=recipient,
        channel=channel,
        type=type,
        state=state,
        code=code,
        address=address,
        lane=lane,
        since=since,
        until=until,
    )
    desk = desk_of(caller, service)
    page = await service.run(lambda: desk.deliveries(wanted, cursor=cursor, most=limit))
    found = [shapes.DeliveryFound.model_validate(one) for one in page.items]
    counted = await service.run(lambda: desk.count(wanted)) if total else None
    return shapes.DeliveriesFound(deliveries=found, next=page.next, total=_total(counted))


def _total(counted: Counted | None) -> shapes.Total | None:
    return None if counted is None else shapes.Total.model_validate(counted)


@router.get("/deliveries/{delivery}")
async def get_delivery(delivery: UUID, caller: Observer, service: Parts) -> shapes.FullDelivery:
    """One delivery, with its address, every attempt, and why there is one. It is noted that it was shown."""
    desk = desk_of(caller, service)
    return shapes.FullDelivery.of(await service.run(lambda: desk.delivery(delivery)))


@router.get("/lookup")
async def look_up(
    text: Annotated[Word, Query(examples=["cl/42"])], caller: Observer, service: Parts
) -> shapes.Hits:
    """What a text may stand for: an id, a key, a correlation id, a condition, a subject, a recipient, or how an address
    begins."""
    desk = desk_of(caller, service)
    found = await service.run(lambda: desk.look_up(text))
    return shapes.Hits(hits=[shapes.Hit.model_validate(one) for one in found])


@router.get("/audit")
async def audit(
    caller: Observer,
    service: Parts,
    by: Word | None = None,
    recipient: Word | None = None,
    verb: Annotated[
        Word | None, Query(description="Such as `silence.begin`, or `silence` for all of these.")
    ] = None,
    since: Since = None,
    until: Until = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> shapes.Audit:
    """What operators did, and whose data they were shown, the newest first."""
    desk = desk_of(caller, service)
    page = await service.run(
        lambda: desk.audit(
            by=by, recipient=recipient, verb=verb, since=since, until=until, cursor=cursor, most=limit
        )
    )
    lines = [shapes.AuditLine.model_validate(one) for one in page.items]
    return shapes.Audit(lines=lines, next=page.next)
