"""The bytes of one connection: lines out, replies in, and what became of the connection."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import cast

from clarion.channels.smtp import reply
from clarion.channels.smtp.reply import Garbage, Reply


class Lost(Exception):
    """The connection ended, or was never there."""


class Wire(asyncio.Protocol):
    """Replies are read in order; one that nobody asked for (a farewell, or a trick) makes the wire unfit."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._replies: deque[Reply] = deque()
        self._awaited = 1  # the greeting answers to nothing
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._full = False
        self._closed = asyncio.get_running_loop().create_future()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(
            high=1
        )  # so that `written` means all; with 0, TLS never says so

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while self._awaited and (found := reply.read(self._buffer)):
                self._awaited -= 1
                self._replies.append(found)
        except Garbage as error:
            self._fail(error)
            self._transport.abort()
        if self._buffer and not self._awaited:
            self._fail(Lost("the server spoke out of turn"))
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(Lost(f"the connection was lost: {exc}" if exc else "the server closed the connection"))
        self._wake()
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake()

    # What a connection calls

    @property
    def fit(self) -> bool:
        """Whether it is alive and in step."""
        idle = not self._awaited and not self._replies
        return idle and self._failure is None and not self._transport.is_closing()

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    @property
    def answered(self) -> bool:
        """Whether a reply is in that was not taken."""
        return bool(self._replies)

    def write(self, data: bytes, replies: int = 1) -> None:
        """Sends `data`, to which the server answers with so many replies; raises `Lost` where it cannot leave."""
        self._awaited += replies
        if self._failure or self._transport.is_closing():
            raise self._failure or Lost("the connection was lost")
        self._transport.write(data)

    def expect_reply(self) -> None:
        """One more, to what is written from now on."""
        self._awaited += 1

    def take_replies(self) -> list[Reply]:
        """Those that are in already."""
        taken = list(self._replies)
        self._replies.clear()
        return taken

    async def written(self) -> None:
        """Until nothing waits to be written; raises `Lost` if it never will be, unless a reply came."""
        while self._full and not self._replies:
            if self._failure:
                raise self._failure
            await self._wait()

    async def reply(self) -> Reply:
        """The next reply; raises `Lost` or `Garbage`. What came before the end still counts."""
        while not self._replies:
            if self._failure:
                raise self._failure
            await self._wait()
        return self._replies.popleft()

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Raises `OSError`. What came in clear and was not read is never taken for part of the secured talk."""
        if not self.fit:
            raise ssl.SSLError("the server sent more in clear than its consent to STARTTLS")
        loop = asyncio.get_running_loop()
        transport = await loop.start_tls(self._transport, self, context, server_hostname=host)
        if transport is None:
            raise ConnectionResetError("the connection was lost during the TLS handshake")
        self.connection_made(transport)

    def abort(self) -> None:
        self._fail(Lost("the connection was given up"))
        self._transport.abort()

    async def close(self) -> None:
        """Ends in good order: what was written is sent first. Cancelled, it ends at once."""
        self._transport.close()
        try:
            await asyncio.shield(self._closed)
        except asyncio.CancelledError:
            self._transport.abort()
            raise

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
