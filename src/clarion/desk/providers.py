"""Channels, their pauses and their providers, which are of the whole installation. Methods of a desk."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Unpack

from sqlalchemy.engine import Connection

from clarion import pausing
from clarion.desk.bound import Bound
from clarion.errors import InvalidInput, shown
from clarion.event import required_text
from clarion.examination import channels as channel_examination
from clarion.examination.examine import examine as examine_all
from clarion.examination.finding import Finding
from clarion.pause import Pause
from clarion.question import INBOX
from clarion.recipient import Address
from clarion.sought import Total
from clarion.store import backlog, registry
from clarion.trial.sample import SampleFields
from clarion.trial.trying import Trial
from clarion.trial.trying import try_out as try_out_there

COUNTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """`configured`: in this process. `apart`: each destination is a provider of its own. `waiting`: deliveries of all
    tenants that wait there, or are being sent."""

    name: str
    configured: bool
    apart: bool
    pauses: tuple[Pause, ...]
    waiting: Total


def channels(desk: Bound) -> list[ChannelState]:
    """Those of this process, and those that were ever enabled on this database, by name."""
    standing = pausing.pauses(desk.app)
    lanes = desk.app.lanes

    def read(conn: Connection) -> list[ChannelState]:
        return [
            ChannelState(
                name=name,
                configured=name in desk.app.channels,
                apart=lanes.apart(name),
                pauses=tuple(pause for pause in standing if pause.channel == name),
                waiting=_waiting(conn, name),
            )
            for name in sorted({*desk.app.channels, *registry.channels(conn)} - {INBOX})
        ]

    return desk.database.read(read)


def _waiting(conn: Connection, channel: str) -> Total:
    number = backlog.waiting_on(conn, channel, most=COUNTED + 1)
    return Total(min(number, COUNTED), exact=number <= COUNTED)


def pauses(desk: Bound) -> list[Pause]:
    """As `Clarion.pauses`; without the scope `providers` only those of whole channels, and of lanes of this tenant."""
    found = pausing.pauses(desk.app)
    return found if "providers" in desk.scopes else [one for one in found if _concerns(desk, one)]


def _concerns(desk: Bound, pause: Pause) -> bool:
    if not pause.lane or pause.lane == desk.tenant:
        return True
    return desk.app.lanes.apart(pause.channel) and pause.lane.startswith(f"{desk.tenant} ")


def pause(desk: Bound, channel: str, *, until: datetime, because: str | None = None, lane: str = "") -> Pause:
    """As `Clarion.pause`, by whoever is at the desk. Raises `UnknownName`, `InvalidInput`."""
    return desk.do(
        lambda: pausing.pause(desk.app, channel, until=until, by=desk.by, because=because, lane=lane),
        "channel.pause",
        on=_place(channel, lane),
        until=until.isoformat(),
    )


def resume(desk: Bound, channel: str, *, lane: str = "") -> Pause | None:
    """As `Clarion.resume`. Raises `UnknownName`."""
    ended = desk.do(
        lambda: pausing.resume(desk.app, channel, lane=lane), "channel.resume", on=_place(channel, lane)
    )
    desk.database.waker.queued()
    return ended


def _place(channel: str, lane: str) -> str:
    return f"channel {channel}, lane {lane}" if lane else f"channel {channel}"


def examine(desk: Bound, *, channels_only: bool = False) -> list[Finding]:
    """As `Clarion.examine`; or only whether each channel reaches its provider."""
    return channel_examination.reached(desk.app.channels) if channels_only else examine_all(desk.app)


def try_out(
    desk: Bound,
    channel: str,
    to: str | Address,
    *,
    type: str | None = None,
    loop: asyncio.AbstractEventLoop | None = None,
    **fields: Unpack[SampleFields],
) -> Trial:
    """Send a test on this channel, to a recipient by id or to an address: as `Clarion.try_out`.

    Raises `InvalidInput`, `UnknownName`.
    """
    if isinstance(to, Address) and to.channel != channel:
        said = f"an address of {shown(to.channel)} is none of {shown(channel)}"
        raise InvalidInput(f"{said}; give one of its own")
    whom = to.recipient if isinstance(to, Address) else required_text("recipient", to)
    desk.note("channel.try", on=f"channel {channel}", recipient=whom)
    fields["channels"], fields["tenant"] = [channel], desk.tenant
    return try_out_there(desk.app, to, type=type, loop=loop, **fields)
