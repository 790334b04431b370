"""One attempt at one delivery: render, send, and say what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

from clarion import clock, telemetry, tracing
from clarion.channels import Channel
from clarion.delivery import Claim, Outcome, not_sent, sent
from clarion.errors import InvalidInput, Reject, Retry
from clarion.message import Message
from clarion.policy import Retries
from clarion.recipient import Address
from clarion.templates import Renderer
from clarion.workers.asking import Alike, Ready, Said
from clarion.workers.hands import Hand


def attempt(channel: Channel, renderer: Renderer, ready: Ready, hand: Hand) -> Awaitable[Outcome]:
    """Whatever a channel does, it comes to an outcome; `hand` knows whether it was cut off."""
    tried = _traced if tracing.ON else _tried
    return tried(channel, renderer, ready, hand)


async def _traced(channel: Channel, renderer: Renderer, ready: Ready, hand: Hand) -> Outcome:
    claim = ready.work.claim
    with tracing.sending(ready.event, channel.name, claim.delivery_id, claim.attempts + 1) as span:
        outcome = await _tried(channel, renderer, ready, hand, span)
        span.say("clarion.result", outcome.result.value)
        return outcome


async def _tried(
    channel: Channel, renderer: Renderer, ready: Ready, hand: Hand, span: tracing.Taken | None = None
) -> Outcome:
    began, claim = clock.monotonic(), ready.work.claim
    error: BaseException
    with telemetry.Meanwhile(
        lambda: telemetry.about(ready.event, delivery=claim.delivery_id, channel=channel.name)
    ):
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
            return sent(kept, timedelta(seconds=clock.monotonic() - began))
    took = timedelta(seconds=clock.monotonic() - began)
    outcome = failed(claim, error, ready.type.policy.retries, took)
    if span is not None:
        span.failed(error, telemetry.code_of(outcome.code))
    return outcome


def message_of(ready: Ready, channel: str, renderer: Renderer) -> Message:
    """What is sent. Raises `Reject` where it cannot be rendered: no later attempt will do better."""
    work, recipient = ready.work, ready.recipient
    alike = recipient.locale, ready.address.locale, work.reason, work.severity
    said = ready.said.get(alike) or _written(ready, alike, channel, renderer)
    claim = work.claim
    return Message(
        claim.delivery_id,
        claim.tenant,
        ready.event,
        recipient,
        work.reason,
        work.severity,
        said.locale,
        said.url,
        said.content,
        claim.attempts + 1,
    )


def _written(ready: Ready, alike: Alike, channel: str, renderer: Renderer) -> Said:
    """The words for this one, and for all who are like it, unless each has words of their own."""
    locale = renderer.locale(ready.recipient.locale, ready.address.locale)
    try:
        content = renderer.render(
            ready.event,
            ready.type,
            channel=channel,
            reason=ready.work.reason,
            locale=locale,
            severity=ready.work.severity,
            recipient=ready.recipient,
        )
    except InvalidInput as error:
        raise Reject("render", str(error)) from error
    said = Said(locale, renderer.url(ready.event), content)
    if not renderer.personal(ready.type, channel=channel, locale=locale):
        ready.said[alike] = said
    return said


def failed(
    claim: Claim, error: BaseException, retries: Retries, duration: timedelta = timedelta()
) -> Outcome:
    """What an error means for a claim."""
    return not_sent(error, attempt=claim.attempts + 1, claim=claim.fence, retries=retries, duration=duration)
