"""`clarion pauses`, `pause` and `resume`: what is left alone for a while, and saying so by hand."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from clarion import clock
from clarion.cli.completing import a_channel
from clarion.cli.finding import AppOption, ConfigOption, DatabaseOption, JsonOption, find_existing
from clarion.cli.printing import console, instant, plain, print_json, table
from clarion.cli.times import duration
from clarion.pause import ITSELF

if TYPE_CHECKING:
    from rich.table import Table

    from clarion.pause import Pause

EXAMPLE = "Example: clarion pauses --database sqlite:///app.db"
PAUSE_EXAMPLE = 'Example: clarion pause email --for 2h --because "the relay moves" --app shop.main:clarion'
RESUME_EXAMPLE = "Example: clarion resume email --app shop.main:clarion"

ChannelArgument = Annotated[
    str,
    typer.Argument(metavar="CHANNEL", help="The channel's name, such as email.", autocompletion=a_channel),
]
LaneOption = Annotated[
    str,
    typer.Option("--lane", metavar="LANE", help="Only this lane of it: a tenant's, or 'TENANT DESTINATION'."),
]


def pauses(
    context: typer.Context,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what is left alone now: because it was found out of reach, or because somebody says so.

    What workers found down (by `clarion`) is tried again, with one message, at the time shown under `until`.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """
    found = find_existing(context, app, database)
    listed = found.pauses()
    found.close()
    if as_json:
        print_json({"pauses": [asdict(one) for one in listed]})
    elif listed:
        console().print(_table(listed))
    else:
        console().print("Nothing pauses.")


def _table(listed: list[Pause]) -> Table:
    rows = table("channel", "lane", "since", "until", "by", "code", "because", "probes")
    for one in listed:
        words = [plain(word or "") for word in (one.by, one.code, one.detail)]
        times = instant(one.since), instant(one.until)
        rows.add_row(plain(one.channel), plain(one.lane), *times, *words, str(one.probes))
    return rows


def pause(
    context: typer.Context,
    channel: ChannelArgument,
    lane: LaneOption = "",
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 90m, 2h, 3d.")] = "1h",
    because: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why, for those who wonder later.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who says so; you, if left out.")] = None,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send nothing on a channel for a while. What is due waits and loses no attempt; what is being sent is not cut off.

    Workers take notice within a second. Said again, the last word counts. What grows older than its type's max_age
    meanwhile is not sent.

    Exit codes: 0 done, 1 refused (there is no such channel), 2 wrong usage.
    """
    lasts = duration("--for", for_)
    found = find_existing(context, app, database)
    asked = found.pause(channel, lane=lane, until=clock.now() + lasts, because=because, by=by or _user())
    found.close()
    if as_json:
        print_json({"pause": asdict(asked)})
    else:
        console().print(f"{plain(asked)} pauses until {instant(asked.until)}.", soft_wrap=True)


def resume(
    context: typer.Context,
    channel: ChannelArgument,
    lane: LaneOption = "",
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a pause, whoever began it: what waits is sent. What is still out of reach is found so, and pauses again.

    A pause of the whole channel and those of its lanes are ended one by one.

    Exit codes: 0 done, or nothing to do; 1 refused (there is no such channel); 2 wrong usage.
    """
    found = find_existing(context, app, database)
    ended = found.resume(channel, lane=lane)
    left = [one for one in found.pauses() if one.channel == channel]
    found.close()
    if as_json:
        print_json({"resumed": None if ended is None else asdict(ended), "left": [asdict(o) for o in left]})
        return
    console().print("Resumed." if ended else "It did not pause: nothing to do.")
    for one in left:
        console().print(f"{plain(one)} still pauses until {instant(one.until)}.", soft_wrap=True)


def _user() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container without a passwd entry
        name = ITSELF
    return "clarion pause" if name == ITSELF else name
