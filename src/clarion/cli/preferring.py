"""`clarion preferences set`, `switch` and `hours`: saying for a recipient what comes, where and when."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from clarion.cli.author import ByOption
from clarion.cli.completing import a_channel_or_inbox, a_scope
from clarion.cli.ending import misused
from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TenantOption,
)
from clarion.cli.preferences import IdArgument
from clarion.cli.saying import say
from clarion.event import DEFAULT_TENANT

SET_EXAMPLE = (
    "Examples: clarion preferences set bob category:reviews --channel email --min-severity action · "
    "clarion preferences set bob type:cl.merged --off"
)
SWITCH_EXAMPLE = "Example: clarion preferences switch bob off --app shop.main:clarion"
HOURS_EXAMPLE = "Example: clarion preferences hours bob weekdays=22:00-07:00 weekend=00:00-00:00"


class Switch(StrEnum):
    ON = "on"
    OFF = "off"


class Part(StrEnum):
    ENABLED = "enabled"
    CHANNELS = "channels"
    MIN_SEVERITY = "min_severity"
    MODE = "mode"


def set_(
    context: typer.Context,
    id: IdArgument,
    scope: Annotated[
        str,
        typer.Argument(metavar="SCOPE", help="type:CODE, category:NAME or '*'.", autocompletion=a_scope),
    ],
    channel: Annotated[
        str, typer.Option(metavar="NAME", help="On this channel alone.", autocompletion=a_channel_or_inbox)
    ] = "*",
    on: Annotated[bool | None, typer.Option("--on/--off", help="Whether it is wanted.")] = None,
    channels: Annotated[
        str | None, typer.Option(metavar="NAMES", help="On these channels: inbox,email. Or none: ''")
    ] = None,
    min_severity: Annotated[
        str | None, typer.Option(metavar="NAME", help="From there on: info, warning, action, urgent.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(metavar="NAME", hidden=True)
    ] = None,  # for digests, which nothing collects yet
    unsay: Annotated[
        list[Part], typer.Option("--unsay", help="Make this unsaid again; may be repeated.")
    ] = [],  # noqa: B006 - Typer copies it
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say something of a type, a category or everything, on one channel or on all. What is not given stays.

    Exit codes: 0 done; 1 refused (no such recipient, type, channel; or a required type); 2 wrong usage.
    """
    listed = None if channels is None else [name.strip() for name in channels.split(",") if name.strip()]
    given = {"enabled": on, "channels": listed, "min_severity": min_severity, "mode": mode}
    said: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if both := said.keys() & {part.value for part in unsay}:
        misused(f"--unsay {min(both)}: it is said in the same command")
    said |= {part.value: None for part in unsay}
    if not said:
        misused("say what: --on, --off, --channels, --min-severity, or --unsay")
    say(
        context,
        lambda people, who: people.prefer(id, scope, channel=channel, by=who, tenant=tenant, **said),
        *(id, by, tenant, app, database, as_json),
    )


def switch(
    context: typer.Context,
    id: IdArgument,
    to: Annotated[Switch, typer.Argument(metavar="on|off", help="Off leaves required types only.")],
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a recipient's global switch on or off.

    Exit codes: 0 done, 1 refused (there is no such recipient), 2 wrong usage.
    """
    say(
        context,
        lambda people, who: people.configure(id, enabled=to is Switch.ON, by=who, tenant=tenant),
        *(id, by, tenant, app, database, as_json),
    )


def hours(
    context: typer.Context,
    id: IdArgument,
    spans: Annotated[
        list[str],
        typer.Argument(
            metavar="DAYS=SPAN", help="daily, weekdays, weekend or a day; '=' and a span such as 22:00-07:00."
        ),
    ] = [],  # noqa: B006
    passes: Annotated[
        str, typer.Option(metavar="SEVERITY", help="From there on it comes all the same.")
    ] = "urgent",
    none: Annotated[bool, typer.Option("--none", help="Have no quiet hours any more.")] = False,
    time_zone: Annotated[
        str | None, typer.Option(metavar="NAME", help="In which they are meant, such as Europe/Berlin.")
    ] = None,
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in which hours nothing is to be sent, in place of what was said of them before. The inbox fills meanwhile.

    Exit codes: 0 done; 1 refused (no such recipient, day or time zone); 2 wrong usage.
    """
    if none == bool(spans):
        misused("say the hours, such as weekdays=22:00-07:00, or --none")
    said: dict[str, Any] = {"quiet_hours": None if none else {**_days(spans), "passes": passes}}
    if time_zone is not None:
        said["time_zone"] = time_zone
    say(
        context,
        lambda people, who: people.configure(id, by=who, tenant=tenant, **said),
        *(id, by, tenant, app, database, as_json),
    )


def _days(spans: list[str]) -> dict[str, list[str]]:
    days: dict[str, list[str]] = {}
    for one in spans:
        day, equals, span = one.partition("=")
        if not equals or day == "passes":
            misused(f"{one!r}: write a day and a span, such as weekdays=22:00-07:00")
        days.setdefault(day, []).append(span)
    return days
