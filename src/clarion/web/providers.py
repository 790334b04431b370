"""Channels and their providers, which are of the whole installation: what waits there, pauses, and whether they work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query

from clarion.errors import InvalidInput, NotFound, UnknownName
from clarion.recipient import Address
from clarion.trial.trying import Trial
from clarion.web import operator_bodies as bodies
from clarion.web import operator_shapes as shapes
from clarion.web.desks import desk_of
from clarion.web.need import Observer, Providers
from clarion.web.parameters import Name, Parts
from clarion.web.strict import StrictRoute

router = APIRouter(prefix="/v1", tags=["providers"], route_class=StrictRoute)

Result = TypeVar("Result")


@router.get("/pauses")
async def pauses(caller: Observer, service: Parts) -> shapes.Pauses:
    """What is left alone now, because it was out of reach or because somebody says so. Of lanes, only your tenant's,
    unless you have the scope `providers`."""
    desk = desk_of(caller, service)
    found = await service.run(desk.pauses)
    return shapes.Pauses(pauses=[shapes.Pause.model_validate(one) for one in found])


@router.get("/channels")
async def channels(caller: Providers, service: Parts) -> shapes.Channels:
    """Every channel, what pauses there, and how much waits, of all tenants."""
    desk = desk_of(caller, service)
    found = await service.run(desk.channels)
    return shapes.Channels(channels=[shapes.Channel.model_validate(one) for one in found])


@router.post("/channels/{channel}/pause")
async def pause(channel: Name, body: bodies.ToPause, caller: Providers, service: Parts) -> shapes.Pause:
    """Send nothing on a channel, or in a lane of it, until then. What is due waits, and costs no attempt."""
    desk = desk_of(caller, service)
    asked = service.run(lambda: desk.pause(channel, until=body.until, because=body.because, lane=body.lane))
    return shapes.Pause.model_validate(await _of_channel(asked))


@router.post("/channels/{channel}/resume", status_code=204)
async def resume(channel: Name, body: bodies.ToResume, caller: Providers, service: Parts) -> None:
    """End a pause, whoever began it. What is still down will be found so again."""
    desk = desk_of(caller, service)
    await _of_channel(service.run(lambda: desk.resume(channel, lane=body.lane)))


@router.post("/channels/{channel}/try")
async def try_out(channel: Name, body: bodies.TryOut, caller: Providers, service: Parts) -> shapes.Trial:
    """Send a test now, from this process. Nothing is written but that it was done."""
    if (body.address is None) == (body.recipient is None):
        raise InvalidInput("say whom to send the test: an address, or a recipient")
    to: str | Address = body.recipient or Address(channel, body.address or "")
    desk, loop = desk_of(caller, service), asyncio.get_running_loop()
    if channel not in service.clarion.channels:
        raise NotFound(f"no channel {channel!r} is configured in this process")
    return _trial(await service.patiently(lambda: desk.try_out(channel, to, type=body.type, loop=loop)))


def _trial(trial: Trial) -> shapes.Trial:
    names = tuple(shapes.Tried.model_fields)
    tried = [shapes.Tried(**{name: getattr(one, name) for name in names}) for one in trial.messages]
    return shapes.Trial(passed=trial.passed, messages=tried, left_out=dict(trial.left_out))


@router.get("/examination")
async def examine(
    caller: Providers,
    service: Parts,
    channels_only: Annotated[
        bool, Query(description="Only whether each channel reaches its provider.")
    ] = False,
) -> shapes.Examination:
    """Look at everything, connecting for real. Takes some seconds where something hangs."""
    desk = desk_of(caller, service)
    found = await service.patiently(lambda: desk.examine(channels_only=channels_only))
    return shapes.Examination(findings=[shapes.Finding.model_validate(one) for one in found])


async def _of_channel(work: Awaitable[Result]) -> Result:
    """Raises `NotFound` for a channel that there is not."""
    try:
        return await work
    except UnknownName as error:
        raise NotFound(str(error)) from None
