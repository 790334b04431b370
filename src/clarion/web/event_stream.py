"""One stream of server-sent events, as an ASGI response: what was missed, then what happens, until it ends.

It ends with the token or key by which its reader came in, with the service, with the reader, and for a reader who is too slow.
"""

from __future__ import annotations

import asyncio
import logging
import math
from functools import partial

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from clarion import clock
from clarion.errors import said
from clarion.web import streams
from clarion.web.caller import Caller
from clarion.web.service import Service
from clarion.web.streams import News, Stream

log = logging.getLogger(__name__)

PING = 30.0  # seconds
REPLAYED = 1000  # changes: for who missed more, reading the list is less
PAGE = 200
_BEGUN = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")],
}


class EventStream(Response):
    """`after`: the number of the last change that the reader knows; `None`: what happens from now on is wanted."""

    media_type = "text/event-stream"

    def __init__(self, service: Service, caller: Caller, after: int | None) -> None:
        super().__init__()
        self._service, self._caller, self._after = service, caller, after

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        stream = await self._service.streams.join((self._caller.tenant, self._caller.own))
        leaving = asyncio.create_task(_left(receive, stream))
        try:
            await send(_BEGUN)
            try:
                await self._tell(stream, send)
            except Exception as error:  # noqa: BLE001 - it has begun: all that can be done is to end it
                log.warning("a stream ends before its time, its reader will come back: %s", said(error))
            await send({"type": "http.response.body"})
        finally:
            leaving.cancel()
            self._service.streams.leave(stream)

    async def _tell(self, stream: Stream, send: Send) -> None:
        if self._after is None:
            told = stream.since
            await _send(send, b": here\nid: %d\n\n" % told)  # to come back with, before anything happens
        else:
            await _send(send, b": here\n\n")
            told = await self._replay(stream, self._after, send)
        ping = clock.monotonic() + PING
        while not stream.ended and (good_for := self._good_for()) > 0:
            if (left := ping - clock.monotonic()) <= 0:
                if not await self._may_stay():
                    return
                await _send(send, b": ping\n\n")
                ping += PING
            elif news := stream.take(told):
                await _send(send, news)
            else:
                await stream.woken(min(left, good_for))

    async def _replay(self, stream: Stream, after: int, send: Send) -> int:
        """Tell what was missed; the number above which the stream goes on."""
        sent = 0
        while not stream.ended:
            found = await self._service.run(partial(self._missed, after, stream.since))
            sent += len(found.events)
            if found.reset or sent > REPLAYED:
                upto = max(found.upto, stream.since)
                await _send(send, streams.reset(upto))
                return upto
            if found.events:
                await _send(send, b"".join(event for _, _, event in found.events))
            if found.upto >= stream.since or found.upto == after:
                break
            after = found.upto
        return max(after, stream.since)

    def _missed(self, after: int, upto: int) -> News:
        """Some of what happened after this number, as far as the stream does not tell it. In a thread."""
        clarion, me = self._service.clarion, self._caller
        found = clarion.changes.read(after, recipient=me.own, tenant=me.tenant, most=PAGE)
        missed = [change for change in found.changes if change.n <= upto]
        return News(streams.events_of(clarion, missed, replayed=True), found.upto, found.reset)

    def _good_for(self) -> float:
        """Seconds until the token, or the key, has expired."""
        ends = self._caller.ends
        return math.inf if ends is None else (ends - clock.now()).total_seconds()

    async def _may_stay(self) -> bool:
        """A key may have been revoked."""
        me = self._caller
        return me.key is None or await self._service.keyring.of_id(me.tenant, me.key) is not None


async def _send(send: Send, text: bytes) -> None:
    await send({"type": "http.response.body", "body": text, "more_body": True})


async def _left(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()
