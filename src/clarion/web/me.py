"""A recipient's own: with their token, or by a key that acts for them. As the components speak it: `mine`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from clarion.web import bodies, choosing
from clarion.web import recipient_shapes as shapes
from clarion.web.need import Me
from clarion.web.parameters import Limit, Parts
from clarion.web.strict import StrictRoute

router = APIRouter(prefix="/v1/me", tags=["me"], route_class=StrictRoute)


@router.get("/configuration")
async def my_configuration(me: Me, service: Parts) -> shapes.Configuration:
    """All that I said, and what follows for every event type on every channel."""
    return await choosing.configuration(service, me, me.own)


@router.patch("/configuration")
async def choose(choices: bodies.Choices, me: Me, service: Parts) -> shapes.Configuration:
    """Change what I want to be told, where and when, in part: all of it or nothing."""
    return await choosing.choose(service, me, me.own, choices)


@router.put("/silence", status_code=204)
async def silence(me: Me, service: Parts, body: bodies.Silence) -> None:
    """Nothing but required types until then, or until `DELETE`."""
    await choosing.silence(service, me, me.own, body.until)


@router.delete("/silence", status_code=204)
async def resume(me: Me, service: Parts) -> None:
    """Be told again."""
    await choosing.resume(service, me, me.own)


@router.get("/history")
async def my_history(
    me: Me,
    service: Parts,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Limit = 100,
) -> shapes.History:
    """Who changed what of my choices, and when."""
    return await choosing.history(service, me, me.own, before=before, limit=limit)


@router.get("/export")
async def my_export(me: Me, service: Parts) -> dict[str, Any]:
    """All that is kept about me."""
    recipient = me.own
    return await service.run(lambda: service.clarion.recipients.export(recipient, tenant=me.tenant))
