"""The way to a server: its name looked up, and the first of its addresses that answers."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain, zip_longest
from typing import Any

Place = tuple[int, tuple[Any, ...]]  # family, and what a socket of it connects to

HEAD_START = 0.25  # seconds before the next address is tried beside the last, RFC 8305 §8
_LONG = 10.0  # seconds after which a look-up is not waited for by those who come


class Route:
    """Looks the name up for each connection, once for all that wait at the same time.

    In a thread of its own, which is left behind when nobody waits any more: a resolver that hangs holds up neither
    others, who share the event loop's few threads, nor the end of the process.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._looking: asyncio.Future[list[Place] | Exception] | None = None
        self._since = 0.0

    async def connect(self) -> socket.socket:
        """A socket connected to one of the addresses; raises `OSError`, which `socket.gaierror` is."""
        found = await asyncio.shield(self._look_up())
        if isinstance(found, Exception):
            raise found
        return await _first(found)

    def _look_up(self) -> asyncio.Future[list[Place] | Exception]:
        loop = asyncio.get_running_loop()
        last = self._looking
        if (
            last is not None
            and last.get_loop() is loop
            and not last.done()
            and loop.time() < self._since + _LONG
        ):
            return last
        found: asyncio.Future[list[Place] | Exception] = loop.create_future()
        self._looking, self._since = found, loop.time()

        def hand_in(answer: list[Place] | Exception) -> None:
            if not found.done():
                found.set_result(answer)

        def run() -> None:
            answer: list[Place] | Exception
            try:
                answer = _places(self._host, self._port)
            except (OSError, UnicodeError) as error:
                answer = (
                    error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, str(error))
                )
            with suppress(RuntimeError):  # the loop has ended without us
                loop.call_soon_threadsafe(hand_in, answer)

        threading.Thread(target=run, name="clarion-dns", daemon=True).start()
        return found


def _places(host: str, port: int) -> list[Place]:
    """In the resolver's order, the families taking turns (RFC 8305 §4)."""
    found = [(row[0], row[4]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    like_first = [place for place in found if place[0] == found[0][0]]
    others = [place for place in found if place[0] != found[0][0]]
    return [place for place in chain.from_iterable(zip_longest(like_first, others)) if place is not None]


async def _first(places: Iterable[Place]) -> socket.socket:
    """Tries one address after the other, not waiting long for each before the next joins it."""
    left = deque(places)
    all_, trying = set[asyncio.Task[socket.socket]](), set[asyncio.Task[socket.socket]]()
    error: BaseException = OSError("the name has no address")
    winner = None
    try:
        while left or trying:
            if left:
                task = asyncio.create_task(_connected(*left.popleft()))
                all_.add(task)
                trying.add(task)
            done, trying = await asyncio.wait(
                trying, timeout=HEAD_START if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception() or error
                winner = task if task.exception() is None else winner
            if winner is not None:
                return winner.result()
        raise error
    finally:
        for task in all_ - {winner}:
            task.cancel()
            task.add_done_callback(_drop)


async def _connected(family: int, place: tuple[Any, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, place)
    except BaseException:
        made.close()
        raise
    return made


def _drop(task: asyncio.Task[socket.socket]) -> None:
    """It connected, and another was quicker."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
