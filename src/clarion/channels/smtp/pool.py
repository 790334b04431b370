"""Connections kept open to one mail server, and one deadline for each message."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from datetime import timedelta

from clarion.channels.addresses import Mailbox
from clarion.channels.smtp.connection import Connection, Progress, Stale
from clarion.channels.smtp.reply import unknown
from clarion.channels.smtp.route import Route
from clarion.channels.smtp.server import Server
from clarion.errors import Down, Retry, SendError

GOODBYE = timedelta(seconds=1)


class Pool:
    """At most `size` connections, each for `messages` messages, closed after `idle` without one.

    Belongs to the event loop that it is used in until `close`.
    """

    def __init__(
        self, server: Server, *, size: int, idle: timedelta, messages: int, timeout: timedelta
    ) -> None:
        self.server = server
        self._route = Route(server.host, server.port)
        self._size = size
        self._idle_seconds = idle.total_seconds()
        self._messages = messages
        self._timeout = timeout.total_seconds()
        self._context: ssl.SSLContext | None = None
        self._idle: deque[tuple[Connection, float]] = deque()  # with the time since when, the longest first
        self._sweep: asyncio.TimerHandle | None = None
        self._places = asyncio.Semaphore(size)
        self._leaving: set[asyncio.Task[None]] = set()

    async def deliver(self, sender: Mailbox, to: Mailbox, message: bytes) -> str:
        """Hands over one message within the deadline, which includes the wait for a connection; raises `SendError`."""
        used: list[Connection] = []
        try:
            async with asyncio.timeout(self._timeout), self._places:
                kept = self._take()
                if kept is not None:
                    try:
                        return await self._use(kept, used, sender, to, message)
                    except Stale:
                        used.clear()
                return await self._use(await self._open(), used, sender, to, message)
        except TimeoutError:
            raise self._late(used[-1].progress if used else Progress.NOTHING) from None

    async def check(self) -> None:
        """Connects anew, greets, secures, logs in and says goodbye, within the deadline; raises `Down`."""
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._open()
        except TimeoutError:
            raise self._late(Progress.NOTHING) from None
        await _goodbye(connection)

    async def close(self) -> None:
        """Closes what is idle and, when it comes back, what is in use. May be called again, or send again after it."""
        self._places = asyncio.Semaphore(self._size)
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._idle:
            self._leave(self._idle.pop()[0])
        await asyncio.gather(*self._leaving)

    async def _open(self) -> Connection:
        return await Connection.open(self.server, self._route, self._tls)

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self.server.tls_context()
        return self._context

    async def _use(
        self, connection: Connection, used: list[Connection], sender: Mailbox, to: Mailbox, message: bytes
    ) -> str:
        used.append(connection)
        places = self._places
        try:
            return await connection.deliver(sender, to, message)
        finally:
            if places is not self._places or connection.delivered >= self._messages:  # closed meanwhile
                self._leave(connection)
            else:
                self._give_back(connection)

    def _take(self) -> Connection | None:
        """The one used last, so that those too many grow idle."""
        while self._idle:
            connection, _ = self._idle.pop()
            if connection.fit:
                return connection
            connection.abort()
        return None

    def _give_back(self, connection: Connection) -> None:
        if not connection.fit:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        self._idle.append((connection, loop.time()))
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_seconds, self._expire)

    def _expire(self) -> None:
        """Closes what has been idle for too long, and comes back when the next will have been."""
        loop = asyncio.get_running_loop()
        while self._idle and self._idle[0][1] + self._idle_seconds <= loop.time():
            self._leave(self._idle.popleft()[0])
        self._sweep = (
            loop.call_at(self._idle[0][1] + self._idle_seconds, self._expire) if self._idle else None
        )

    def _leave(self, connection: Connection) -> None:
        """Says goodbye beside other work."""
        leaving = asyncio.create_task(_goodbye(connection))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def _late(self, progress: Progress) -> SendError:
        detail = f"no answer within {self._timeout:g} seconds"
        match progress:
            case Progress.NOTHING:
                return Down("timeout", detail)
            case Progress.DOT:
                return unknown(detail)
            case _:
                return Retry("timeout", detail)


async def _goodbye(connection: Connection) -> None:
    try:
        async with asyncio.timeout(GOODBYE.total_seconds()):
            await connection.close()
    except TimeoutError:
        pass  # it was aborted
