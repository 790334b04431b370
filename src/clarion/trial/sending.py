"""Sending the messages of a trial, and what came of each."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from clarion import clock
from clarion.channels import Channel
from clarion.errors import Retry, SendError, said, storable
from clarion.examination import remedies
from clarion.message import Content
from clarion.trial.sample import Written

PATIENCE = timedelta(seconds=60)  # for one message


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One message. `sent`: whether the channel took it; `None`: it was only to be shown. `remedy`: where it failed.

    `content` is `None` where it could not be written.
    """

    channel: str
    address: str
    locale: str
    content: Content | None
    sent: bool | None = None
    receipt: str | None = None
    code: str | None = None
    detail: str | None = None
    remedy: str | None = None
    duration: timedelta | None = None

    @property
    def passed(self) -> bool:
        """Whether it was taken or, where it was only to be shown, could be written."""
        return self.sent is not False


def shown(written: Written, **came_to: Any) -> Tried:
    """A message that is not sent, or was."""
    if written.refused is not None:
        came_to = _failed(written.refused)
    return Tried(
        channel=written.address.channel,
        address=written.address.value,
        locale=written.locale,
        content=None if written.message is None else written.message.content,
        **came_to,
    )


def send(
    channels: Mapping[str, Channel],
    messages: Collection[Written],
    loop: asyncio.AbstractEventLoop | None = None,
) -> tuple[Tried, ...]:
    """All at the same time: in this `loop`, of another thread, to which the channels belong; else in one of their own."""
    if not messages:
        return ()
    if loop is not None:
        return asyncio.run_coroutine_threadsafe(_send_all(channels, messages), loop).result()
    with ThreadPoolExecutor(1) as thread:  # the caller may have a loop that runs
        return thread.submit(asyncio.run, _send_and_close(channels, messages)).result()


async def _send_all(channels: Mapping[str, Channel], messages: Collection[Written]) -> tuple[Tried, ...]:
    return tuple(await asyncio.gather(*(_send(channels[one.address.channel], one) for one in messages)))


async def _send_and_close(
    channels: Mapping[str, Channel], messages: Collection[Written]
) -> tuple[Tried, ...]:
    try:
        return await _send_all(channels, messages)
    finally:
        for name in {one.address.channel for one in messages}:
            if close := getattr(channels[name], "close", None):
                with suppress(Exception):
                    await close()


async def _send(channel: Channel, written: Written) -> Tried:
    if written.message is None:
        return shown(written)
    began = clock.monotonic()
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()) as patience:
            receipt = await channel.send(written.message, written.address)
    except Exception as raised:  # noqa: BLE001 - whatever a channel raises is what came of it
        late = Retry("timeout", f"no answer within {PATIENCE.total_seconds():g} s")
        return shown(written, **_failed(late if patience.expired() else raised), duration=_since(began))
    kept = storable(receipt) if isinstance(receipt, str) else None
    return shown(written, sent=True, receipt=kept, duration=_since(began))


def _failed(error: Exception) -> dict[str, Any]:
    why = error if isinstance(error, SendError) else Retry("error", said(error))
    return {"sent": False, "code": why.code, "detail": why.detail, "remedy": remedies.unsent(why)}


def _since(began: float) -> timedelta:
    return timedelta(seconds=clock.monotonic() - began)
