"""What operators do: choose deliveries to replay or cancel, silence, revive addresses, and give out keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from clarion.selection import Selection
from clarion.web import operator_bodies as bodies
from clarion.web import operator_shapes as shapes
from clarion.web.desks import desk_of
from clarion.web.need import KeyKeeper, Observer, Operator
from clarion.web.parameters import Limit, Parts, Word
from clarion.web.strict import StrictRoute

router = APIRouter(prefix="/v1", tags=["operators"], route_class=StrictRoute)

_WAIT = timedelta(seconds=1)  # what takes longer is carried out by workers

# ── Selections ───────────────────────────────────────────────────────────────────────────────────────────


@router.post("/selections", status_code=201)
async def select(body: bodies.Selection, caller: Operator, service: Parts) -> shapes.Selection:
    """Choose deliveries to be replayed or cancelled: just these, and how many. Nothing is done with them yet."""
    desk, said = desk_of(caller, service), body.said()
    del said["verb"]

    def preview() -> Selection:
        if isinstance(body, bodies.Cancel):
            return desk.preview_cancel(**said)
        chosen: dict[str, Any] = {"state" if name == "states" else name: said[name] for name in said}
        return desk.preview_replay(**{name: value for name, value in chosen.items() if value is not None})

    return shapes.Selection.model_validate(await service.run(preview))


@router.get("/selections")
async def selections(
    caller: Observer,
    service: Parts,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
    limit: Limit = 50,
) -> shapes.Selections:
    """Those of before, the newest first."""
    desk = desk_of(caller, service)
    return shapes.Selections.of(await service.run(lambda: desk.selections(cursor=cursor, most=limit)))


@router.get("/selections/{selection}")
async def get_selection(selection: UUID, caller: Observer, service: Parts) -> shapes.Selection:
    """What was chosen, and how far it is."""
    desk = desk_of(caller, service)
    return shapes.Selection.model_validate(await service.run(lambda: desk.selection(selection)))


@router.post("/selections/{selection}/apply", status_code=202)
async def apply(selection: UUID, body: bodies.Apply, caller: Operator, service: Parts) -> shapes.Selection:
    """Do with its members what they were chosen for, and with no others. What takes longer goes on by itself: `GET` tells
    how far it is. Said again, it does nothing twice."""
    desk = desk_of(caller, service)
    done = await service.run(lambda: desk.apply(selection, number=body.number, wait=_WAIT))
    return shapes.Selection.model_validate(done)


# ── Silences ─────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/silences")
async def silences(
    caller: Observer,
    service: Parts,
    ended: Annotated[bool, Query(description="Those that have ended, the last first.")] = False,
) -> shapes.Silences:
    """The silences that reign, or will, the oldest first."""
    desk = desk_of(caller, service)
    found = await service.run(lambda: desk.silences(ended=ended))
    return shapes.Silences(silences=[shapes.SilenceSaid.of(one) for one in found])


@router.post("/silences", status_code=201)
async def begin_silence(body: bodies.ToSilence, caller: Operator, service: Parts) -> shapes.SilenceSaid:
    """Say no for a while to what matches. Nothing passes it, not even a required type."""
    desk = desk_of(caller, service)
    said = await service.run(
        lambda: desk.silence(body.matches, comment=body.comment, until=body.until, starts=body.starts)
    )
    return shapes.SilenceSaid.of(said)


@router.delete("/silences/{silence}", status_code=204)
async def end_silence(silence: UUID, caller: Operator, service: Parts) -> None:
    """End a silence now. Again, it changes nothing."""
    desk = desk_of(caller, service)
    await service.run(lambda: desk.end_silence(silence))


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/addresses")
async def addresses(
    caller: Observer,
    service: Parts,
    gone: bool | None = None,
    recipient: Word | None = None,
    channel: Word | None = None,
    after: UUID | None = None,
    limit: Limit = 100,
) -> shapes.Addresses:
    """Where recipients are reached, the oldest first; `gone`: only those that are dead. It is noted that they were shown."""
    desk = desk_of(caller, service)
    found = await service.run(
        lambda: desk.addresses(gone=gone, recipient=recipient, channel=channel, after=after, most=limit + 1)
    )
    shown = [shapes.AddressHealth.model_validate(one) for one in found[:limit]]
    return shapes.Addresses(addresses=shown, next=shown[-1].id if len(found) > limit else None)


@router.post("/addresses/{address}/revive", status_code=204)
async def revive(address: UUID, caller: Operator, service: Parts) -> None:
    """Let a dead address be tried again; what failed because of it may then be replayed."""
    desk = desk_of(caller, service)
    await service.run(lambda: desk.revive(address))


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/keys")
async def keys(caller: KeyKeeper, service: Parts) -> shapes.Keys:
    """All keys of the tenant, the oldest first, also those that are over. Their secrets are kept nowhere."""
    desk = desk_of(caller, service)
    found = await service.run(desk.keys)
    return shapes.Keys(keys=[shapes.Key.model_validate(one) for one in found])


@router.post("/keys", status_code=201)
async def issue_key(body: bodies.NewKey, caller: KeyKeeper, service: Parts) -> shapes.Issued:
    """A new key, with scopes that you have yourself. Its secret is shown this once."""
    desk = desk_of(caller, service)
    issued = await service.run(lambda: desk.issue_key(body.name, body.scopes, expires_at=body.expires_at))
    return shapes.Issued.of(issued)


@router.delete("/keys/{key}", status_code=204)
async def revoke_key(key: UUID, caller: KeyKeeper, service: Parts) -> None:
    """Let a key open nothing any more, within seconds. Again, it changes nothing."""
    desk = desk_of(caller, service)
    await service.run(lambda: desk.revoke_key(key))
