"""How deliveries look to those who fetch them, and what they say of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt, StrictStr

from clarion import pulling
from clarion.pulling import MOST
from clarion.web.bodies import Body, such_as
from clarion.web.shapes import SeverityName, Shape
from clarion.workers.handing import Claimed as Handed

LONGEST_WAIT = 30
_MOST_CLAIMS = 2**31 - 1
Lease = Annotated[
    StrictInt,
    Field(
        ge=int(pulling.SHORTEST.total_seconds()),
        le=int(pulling.LONGEST.total_seconds()),
        description="Seconds for which nobody else gets it.",
    ),
]
Number = Annotated[StrictInt, Field(ge=1, le=_MOST_CLAIMS, description="As it was claimed.")]


class Claim(Body):
    """What is wanted. `address`: of the recipient's devices this one."""

    model_config = such_as({}, {"limit": 10, "lease": 30, "wait": 0, "address": "laptop"})

    limit: StrictInt = Field(10, ge=1, le=MOST)
    lease: Lease = 30
    wait: StrictInt = Field(
        0, ge=0, le=LONGEST_WAIT, description="Seconds to wait for something, where nothing is due."
    )
    address: StrictStr | None = Field(None, min_length=1, examples=["laptop"])


class Extend(Body):
    model_config = such_as({"claim": 1, "lease": 60})

    claim: Number
    lease: Lease = 30


class Sent(Body):
    model_config = such_as({"claim": 1, "receipt": "toast-7"})

    claim: Number
    receipt: StrictStr | None = Field(None, min_length=1, description="The device's own id of what it shows.")


class Failed(Body):
    model_config = such_as(
        {"claim": 1, "code": "no_display", "permanent": False, "after": 60},
        {"claim": 1, "code": "refused", "permanent": True, "detail": "the user has switched it off"},
    )

    claim: Number
    code: StrictStr = Field(min_length=1, max_length=40, examples=["no_display"])
    permanent: StrictBool = Field(description="Whether no later attempt will do better.")
    detail: StrictStr = Field("", max_length=2000)
    after: StrictInt | None = Field(
        None, ge=0, le=86_400, description="Seconds before which it need not come again."
    )


class GivenBack(Body):
    model_config = such_as({"claim": 1})

    claim: Number


class Claimed(Shape):
    """A delivery to be shown. Settle it with its `claim` before the lease ends."""

    id: UUID
    claim: int
    lease_until: datetime
    attempt: int
    address: str
    recipient: str
    reason: str
    severity: SeverityName
    title: str
    text: str
    html: str | None
    url: str | None
    locale: str
    event: UUID
    type: str
    actor: str | None
    subject: str | None
    thread: str | None
    tags: list[str]
    data: dict[str, Any]
    at: datetime

    @classmethod
    def of(cls, one: Handed) -> Self:
        message, event = one.message, one.message.event
        return cls(
            id=one.delivery,
            claim=one.claim,
            lease_until=one.lease_until,
            attempt=message.attempt,
            address=one.address,
            recipient=message.recipient.id,
            reason=message.reason,
            severity=message.severity.label,
            title=message.content.title,
            text=message.content.text,
            html=message.content.html,
            url=message.url,
            locale=message.locale,
            event=event.id,
            type=event.type,
            actor=event.actor,
            subject=event.subject,
            thread=event.thread,
            tags=list(event.tags),
            data=dict(event.data),
            at=event.at,
        )


class Claims(Shape):
    claims: list[Claimed]


class Extended(Shape):
    """`cancelled`: what it was about was taken back meanwhile; take it off the screen."""

    lease_until: datetime
    cancelled: bool
