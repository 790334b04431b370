"""Email over SMTP.

    what happened                                                    outcome
    ───────────────────────────────────────────────────────────────  ──────────────────────────────
    taken (2xx to the final dot)                                     sent; the server's words are the receipt
    name not resolved, no connection, TLS failed, login refused      Down: dns, connect, tls, auth
    greeting or EHLO refused; 421 before the content was wanted      Down: smtp_<code>
    deadline passed before MAIL FROM                                 Down: timeout
    530, 534, 535, 538 before the content; 5.7.0, 5.7.8 to MAIL      Down: auth
    4xx to MAIL, RCPT, DATA or the dot                               Retry: smtp_<code>
    deadline passed between MAIL FROM and the dot                    Retry: timeout
    connection lost between MAIL FROM and the dot                    Retry: connection_lost
    no SMTP reply, or one out of place (503, 3xx)                    Retry: protocol (Down at the greeting)
    after the dot: lost, late or unreadable                          Retry: unknown_outcome
    RCPT refused: 5.1.1–3, 5.1.6, 5.1.10, 5.2.1; or, without such
      an enhanced code, 550, 551, 553, 556                           Gone: smtp_<code>
    the address is none (see `addresses`)                            Gone: invalid_address
    any other 5xx: policy, size, quota, content, sender              Reject: smtp_<code>
    larger than the announced SIZE; SMTPUTF8 needed but not offered  Reject: too_large, smtputf8
    words that cannot become a mail                                  Reject: invalid_content

A kept connection that has ended unnoticed costs nothing: the message goes over a fresh one.
"""

from __future__ import annotations

import ssl
from datetime import timedelta

from clarion import clock
from clarion.channels import addresses, mail
from clarion.channels.addresses import Mailbox
from clarion.channels.smtp.pool import Pool
from clarion.channels.smtp.server import Server
from clarion.errors import ConfigError, Gone, InvalidInput, Reject
from clarion.message import Message
from clarion.recipient import Address


class Email:
    """Sends over kept-open connections to one server, one recipient per mail.

    `url` as in `smtp.server`. `sender` is `Acme <hello@acme.test>`. `timeout` is for a whole message, waiting for a
    connection included. `tls` replaces the system's trusted certificate authorities.
    """

    name = "email"

    def __init__(
        self,
        url: str,
        *,
        sender: str,
        reply_to: str | None = None,
        size: int = 10,
        timeout: timedelta = timedelta(seconds=30),
        idle: timedelta = timedelta(seconds=30),
        messages_per_connection: int = 200,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if size < 1 or messages_per_connection < 1:
            raise ConfigError(
                f"size and messages_per_connection are at least 1, got {size} and {messages_per_connection}"
            )
        if timeout <= timedelta() or idle <= timedelta():
            raise ConfigError(f"timeout and idle are positive, got {timeout} and {idle}")
        self._sender = mail.Sender.of(sender, reply_to)
        self._pool = Pool(
            Server.of(url, tls), size=size, idle=idle, messages=messages_per_connection, timeout=timeout
        )

    def __repr__(self) -> str:
        return f"Email({str(self._pool.server)!r}, sender={str(self._sender.mailbox)!r})"

    async def send(self, message: Message, address: Address) -> str:
        """See the table above."""
        try:
            to = addresses.parse(address.value)
        except InvalidInput as error:
            raise Gone("invalid_address", str(error)) from None
        try:
            whole = self._whole(message, to)
        except InvalidInput as error:
            raise Reject("invalid_content", str(error)) from None
        return await self._pool.deliver(self._sender.mailbox, to, whole)

    def written(self, message: Message, address: Address) -> bytes:
        """The mail as the server would be given it; nothing is sent. Raises `InvalidInput`."""
        return self._whole(message, addresses.parse(address.value))

    def _whole(self, message: Message, to: Mailbox) -> bytes:
        thread = message.event.thread
        composed = mail.compose(
            message.content, self._sender, None if thread is None else f"{message.tenant}\0{thread}"
        )
        return composed.complete(to, message.recipient.name, message.id, clock.now())

    async def check(self) -> str:
        """Connects, greets, does TLS and logs in, and sends nothing: what was reached. Raises `Down`."""
        await self._pool.check()
        return str(self._pool.server)

    async def close(self) -> None:
        """Says goodbye to the server. May be called more than once."""
        await self._pool.close()
