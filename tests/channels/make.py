"""What the tests of channels share: messages to send, and a channel to send them with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from clarion import event, ids
from clarion.channels.email import Email
from clarion.errors import SendError
from clarion.message import Content, Message
from clarion.recipient import Address, Recipient
from clarion.severity import Severity
from tests.support.smtp import FaultServer

BOB = Address("email", "bob@b.test")
PIPELINES = pytest.mark.parametrize("abilities", [(), ("PIPELINING",)], ids=["step by step", "pipelined"])
SHORT = timedelta(seconds=0.3)
BIG = "x" * 60 + "\n"


def message(
    title: str = "Looks good",
    text: str = "Alice says: looks good\n",
    html: str | None = None,
    *,
    id: UUID | None = None,
    name: str | None = None,
    thread: str | None = None,
    tenant: str = "default",
) -> Message:
    return Message(
        id=id or ids.uuid7(),
        tenant=tenant,
        event=event.make("cl.comment.created", {"thread": thread, "tenant": tenant}),
        recipient=Recipient(id="bob", name=name),
        reason="mention",
        severity=Severity.INFO,
        locale="en",
        url="/cl/42#c7",
        content=Content(title=title, text=text, html=html),
    )


@asynccontextmanager
async def opened(server: FaultServer | str, **options: Any) -> AsyncIterator[Email]:
    email = Email(
        server if isinstance(server, str) else server.url, sender="Acme <hello@acme.test>", **options
    )
    try:
        yield email
    finally:
        await email.close()


async def failure(email: Email, **words: Any) -> SendError:
    with pytest.raises(SendError) as caught:
        await email.send(message(**words), BOB)
    return caught.value
