"""A raw SMTP server that misbehaves on demand: at each stage it can say anything, hang, drop or dribble.

async with FaultServer() as server:
    server.at("rcpt", say("550 5.1.1 no such user"))
    ...
    assert server.mails == []
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict, deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

# "content" is where the content begins to arrive; "dot" is when all of it has.
STAGES = ("connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "content", "dot", "rset", "quit")


@dataclass(frozen=True)
class Fault:
    """What to do instead of the usual. `then`: go on, hang until the end, or drop the connection."""

    reply: bytes = b""
    then: str = "go on"
    pause: float = 0.0  # between the bytes of the reply


def say(*lines: str) -> Fault:
    return Fault("".join(f"{line}\r\n" for line in lines).encode())


def say_and_drop(*lines: str) -> Fault:
    return Fault(say(*lines).reply, then="drop")


def garbage(octets: bytes = b"\x16\x03\x01 what?\r\n") -> Fault:
    return Fault(octets)


def dribble(line: str, pause: float) -> Fault:
    return Fault(f"{line}\r\n".encode(), pause=pause)


hang = Fault(then="hang")
drop = Fault(then="drop")


@dataclass
class Mail:
    """What was taken, the dots undoubled."""

    sender: str
    to: list[str]
    raw: bytes


@dataclass
class _Talk:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    sender: str = ""
    to: list[str] = field(default_factory=list)


class _Dropped(Exception):
    pass


class FaultServer:
    """Well-behaved unless told otherwise. Faults of a stage are used up one by one; `always` ones stay."""

    def __init__(self, *abilities: str, tls: ssl.SSLContext | None = None, implicit: bool = False) -> None:
        self.abilities = list(abilities)
        self.mails: list[Mail] = []
        self.heard: list[str] = []  # every command line
        self.connections = 0
        self.open_now = 0
        self.most_open = 0
        self.passed = defaultdict[str, asyncio.Event](asyncio.Event)  # set when a stage was reached
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self._tls = tls
        self._implicit = implicit
        self._talks: set[asyncio.Task[None]] = set()
        self._end = asyncio.Event()
        self.port = 0

    def at(self, stage: str, *faults: Fault, always: bool = False) -> None:
        assert stage in STAGES, stage
        if always:
            (self._always[stage],) = faults
        else:
            self._faults[stage].extend(faults)

    def well(self) -> None:
        """From now on, no fault."""
        self._faults.clear()
        self._always.clear()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._talk, "127.0.0.1", self.port, ssl=self._tls if self._implicit else None, limit=1 << 16
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{'smtps' if self._implicit else 'smtp'}://127.0.0.1:{self.port}"

    async def drop_all(self) -> None:
        """Every open connection ends, and both sides know it."""
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        self.connections += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            await self._converse(_Talk(reader, writer))
        except (_Dropped, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open_now -= 1
            writer.transport.abort()

    async def _converse(self, talk: _Talk) -> None:
        await self._stage(talk, "connect", "220 fault.test ESMTP")
        while line := (await talk.reader.readline()).decode().rstrip("\r\n"):
            self.heard.append(line)
            verb = line[:4].upper() if not line.upper().startswith("STARTTLS") else "STARTTLS"
            match verb:
                case "EHLO" | "HELO":
                    await self._hello(talk, verb)
                case "STARTTLS":
                    await self._start_tls(talk)
                case "AUTH":
                    await self._stage(talk, "auth", "235 2.7.0 welcome")
                case "MAIL":
                    talk.sender, talk.to = _path(line), []
                    await self._stage(talk, "mail", "250 2.1.0 ok")
                case "RCPT":
                    talk.to.append(_path(line))
                    if not await self._stage(talk, "rcpt", "250 2.1.5 ok"):
                        talk.to.pop()
                case "DATA":
                    await self._data(talk)
                case "RSET":
                    await self._stage(talk, "rset", "250 2.0.0 ok")
                case "QUIT":
                    await self._stage(talk, "quit", "221 2.0.0 bye")
                    return
                case _:
                    await self._reply(talk, "500 5.5.1 what?")

    async def _hello(self, talk: _Talk, verb: str) -> None:
        lines = ["fault.test", *self.abilities] if verb == "EHLO" else ["fault.test"]
        if self._tls and not self._implicit and verb == "EHLO":
            lines.append("STARTTLS")
        await self._stage(
            talk,
            "ehlo",
            *(f"250{'-' if position < len(lines) - 1 else ' '}{line}" for position, line in enumerate(lines)),
        )

    async def _start_tls(self, talk: _Talk) -> None:
        if await self._stage(talk, "starttls", "220 2.0.0 go ahead") and self._tls:
            await talk.writer.start_tls(self._tls)

    async def _data(self, talk: _Talk) -> None:
        if not talk.to:
            await self._reply(talk, "503 5.5.1 no recipient")
            return
        if not await self._stage(talk, "data", "354 go on"):
            return
        await self._stage(talk, "content")
        content = b""
        while not (b"\r\n" + content).endswith(b"\r\n.\r\n"):
            chunk = await talk.reader.readuntil(b"\n")
            content += chunk
        content = content.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
        mail = Mail(talk.sender, list(talk.to), content)
        talk.to = []
        if await self._stage(talk, "dot", f"250 2.0.0 queued as Q{len(self.mails)}"):
            self.mails.append(mail)

    async def _stage(self, talk: _Talk, stage: str, *usual: str) -> bool:
        """Does what is asked for here; whether it was the usual."""
        self.passed[stage].set()
        faults = self._faults[stage]
        fault = faults.popleft() if faults else self._always.get(stage)
        if fault is None:
            await self._reply(talk, *usual)
            return True
        if fault.pause:
            for octet in fault.reply:
                talk.writer.write(bytes([octet]))
                await talk.writer.drain()
                await asyncio.sleep(fault.pause)
        else:
            talk.writer.write(fault.reply)
            await talk.writer.drain()
        if fault.then == "hang":
            await self._end.wait()
        if fault.then == "drop":
            if fault.reply:  # let the words arrive
                talk.writer.close()
            raise _Dropped
        return fault.reply[:1] in {b"2", b"3"}

    async def _reply(self, talk: _Talk, *lines: str) -> None:
        talk.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await talk.writer.drain()


def _path(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
