"""Recipients: who there is, where they are reached, and what they said, for the application."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from clarion.store.roster import unknown
from clarion.web import bodies, choosing
from clarion.web import recipient_shapes as shapes
from clarion.web.caller import Caller
from clarion.web.desks import desk_of
from clarion.web.need import RecipientReader, RecipientWriter
from clarion.web.parameters import Limit, Parts, RecipientId, Word
from clarion.web.service import Service
from clarion.web.strict import StrictRoute

router = APIRouter(prefix="/v1/recipients", tags=["recipients"], route_class=StrictRoute)

# What `PUT` empties where it is left out; what recipients say of themselves it leaves alone.
_UNSAID: dict[str, Any] = {"name": None, "locale": None, "active": True, "addresses": {}, "roles": []}

# ── Who there is ─────────────────────────────────────────────────────────────────────────────────────────


@router.get("")
async def find(
    caller: RecipientReader,
    service: Parts,
    search: Word | None = None,
    active: bool | None = None,
    role: Word | None = None,
    after: Word | None = None,
    limit: Limit = 100,
) -> shapes.Page:
    """Who there is, by id. `search`: how id, name or an address begins."""
    found = await service.run(
        lambda: service.clarion.recipients.find(
            search, active=active, role=role, after=after, most=limit + 1, tenant=caller.tenant
        )
    )
    shown = [shapes.Listed.model_validate(one) for one in found[:limit]]
    return shapes.Page(recipients=shown, next=shown[-1].id if len(found) > limit else None)


@router.post("/bulk")
async def write_many(body: bodies.Recipients, caller: RecipientWriter, service: Parts) -> shapes.Written:
    """Write up to a thousand recipients, each in part, who need not exist yet. The same again changes nothing."""
    people: list[Any] = [one.said() for one in body.recipients]
    write = service.clarion.recipients.upsert_many
    return shapes.Written(
        written=await service.run(lambda: write(people, by=caller.name, tenant=caller.tenant))
    )


@router.get("/{recipient}")
async def get_recipient(recipient: RecipientId, caller: RecipientReader, service: Parts) -> shapes.Listed:
    """One recipient, with addresses and roles."""
    return await _get(service, caller, recipient)


@router.put("/{recipient}")
async def put_recipient(
    recipient: RecipientId, body: bodies.Recipient, caller: RecipientWriter, service: Parts
) -> shapes.Listed:
    """Write a recipient, new or not, as a whole: what is left out is emptied. What they said themselves stays."""
    return await _write(service, caller, recipient, {**_UNSAID, **body.said()})


@router.patch("/{recipient}")
async def patch_recipient(
    recipient: RecipientId, body: bodies.Recipient, caller: RecipientWriter, service: Parts
) -> shapes.Listed:
    """Write a recipient, new or not, in part: what is left out stays. `addresses` and `roles` are those and no others."""
    return await _write(service, caller, recipient, body.said())


@router.post("/{recipient}/deactivate", status_code=204)
async def deactivate(recipient: RecipientId, caller: RecipientWriter, service: Parts) -> None:
    """Nothing reaches this recipient any more, until they are written with `active`; all that was said stays."""
    await service.run(lambda: service.clarion.recipients.deactivate(recipient, tenant=caller.tenant))


async def _get(service: Service, caller: Caller, recipient: str) -> shapes.Listed:
    found = await service.run(lambda: service.clarion.recipients.get(recipient, tenant=caller.tenant))
    if found is None:
        raise unknown(caller.tenant, recipient)
    return shapes.Listed.model_validate(found)


async def _write(service: Service, caller: Caller, recipient: str, fields: dict[str, Any]) -> shapes.Listed:
    write = service.clarion.recipients.upsert
    await service.run(lambda: write(recipient, by=caller.name, tenant=caller.tenant, **fields))
    return await _get(service, caller, recipient)


# ── What they said ───────────────────────────────────────────────────────────────────────────────────────


@router.get("/{recipient}/configuration")
async def configuration(
    recipient: RecipientId, caller: RecipientReader, service: Parts
) -> shapes.Configuration:
    """All that a recipient said, and what follows for every event type on every channel."""
    return await choosing.configuration(service, caller, recipient)


@router.patch("/{recipient}/configuration")
async def choose(
    recipient: RecipientId, choices: bodies.Choices, caller: RecipientWriter, service: Parts
) -> shapes.Configuration:
    """Change what a recipient wants to be told, where and when, in part: all of it or nothing."""
    return await choosing.choose(service, caller, recipient, choices)


@router.put("/{recipient}/silence", status_code=204)
async def silence(
    recipient: RecipientId, body: bodies.Silence, caller: RecipientWriter, service: Parts
) -> None:
    """Nothing but required types until then, or until `DELETE`."""
    await choosing.silence(service, caller, recipient, body.until)


@router.delete("/{recipient}/silence", status_code=204)
async def resume(recipient: RecipientId, caller: RecipientWriter, service: Parts) -> None:
    """Tell them again."""
    await choosing.resume(service, caller, recipient)


@router.get("/{recipient}/history")
async def history(
    recipient: RecipientId,
    caller: RecipientReader,
    service: Parts,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Limit = 100,
) -> shapes.History:
    """Who changed what of this recipient's choices, and when."""
    return await choosing.history(service, caller, recipient, before=before, limit=limit)


# ── Personal data ────────────────────────────────────────────────────────────────────────────────────────


@router.get("/{recipient}/export")
async def export(recipient: RecipientId, caller: RecipientReader, service: Parts) -> dict[str, Any]:
    """All that is kept about one person. It is noted that it was shown."""
    desk = desk_of(caller, service)
    return await service.run(lambda: desk.export(recipient))


@router.delete("/{recipient}", status_code=204)
async def erase(recipient: RecipientId, caller: RecipientWriter, service: Parts) -> None:
    """Erase all that is kept about one person. What must stay for others no longer says who it was."""
    desk = desk_of(caller, service)
    await service.run(lambda: desk.erase(recipient))
