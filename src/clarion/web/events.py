"""What happened to events, and taking them back. To emit them: `emitting`."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.engine import Connection

from clarion.errors import NotFound
from clarion.store import records, told
from clarion.web import bodies, shapes
from clarion.web.need import EventReader, EventWriter, Known
from clarion.web.parameters import Limit, Parts, RecipientId, Word
from clarion.web.strict import StrictRoute

router = APIRouter(prefix="/v1", tags=["events"], route_class=StrictRoute)


@router.get("/events/{event}")
async def get_event(event: UUID, caller: EventReader, service: Parts) -> shapes.Event:
    """One event, and how far it has been told."""

    def read(conn: Connection) -> shapes.Event:
        found = records.event(conn, caller.tenant, event)
        if found is None:
            raise NotFound(f"there is no event {event}")
        return shapes.Event.of(*found)

    return await service.run(lambda: service.clarion.database.read(read))


@router.get("/events/{event}/counts")
async def count(event: UUID, caller: EventReader, service: Parts) -> shapes.Counts:
    """How many were told and how many were not, and how the deliveries stand, at this instant."""
    found = await service.run(lambda: service.clarion.counts(event, tenant=caller.tenant))
    return shapes.Counts.model_validate(found)


@router.get("/events/{event}/recipients")
async def status(
    event: UUID, caller: EventReader, service: Parts, after: Word | None = None, limit: Limit = 100
) -> shapes.Status:
    """Everybody who was decided on, by id, and when each channel really went out to them."""

    def read(conn: Connection) -> list[told.Told]:
        if records.event(conn, caller.tenant, event) is None:
            raise NotFound(f"there is no event {event}")
        return told.read(conn, caller.tenant, event, after=after, most=limit + 1)

    found = await service.run(lambda: service.clarion.database.read(read))
    shown = found[:limit]
    more = shown[-1].recipient if len(found) > limit else None
    return shapes.Status(recipients=[shapes.Told.of(one) for one in shown], next=more)


@router.get("/events/{event}/recipients/{recipient}")
async def why(event: UUID, recipient: RecipientId, caller: EventReader, service: Parts) -> shapes.Explanation:
    """Why this recipient was told, or was not, by which channel, and what became of it."""
    found = await service.run(lambda: service.clarion.why(event, recipient, tenant=caller.tenant))
    return shapes.Explanation.model_validate(found)


@router.post("/events/{event}/cancel", status_code=204)
async def cancel(event: UUID, caller: EventWriter, service: Parts) -> None:
    """Take back one event, before or after it is due. Again, it changes nothing."""
    clarion = service.clarion
    await service.run(
        lambda: clarion.database.run(lambda conn: clarion.cancel(conn, event, tenant=caller.tenant))
    )


@router.post("/events/{event}/move", status_code=204)
async def move(event: UUID, body: bodies.Move, caller: EventWriter, service: Parts) -> None:
    """Let an event that is not due yet be due at another time."""
    clarion = service.clarion
    await service.run(
        lambda: clarion.database.run(lambda conn: clarion.move(conn, event, body.at, tenant=caller.tenant))
    )


@router.post("/withdrawals", status_code=204)
async def withdraw(body: bodies.Withdraw, caller: EventWriter, service: Parts) -> None:
    """Take back all that was emitted about a subject until now."""
    clarion = service.clarion
    await service.run(
        lambda: clarion.database.run(
            lambda conn: clarion.withdraw(conn, body.subject, body.recipient, tenant=caller.tenant)
        )
    )


@router.get("/conditions")
async def conditions(
    caller: EventReader, service: Parts, prefix: Word | None = None
) -> shapes.OpenConditions:
    """The conditions that are open."""
    found = await service.run(lambda: service.clarion.open_conditions(prefix or "", tenant=caller.tenant))
    return shapes.OpenConditions(conditions=[shapes.OpenCondition.model_validate(one) for one in found])


@router.post("/conditions/resolve", status_code=204)
async def resolve(body: bodies.Resolve, caller: EventWriter, service: Parts) -> None:
    """This state of the world has ended, whether or not it is open."""
    clarion = service.clarion
    await service.run(
        lambda: clarion.database.run(lambda conn: clarion.resolve(conn, body.condition, tenant=caller.tenant))
    )


@router.get("/types")
async def types(_caller: Known, service: Parts) -> shapes.EventTypes:
    """The declared event types."""
    declared = sorted(service.clarion.types.values(), key=lambda type: type.code)
    return shapes.EventTypes(types=[shapes.EventType.model_validate(one) for one in declared])
