from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from clarion.channels.smtp.route import Route
from tests.support.smtp import FaultServer
from tests.support.working import PATIENCE

pytestmark = pytest.mark.anyio

NO_WAY = "240.0.0.1"  # reserved: nothing answers, or there is no way there
SILENT, REFUSES, ANSWERS = "127.0.0.3", "127.0.0.2", "127.0.0.1"


@contextmanager
def silent(port: int) -> Iterator[None]:
    """At `SILENT` somebody listens whose queue is full: who connects there is not answered."""
    with socket.socket() as listening, ExitStack() as waiting:
        listening.bind((SILENT, port))
        listening.listen(0)
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex((SILENT, port))
        yield


class Resolver:
    """Answers with these addresses for every name, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0
        self.open = threading.Event()
        self.open.set()
        monkeypatch.setattr(socket, "getaddrinfo", self._answer)

    def _answer(self, _host: str, port: int, **_options: Any) -> list[Any]:
        self.asked += 1
        assert self.open.wait(60)
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in self.addresses
        ]


@pytest.mark.parametrize(
    "addresses",
    [(ANSWERS,), (REFUSES, ANSWERS), (SILENT, ANSWERS), ("100::1", SILENT, NO_WAY, REFUSES, ANSWERS)],
    ids=["one", "the first refuses", "the first is silent", "four are of no use"],
)
async def test_the_first_address_that_answers(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    async with FaultServer() as server:
        Resolver(monkeypatch, *addresses)
        with silent(server.port):
            async with asyncio.timeout(PATIENCE):
                made = await Route("mail.acme.test", server.port).connect()
        with made:
            assert made.getpeername() == (ANSWERS, server.port)
            assert made.gettimeout() == 0.0


async def test_one_that_is_silent_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FaultServer() as server:
        Resolver(monkeypatch, SILENT)
        with silent(server.port), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await Route("mail.acme.test", server.port).connect()


async def test_none_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        Resolver(monkeypatch, ANSWERS, REFUSES)
        with pytest.raises(ConnectionRefusedError):
            await Route("mail.acme.test", taken.getsockname()[1]).connect()


async def test_those_who_wait_share_a_look_up_and_the_next_asks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FaultServer() as server:
        resolver = Resolver(monkeypatch, ANSWERS)
        route = Route("mail.acme.test", server.port)
        resolver.open.clear()
        together = [asyncio.create_task(route.connect()) for _ in range(5)]
        await asyncio.sleep(0)
        given_up = together.pop()
        given_up.cancel()
        resolver.open.set()
        for made in await asyncio.gather(*together):
            made.close()
        assert resolver.asked == 1
        (await route.connect()).close()
        assert resolver.asked == 2


async def test_a_name_that_cannot_be_one() -> None:
    with pytest.raises(socket.gaierror):
        await Route("x" * 70 + ".test", 25).connect()


def test_it_may_be_used_in_one_event_loop_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while a look-up of the first still hangs."""
    resolver = Resolver(monkeypatch, ANSWERS)
    resolver.open.clear()

    async def hangs(route: Route) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(route.connect(), 0.05)

    async def connects(route: Route) -> None:
        resolver.open.set()
        (await route.connect()).close()

    with socket.create_server((ANSWERS, 0)) as listening:
        route = Route("mail.acme.test", listening.getsockname()[1])
        asyncio.run(hangs(route))
        asyncio.run(connects(route))
    assert resolver.asked == 2
