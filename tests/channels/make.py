"""Messages to send in the tests of channels."""

from __future__ import annotations

from uuid import UUID

from clarion import event, ids
from clarion.message import Content, Message
from clarion.recipient import Address, Recipient
from clarion.severity import Severity

BOB = Address("email", "bob@b.test")


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
