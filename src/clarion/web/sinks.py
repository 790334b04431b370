"""Pull sinks: a device claims what is to be shown there, and says what became of it. For a recipient, or a key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import AfterValidator
from starlette.requests import Request

from clarion import clock
from clarion.event import TEXT_LIMIT
from clarion.store.sinks import Sink
from clarion.web import sinks_shapes as shapes
from clarion.web.caller import Caller
from clarion.web.need import Fetcher
from clarion.web.parameters import Parts, clean
from clarion.web.service import Service
from clarion.web.strict import StrictRoute
from clarion.workers.handing import Claimed

router = APIRouter(prefix="/v1/sinks/{channel}/claims", tags=["sinks"], route_class=StrictRoute)

ChannelName = Annotated[str, AfterValidator(clean), Path(max_length=TEXT_LIMIT, examples=["desktop"])]
_OVER = {"x-refuses": [409]}
Said = TypeVar("Said")


@router.post("")
async def claim(
    channel: ChannelName, body: shapes.Claim, request: Request, caller: Fetcher, service: Parts
) -> shapes.Claims:
    """What is due and still wanted: held by whoever asks until the lease ends, and by nobody else.

    A key without `Clarion-Recipient` fetches for everybody in its tenant. With `wait`, the answer comes when there is
    something, or after so many seconds.
    """
    pull = service.clarion.pull
    sink = pull.sink(channel, caller.recipient, body.address, caller.tenant)

    def take() -> Awaitable[list[Claimed]]:
        lease = timedelta(seconds=body.lease)
        return _say(service, caller, pull.claim, channel, limit=body.limit, lease=lease, address=body.address)

    ends = clock.monotonic() + body.wait
    found = await take()
    while not found and (left := ends - clock.monotonic()) > 0:
        if not await _may_be_there(service, sink, request, left):
            break
        found = await take()
    return shapes.Claims(claims=[shapes.Claimed.of(one) for one in found])


async def _may_be_there(service: Service, sink: Sink, request: Request, seconds: float) -> bool:
    """Wait for something; whether there may be, and whoever asks is still there to take it."""
    coming = asyncio.ensure_future(service.fetching.wait(sink))
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((coming, leaving), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return coming.done() and not leaving.done() and not service.fetching.stopped
    finally:
        for one in (coming, leaving):
            one.cancel()
        await asyncio.gather(coming, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    """Until nobody waits for the answer any more."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


@router.post("/{delivery}/extend", openapi_extra=_OVER)
async def extend(
    channel: ChannelName, delivery: UUID, body: shapes.Extend, caller: Fetcher, service: Parts
) -> shapes.Extended:
    """Hold it for longer, from now on."""
    extend, lease = service.clarion.pull.extend, timedelta(seconds=body.lease)
    found = await _say(service, caller, extend, channel, delivery, body.claim, lease=lease)
    return shapes.Extended.model_validate(found)


@router.post("/{delivery}/sent", status_code=204, openapi_extra=_OVER)
async def sent(
    channel: ChannelName, delivery: UUID, body: shapes.Sent, caller: Fetcher, service: Parts
) -> None:
    """It was shown. Said again, it changes nothing."""
    await _say(service, caller, service.clarion.pull.sent, channel, delivery, body.claim, body.receipt)


@router.post("/{delivery}/failed", status_code=204, openapi_extra=_OVER)
async def failed(
    channel: ChannelName, delivery: UUID, body: shapes.Failed, caller: Fetcher, service: Parts
) -> None:
    """It could not be shown: for good, or it comes again later, by its type's schedule."""
    await _say(
        service,
        caller,
        service.clarion.pull.failed,
        channel,
        delivery,
        body.claim,
        body.code,
        permanent=body.permanent,
        detail=body.detail,
        after=None if body.after is None else timedelta(seconds=body.after),
    )


@router.post("/{delivery}/give-back", status_code=204, openapi_extra=_OVER)
async def give_back(
    channel: ChannelName, delivery: UUID, body: shapes.GivenBack, caller: Fetcher, service: Parts
) -> None:
    """Nobody has begun to show it: it is due again at once, and that was no attempt."""
    await _say(service, caller, service.clarion.pull.give_back, channel, delivery, body.claim)


async def _say(
    service: Service, caller: Caller, verb: Callable[..., Said], *what: object, **more: object
) -> Said:
    """One of the verbs of `Pulling`, about what this caller may fetch."""
    return await service.run(partial(verb, *what, recipient=caller.recipient, tenant=caller.tenant, **more))
