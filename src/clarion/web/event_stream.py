"""One stream of server-sent events: what was missed, then what happens, until it ends.

It ends with the token or key by which its reader came in, with the service, with the reader, and for a reader who is too slow.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from clarion import clock
from clarion.errors import said
from clarion.web import streams
from clarion.web.caller import Caller
from clarion.web.guard import REST
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

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Let the reader in. The rest is told from outside, so that nothing is held of what was needed for that."""
        stream = await self._service.streams.join((self._caller.tenant, self._caller.own))
        try:
            await send(_BEGUN)
        except BaseException:
            self._service.streams.leave(stream)
            raise
        scope[REST] = Telling(self._service, self._caller, self._after, stream)


class Telling:
    """A reader who was let in. Nothing runs for them while nothing happens: a task is made for what there is to tell."""

    __slots__ = (
        "_after", "_caller", "_loop", "_ping", "_send", "_service", "_stream", "_timer", "_told", "_until", "_writing",
    )  # fmt: skip

    def __init__(self, service: Service, caller: Caller, after: int | None, stream: Stream) -> None:
        self._service, self._caller, self._after, self._stream = service, caller, after, stream
        self._loop = asyncio.get_running_loop()
        self._told = 0
        self._ping = False
        self._writing: asyncio.Task[None] | None = None

    async def __call__(self, receive: Receive, send: Send) -> None:
        self._send = send
        try:
            await self._begin()
            await self._stay(receive)
            if self._writing is not None:
                await self._writing
            await send({"type": "http.response.body"})
        finally:
            self._service.streams.leave(self._stream)

    async def _begin(self) -> None:
        """What was missed; `_told` is then the number above which the stream goes on."""
        try:
            if self._after is None:
                self._told = self._stream.since
                await self._say(
                    b": here\nid: %d\n\n" % self._told
                )  # to come back with, before anything happens
            else:
                await self._say(b": here\n\n")
                self._told = await self._replay(self._after)
        except Exception as error:  # noqa: BLE001 - it has begun: all that can be done is to end it
            self._give_up(error)

    async def _stay(self, receive: Receive) -> None:
        """Until the reader leaves, or it ends."""
        self._wind()
        try:
            async with asyncio.timeout(self._good_for()) as self._until:
                self._stream.waker = self._woken
                self._woken()
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            pass  # ended from here
        finally:
            self._stream.waker = None
            self._timer.cancel()

    def _woken(self) -> None:
        """Something is there to be told, or it has ended."""
        if self._stream.ended:
            self._loop.call_soon_threadsafe(self._end)  # the service is stopped from anywhere
        elif self._writing is None:
            self._writing = asyncio.create_task(self._write())

    def _end(self) -> None:
        if self._stream.waker is not None and not self._until.expired():
            self._until.reschedule(self._loop.time())

    async def _write(self) -> None:
        try:
            while not self._stream.ended and (self._ping or self._stream.waiting):
                if self._ping:
                    await self._say_there()
                elif news := self._stream.take(self._told):
                    await self._say(news)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)
        finally:
            self._writing = None

    # ── Pings ────────────────────────────────────────────────────────────────────────────────────────────

    def _wind(self) -> None:
        self._timer = self._loop.call_later(PING, self._due)

    def _due(self) -> None:
        self._ping = True
        self._woken()

    async def _say_there(self) -> None:
        self._ping = False
        if await self._may_stay():
            await self._say(b": ping\n\n")
            self._wind()
        else:
            self._stream.end()

    async def _may_stay(self) -> bool:
        """A key may have been revoked."""
        me = self._caller
        return me.key is None or await self._service.keyring.of_id(me.tenant, me.key) is not None

    def _good_for(self) -> float | None:
        """Seconds until the token, or the key, has expired."""
        ends = self._caller.ends
        return None if ends is None else (ends - clock.now()).total_seconds()

    # ── What was missed ──────────────────────────────────────────────────────────────────────────────────

    async def _replay(self, after: int) -> int:
        """Tell what was missed; the number above which the stream goes on."""
        sent, since = 0, self._stream.since
        while not self._stream.ended:
            found = await self._service.run(partial(self._missed, after, since))
            sent += len(found.events)
            if found.reset or sent > REPLAYED:
                upto = max(found.upto, since)
                await self._say(streams.reset(upto))
                return upto
            if found.events:
                await self._say(b"".join(event for _, _, event in found.events))
            if found.upto >= since or found.upto == after:
                break
            after = found.upto
        return max(after, since)

    def _missed(self, after: int, upto: int) -> News:
        """Some of what happened after this number, as far as the stream does not tell it. In a thread."""
        clarion, me = self._service.clarion, self._caller
        found = clarion.changes.read(after, recipient=me.own, tenant=me.tenant, most=PAGE)
        missed = [change for change in found.changes if change.n <= upto]
        return News(streams.events_of(clarion, missed, replayed=True), found.upto, found.reset)

    # ── To the reader ────────────────────────────────────────────────────────────────────────────────────

    async def _say(self, text: bytes) -> None:
        await self._send({"type": "http.response.body", "body": text, "more_body": True})

    def _give_up(self, error: Exception) -> None:
        log.warning("a stream ends before its time, its reader will come back: %s", said(error))
        self._stream.end()
