"""Whether each channel reaches its provider, tried for real."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from clarion.channels import Channel
from clarion.errors import SendError, said
from clarion.examination import remedies
from clarion.examination.finding import Finding, Level, trouble

PATIENCE = timedelta(seconds=15)  # for one channel


def reached(channels: Mapping[str, Channel]) -> list[Finding]:
    """All at the same time, in an event loop of their own: the caller may have one that runs."""
    if not channels:
        seen = "there is none beside the inbox"
        return [
            Finding(
                about="channels", level=Level.OK, seen=seen, remedy="to check an application's, pass --app"
            )
        ]

    async def check_all() -> list[Finding]:
        return await asyncio.gather(*(_channel(name, channel) for name, channel in channels.items()))

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, check_all()).result()


async def _channel(name: str, channel: Channel) -> Finding:
    about = f"channel {name}"
    check = getattr(channel, "check", None)
    if check is None:
        return Finding(about=about, level=Level.OK, seen="has no check: whether it works shows when it sends")
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            answer = await check()
    except TimeoutError:
        return trouble(about, f"no answer within {PATIENCE.total_seconds():g} s", remedies.unreached(None))
    except SendError as error:
        seen = f"{error.code}: {error.detail}" if error.detail else error.code
        return trouble(about, seen, remedies.unreached(error.code), {"code": error.code})
    except Exception as error:  # noqa: BLE001 - whatever a channel raises is a finding
        return trouble(about, said(error), remedies.unreached(None))
    return Finding(
        about=about, level=Level.OK, seen=f"works: {answer}" if isinstance(answer, str) else "works"
    )
