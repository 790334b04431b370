"""One attempt at one delivery: render, send, and say what came of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from clarion import clock
from clarion.channels import Channel
from clarion.delivery import Claim, Outcome, not_sent, sent
from clarion.errors import InvalidInput, Reject, Retry
from clarion.message import Message
from clarion.policy import Retries
from clarion.recipient import Address
from clarion.templates import Renderer
from clarion.workers.asking import Ready


async def attempt(channel: Channel, renderer: Renderer, ready: Ready, lease: asyncio.Timeout) -> Outcome:
    """Whatever a channel does, it comes to an outcome; `lease` is what cuts it off."""
    began = clock.monotonic()
    error: BaseException
    try:
        message = message_of(ready, channel.name, renderer)
        address = Address(ready.address.channel, ready.address.value, ready.address.locale)
        receipt = await channel.send(message, address)
    except asyncio.CancelledError:
        why = "no answer before the lease ended" if lease.expired() else "the worker stopped meanwhile"
        error = Retry("unknown_outcome", why)
    except Exception as raised:  # noqa: BLE001 - whatever a channel raises is an outcome
        error = raised
    else:
        kept = receipt if isinstance(receipt, str) else None  # it was taken, whatever a channel returns
        return sent(kept, timedelta(seconds=clock.monotonic() - began))
    took = timedelta(seconds=clock.monotonic() - began)
    return failed(ready.work.claim, error, ready.type.policy.retries, took)


def message_of(ready: Ready, channel: str, renderer: Renderer) -> Message:
    """What is sent. Raises `Reject` where it cannot be rendered: no later attempt will do better."""
    work, event = ready.work, ready.event
    locale = renderer.locale(ready.recipient.locale, ready.address.locale)
    try:
        content = renderer.render(
            event,
            ready.type,
            channel=channel,
            reason=work.reason,
            locale=locale,
            severity=work.severity,
            recipient=ready.recipient,
        )
    except InvalidInput as error:
        raise Reject("render", str(error)) from error
    return Message(
        id=work.claim.delivery_id,
        tenant=work.claim.tenant,
        event=event,
        recipient=ready.recipient,
        reason=work.reason,
        severity=work.severity,
        locale=locale,
        url=renderer.url(event),
        content=content,
        attempt=work.claim.attempts + 1,
    )


def failed(
    claim: Claim, error: BaseException, retries: Retries, duration: timedelta = timedelta()
) -> Outcome:
    """What an error means for a claim."""
    return not_sent(error, attempt=claim.attempts + 1, claim=claim.fence, retries=retries, duration=duration)
