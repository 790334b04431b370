"""One connection to a mail server: opened, secured, logged in, then one message after another."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable
from enum import IntEnum
from ipaddress import ip_address

from clarion.channels.addresses import Mailbox
from clarion.channels.smtp.reply import RECEIPT_LIMIT, Garbage, Reply, Stage, refusal, unknown
from clarion.channels.smtp.route import Route
from clarion.channels.smtp.server import Security, Server
from clarion.channels.smtp.wire import Lost, Wire
from clarion.errors import Down, Reject, Retry, SendError

CHUNK = 64 * 1024


class Progress(IntEnum):
    """How much of a message has left."""

    NOTHING = 0
    ENVELOPE = 1  # the server may know sender and recipient
    CONTENT = 2  # it may hold part of the content, which means nothing to it yet
    DOT = 3  # it may have taken the message


class Stale(Exception):
    """A kept connection turned out to have ended before it answered to anything of this message."""


class Connection:
    """`deliver` takes one message at a time. `progress` says how far the current one is."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._abilities: dict[str, str] = {}
        self._dirty = False  # the server holds an envelope that came to nothing
        self.progress = Progress.NOTHING
        self.delivered = 0  # messages taken or refused so far

    @classmethod
    async def open(cls, server: Server, route: Route, context: Callable[[], ssl.SSLContext]) -> Connection:
        """Raises `Down`. `context` is asked for only where TLS is spoken."""
        implicit = context() if server.security is Security.IMPLICIT else None
        loop = asyncio.get_running_loop()
        try:
            _, wire = await loop.create_connection(
                Wire,
                sock=await route.connect(),
                ssl=implicit,
                server_hostname=server.host if implicit else None,
            )
        except socket.gaierror as error:
            raise Down("dns", f"{server.host}: {error.strerror}") from None
        except ssl.SSLError as error:
            raise Down("tls", str(error)) from None
        except OSError as error:
            raise Down("connect", str(error)) from None
        connection = cls(wire)
        try:
            await connection._prepare(server, context)
        except BaseException as error:
            wire.abort()
            match error:
                case Lost():
                    raise Down("connect", str(error)) from None
                case Garbage():
                    raise Down("protocol", str(error)) from None
            raise
        return connection

    @property
    def fit(self) -> bool:
        """Whether another message may be tried on it."""
        return self.progress is Progress.NOTHING and self._wire.fit

    async def deliver(self, sender: Mailbox, to: Mailbox, message: bytes) -> str:
        """Hands over one message (RFC 5322, CRLF) and returns the server's words; raises `SendError` or `Stale`."""
        self._check(to, message)
        try:
            await self._envelope(sender, to, len(message))
            whole = await self._content(message)
            reply = await self._wire.reply()
        except (Lost, Garbage) as error:
            self._wire.abort()
            raise self._broken(error) from None
        except BaseException as error:
            if not isinstance(error, SendError):  # cancelled in the middle
                self._wire.abort()
            raise
        self._done(reply)
        if not whole:
            self._wire.abort()
        if not whole or not reply.good:
            raise refusal(reply, Stage.DOT)
        return reply.text[:RECEIPT_LIMIT]

    async def close(self) -> None:
        """Says goodbye and waits for it; `abort` does not."""
        try:
            if self.fit:
                self._wire.write(b"QUIT\r\n")
                await self._wire.reply()
        except (Lost, Garbage):
            pass
        except asyncio.CancelledError:
            self._wire.abort()
            raise
        await self._wire.close()

    def abort(self) -> None:
        self._wire.abort()

    # Opening

    async def _prepare(self, server: Server, context: Callable[[], ssl.SSLContext]) -> None:
        greeting = await self._wire.reply()
        if greeting.code != 220:
            raise refusal(greeting, Stage.OPENING)
        await self._hello()
        secured = server.security is Security.IMPLICIT
        if server.security is Security.STARTTLS or (
            server.security is Security.OFFERED and "STARTTLS" in self._abilities
        ):
            await self._start_tls(server, context)
            secured = True
        if server.user is not None:
            if not secured and not server.local:
                raise Down("tls", f"{server.host} offers no STARTTLS, and a password is not sent in clear")
            await self._login(server.user, server.password)

    async def _hello(self) -> None:
        name = _own_name(self._wire.transport)
        reply = await self._ask(f"EHLO {name}")
        if 500 <= reply.code <= 504:
            reply = await self._ask(f"HELO {name}")
            if not reply.good:
                raise refusal(reply, Stage.OPENING)
            self._abilities = {}
            return
        if not reply.good:
            raise refusal(reply, Stage.OPENING)
        words = (line.partition(" ") for line in reply.lines[1:])
        self._abilities = {word.upper(): rest for word, _, rest in words}

    async def _start_tls(self, server: Server, context: Callable[[], ssl.SSLContext]) -> None:
        if "STARTTLS" not in self._abilities:
            raise Down("tls", f"{server.host} offers no STARTTLS")
        reply = await self._ask("STARTTLS")
        if reply.code != 220:
            raise refusal(reply, Stage.TLS)
        try:
            await self._wire.start_tls(context(), server.host)
        except OSError as error:
            raise Down("tls", str(error)) from None
        await self._hello()  # what was said in clear is forgotten (RFC 3207 §4.2)

    async def _login(self, user: str, password: str) -> None:
        mechanisms = self._abilities.get("AUTH", "").upper().split()
        if "PLAIN" in mechanisms:
            reply = await self._ask(f"AUTH PLAIN {_base64(f'{chr(0)}{user}{chr(0)}{password}')}")
        elif "LOGIN" in mechanisms:
            reply = await self._ask("AUTH LOGIN")
            for answer in (user, password):
                if reply.code == 334:
                    reply = await self._ask(_base64(answer))
        else:
            raise Down("auth", "the server offers neither AUTH PLAIN nor AUTH LOGIN")
        if reply.code != 235:  # without the server's words: some repeat what they were given
            raise refusal(Reply(reply.code, (reply.enhanced or "",)), Stage.LOGIN)

    async def _ask(self, command: str) -> Reply:
        self._wire.write(f"{command}\r\n".encode())
        return await self._wire.reply()

    # One message

    def _check(self, to: Mailbox, message: bytes) -> None:
        """What can be known before a byte is sent."""
        if to.international and not {"SMTPUTF8", "8BITMIME"} <= self._abilities.keys():
            raise Reject("smtputf8", f"the server takes no international address such as {to}")
        limit = self._abilities.get("SIZE", "")
        if limit.isdecimal() and 0 < int(limit) < len(message):
            raise Reject("too_large", f"the message has {len(message)} bytes, the server takes {limit}")

    async def _envelope(self, sender: Mailbox, to: Mailbox, size: int) -> None:
        """Until the server wants the content; raises `SendError`, `Stale`, `Lost` or `Garbage`."""
        options = f" SIZE={size}" if "SIZE" in self._abilities else ""
        if to.international:
            options += " BODY=8BITMIME SMTPUTF8"
        commands = [
            (Stage.MAIL, f"MAIL FROM:<{sender}>{options}\r\n"),
            (Stage.RCPT, f"RCPT TO:<{to}>\r\n"),
            (Stage.DATA, "DATA\r\n"),
        ]
        if self._dirty:
            commands.insert(0, (Stage.MAIL, "RSET\r\n"))
        pipelined = "PIPELINING" in self._abilities
        if pipelined:
            self._wire.write("".join(line for _, line in commands).encode(), replies=len(commands))
        for position, (stage, line) in enumerate(commands):
            if not pipelined:
                self._wire.write(line.encode())
            self.progress = Progress.ENVELOPE
            reply = await self._answer(first=position == 0)
            if not (reply.code == 354 if stage is Stage.DATA else reply.good):
                self._refused(reply)
                raise refusal(reply, stage)
        self._dirty = False

    async def _answer(self, *, first: bool) -> Reply:
        """The reply to a command of the envelope. A kept connection may have ended unnoticed until the first."""
        if not first or self.delivered == 0:
            return await self._wire.reply()
        try:
            reply = await self._wire.reply()
        except Lost:
            raise Stale from None
        if reply.code == 421 or (self._dirty and not reply.good):  # the latter: RSET, which takes no refusal
            raise Stale
        return reply

    def _refused(self, reply: Reply) -> None:
        """Keeps the connection where the server is in step: its answers to what was pipelined are in, none is 354."""
        self._dirty = True
        rest = self._wire.take_replies()
        if any(later.code == 354 for later in rest):
            self._wire.abort()
        self._done(reply)

    async def _content(self, message: bytes) -> bool:
        """The content with its leading dots doubled, and the final dot only when all before it is written.

        False if the server answered half-way: then no dot is sent, and the server keeps nothing.
        """
        self.progress = Progress.CONTENT
        stuffed = message.replace(b"\r\n.", b"\r\n..")
        self._wire.expect_reply()
        if len(stuffed) > CHUNK:
            for at in range(0, len(stuffed), CHUNK):
                self._wire.write(stuffed[at : at + CHUNK], replies=0)
                await self._wire.written()
                if self._wire.answered:
                    return False
            stuffed = b""
        self._wire.write(stuffed + b".\r\n", replies=0)
        self.progress = Progress.DOT
        return True

    def _broken(self, error: Exception) -> SendError | Stale:
        """What the end of the connection, or of sense, means for this message."""
        match self.progress:
            case Progress.DOT:
                return unknown(str(error))
            case Progress.NOTHING:
                return Stale() if self.delivered else Down("connect", str(error))
            case _:
                return Retry("protocol" if isinstance(error, Garbage) else "connection_lost", str(error))

    def _done(self, reply: Reply) -> None:
        self.progress = Progress.NOTHING
        self.delivered += 1
        if reply.code == 421:
            self._wire.abort()


def _own_name(transport: asyncio.Transport) -> str:
    """What we call ourselves: the host's full name, or our address. No look-up: EHLO must not wait for DNS."""
    name = socket.gethostname()
    if "." in name and name.isascii() and name.replace("-", "").replace(".", "").isalnum():
        return name
    address = ip_address(transport.get_extra_info("sockname")[0].partition("%")[0])
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
