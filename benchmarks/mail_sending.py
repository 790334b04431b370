"""How many mails a second reach an SMTP server: python -m benchmarks.mail_sending

The server is a sink in a process of its own that counts, with and without PIPELINING (RFC 2920). The mails of the other
clients are built beforehand; ours builds its own. Interleaved rounds in one run; medians.

    bare      kept-open connections, one write and one read a step, no checks: the floor
    aiosmtplib, smtplib   kept-open connections of these libraries (asyncio; threads)
    Email     the channel, as the worker calls it: 50 at once
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import smtplib
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import aiosmtplib

from benchmarks import latest
from benchmarks.comparison import Comparison
from benchmarks.mail_building import SENDER, content
from clarion import clock, event, ids
from clarion.channels import addresses, mail
from clarion.channels.email import Email
from clarion.message import Message
from clarion.recipient import Address, Recipient
from clarion.severity import Severity

AT_ONCE = 50
TARGET = 0.9  # of the bare connections
BOB = Address("email", "bob@b.test")
RAW = mail.compose(content(), SENDER).complete(addresses.parse(BOB.value), None, ids.uuid7(), clock.now())


class Sink(asyncio.Protocol):
    """Answers as fast as it can, in one write for all that came in one read."""

    def __init__(self, pipelining: bool) -> None:
        self._hello = (
            b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
            if pipelining
            else b"250-sink\r\n250 8BITMIME\r\n"
        )
        self._buffer = b""
        self._content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = []
        while True:
            if self._content:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                self._buffer, self._content = self._buffer[end + 5 :], False
                answers.append(b"250 2.0.0 ok\r\n")
                continue
            line, newline, rest = self._buffer.partition(b"\r\n")
            if not newline:
                break
            self._buffer = rest
            verb = line[:4].upper()
            if verb == b"DATA":
                self._content = True
                answers.append(b"354 go\r\n")
            else:
                answers.append(
                    self._hello if verb == b"EHLO" else b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n"
                )
        self._transport.write(b"".join(answers))


def sink(pipelining: bool, ready: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Sink(pipelining), "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


async def spread(count: int, size: int, one: Callable[[asyncio.Queue[int]], Awaitable[None]]) -> float:
    """Mails a second of `size` workers that share `count` mails; connecting is not counted."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    workers = [asyncio.create_task(_run(one, queue)) for _ in range(size)]
    await asyncio.sleep(0.2)  # until all are connected and wait for the first mail
    begun = time.perf_counter()
    for number in range(count):
        queue.put_nowait(number)
    await queue.join()
    taken = time.perf_counter() - begun
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return count / taken


async def _run(one: Callable[[asyncio.Queue[int]], Awaitable[None]], queue: asyncio.Queue[int]) -> None:
    await one(queue)


async def bare(port: int, count: int, size: int) -> float:
    async def one(queue: asyncio.Queue[int]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"EHLO bench\r\n")
        while (await reader.readline())[3:4] == b"-":
            pass
        steps = (b"MAIL FROM:<hello@acme.test>\r\n", b"RCPT TO:<bob@b.test>\r\n", b"DATA\r\n", RAW + b".\r\n")
        try:
            while True:
                await queue.get()
                for step in steps:
                    writer.write(step)
                    await reader.readline()
                queue.task_done()
        finally:
            writer.close()

    return await spread(count, size, one)


async def with_aiosmtplib(port: int, count: int, size: int) -> float:
    async def one(queue: asyncio.Queue[int]) -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            while True:
                await queue.get()
                await client.sendmail("hello@acme.test", ["bob@b.test"], RAW)
                queue.task_done()

    return await spread(count, size, one)


async def with_smtplib(port: int, count: int, size: int) -> float:
    def share(client: smtplib.SMTP) -> None:
        for _ in range(count // len(clients)):
            client.sendmail("hello@acme.test", ["bob@b.test"], RAW)

    clients = [smtplib.SMTP("127.0.0.1", port) for _ in range(min(size, 8))]
    with ThreadPoolExecutor(len(clients)) as threads:
        begun = time.perf_counter()
        list(threads.map(share, clients))
        taken = time.perf_counter() - begun
    for client in clients:
        client.quit()
    return count // len(clients) * len(clients) / taken


async def with_email(port: int, count: int, size: int) -> float:
    email = Email(f"smtp://127.0.0.1:{port}", sender="Acme <hello@acme.test>", size=size)
    about = event.make("cl.comment.created", {"thread": "cl/42"})
    words = content()

    def message() -> Message:
        return Message(
            id=ids.uuid7(),
            tenant="default",
            event=about,
            recipient=Recipient(id="bob"),
            reason="mention",
            severity=Severity.INFO,
            locale="en",
            url=None,
            content=words,
        )

    async def work(share: list[Message]) -> None:
        for one in share:
            await email.send(one, BOB)

    shares = [[message() for _ in range(count // AT_ONCE)] for _ in range(AT_ONCE)]
    await asyncio.gather(*(work([message()]) for _ in range(AT_ONCE)))
    begun = time.perf_counter()
    await asyncio.gather(*map(work, shares))
    taken = time.perf_counter() - begun
    await email.close()
    return count // AT_ONCE * AT_ONCE / taken


def comparisons(found: dict[str, list[float]], pipelining: bool) -> list[Comparison]:
    """Ours beside each other client of the same server."""
    rates = {name: statistics.median(each) for name, each in found.items()}
    ours = rates.pop("Email")
    server = "a server that pipelines" if pipelining else "a server that does not pipeline"
    return [
        Comparison(
            name=f"mail_sending: {server}, against {name}",
            ours=ours,
            other=rate,
            other_name=f"{name}, connections kept open",
            unit="mails a second",
            target=TARGET if name == "bare" else None,
        )
        for name, rate in rates.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=5000, help="mails in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=20, help="connections")
    options = parser.parse_args()
    ways = {
        "bare": bare,
        "aiosmtplib": with_aiosmtplib,
        "smtplib, 8 threads": with_smtplib,
        "Email": with_email,
    }
    print(f"mails of {len(RAW):,} bytes, {options.size} connections, {options.count:,} mails a round")
    compared: list[Comparison] = []
    for pipelining in (False, True):
        here, there = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=sink, args=(pipelining, there), daemon=True
        )
        process.start()
        port = here.recv()
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, way in ways.items():
                found[name].append(asyncio.run(way(port, options.count, options.size)))
        process.terminate()
        process.join()
        floor = statistics.median(found["bare"])
        print(f"the server {'offers' if pipelining else 'does not offer'} PIPELINING")
        for name, rates in found.items():
            print(f"{statistics.median(rates):>10,.0f}/s {statistics.median(rates) / floor:>6.2f}x  {name}")
        compared += comparisons(found, pipelining)
    latest.record("mail_sending", compared)


if __name__ == "__main__":
    main()
