"""One attempt at one delivery: render, send, and say what came of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from clarion import clock, telemetry, tracing
from clarion.channels import Channel
from clarion.delivery import Claim, Outcome, not_sent, sent
from clarion.errors import InvalidInput, Reject, Retry
from clarion.message import Message
from clarion.policy import Retries
from clarion.recipient import Address
from clarion.templates import Renderer
from clarion.workers.asking import Ready
from clarion.workers.hands import Hand


async def attempt(channel: Channel, renderer: Renderer, ready: Ready, hand: Hand) -> Outcome:
    """Whatever a channel does, it comes to an outcome; `hand` knows whether it was cut off."""
    event, claim = ready.event, ready.work.claim
    with telemetry.Meanwhile(
        lambda: telemetry.about(event, delivery=claim.delivery_id, channel=channel.name)
    ):
        if not tracing.ON:
            return (await _tried(channel, renderer, ready, hand))[0]
        with tracing.sending(event, channel.name, claim.delivery_id, claim.attempts + 1) as span:
            outcome, error = await _tried(channel, renderer, ready, hand)
            span.say("clarion.result", outcome.result.value)
            if error is not None:
                span.failed(error, telemetry.code_of(outcome.code))
            return outcome


async def _tried(
    channel: Channel, renderer: Renderer, ready: Ready, hand: Hand
) -> tuple[Outcome, BaseException | None]:
    """With the error that it is the outcome of, if it is."""
    began = clock.monotonic()
    error: BaseException
    try:
        message = message_of(ready, channel.name, renderer)
        address = Address(ready.address.channel, ready.address.value, ready.address.locale)
        receipt = await channel.send(message, address)
    except asyncio.CancelledError:
        why = "no answer before the lease ended" if hand.cut else "the worker stopped meanwhile"
        error = Retry("unknown_outcome", why)
    except Exception as raised:  # noqa: BLE001 - whatever a channel raises is an outcome
        error = raised
    else:
        kept = receipt if isinstance(receipt, str) else None  # it was taken, whatever a channel returns
        return sent(kept, timedelta(seconds=clock.monotonic() - began)), None
    took = timedelta(seconds=clock.monotonic() - began)
    return failed(ready.work.claim, error, ready.type.policy.retries, took), error


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
