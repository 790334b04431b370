"""`clarion preferences silence`, `resume`, `mute`, `unmute` and `watch`: hearing less for a while, or of some things."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from clarion.cli.author import ByOption
from clarion.cli.finding import AppOption, ConfigOption, DatabaseOption, JsonOption, TenantOption
from clarion.cli.preferences import IdArgument
from clarion.cli.saying import say
from clarion.cli.until import ForOption, UntilOption, end
from clarion.event import DEFAULT_TENANT

SILENCE_EXAMPLE = "Example: clarion preferences silence bob --for 3d --app shop.main:clarion"
RESUME_EXAMPLE = "Example: clarion preferences resume bob --app shop.main:clarion"
MUTE_EXAMPLE = "Example: clarion preferences mute bob cl/42 --for 2d --app shop.main:clarion"
UNMUTE_EXAMPLE = "Example: clarion preferences unmute bob cl/42 --app shop.main:clarion"
WATCH_EXAMPLE = "Example: clarion preferences watch bob cl/42 mentions --app shop.main:clarion"

TopicArgument = Annotated[
    str, typer.Argument(metavar="TOPIC", help="A thread, a subject or a topic, such as cl/42.")
]


class Level(StrEnum):
    ALL = "all"
    PARTICIPATING = "participating"
    MENTIONS = "mentions"
    NONE = "none"
    UNSAID = "unsaid"


def silence(
    context: typer.Context,
    id: IdArgument,
    until: UntilOption = None,
    for_: ForOption = None,
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell a recipient nothing but required types until then or, without a time, until `preferences resume`.

    What is not told meanwhile is not told later.

    Exit codes: 0 done, 1 refused (there is no such recipient, or it is over already), 2 wrong usage.
    """
    ends = end(until, for_)
    say(
        context,
        lambda people, who: people.silence(id, ends, by=who, tenant=tenant),
        *(id, by, tenant, app, database, as_json),
    )


def resume(
    context: typer.Context,
    id: IdArgument,
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a recipient's silence.

    Exit codes: 0 done, 1 refused (there is no such recipient), 2 wrong usage.
    """
    say(
        context,
        lambda people, who: people.resume(id, by=who, tenant=tenant),
        *(id, by, tenant, app, database, as_json),
    )


def mute(
    context: typer.Context,
    id: IdArgument,
    topic: TopicArgument,
    until: UntilOption = None,
    for_: ForOption = None,
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell a recipient nothing of a topic until then or, without a time, for good.

    Exit codes: 0 done, 1 refused (there is no such recipient, or it is over already), 2 wrong usage.
    """
    ends = end(until, for_)
    say(
        context,
        lambda people, who: people.mute(id, topic, ends, by=who, tenant=tenant),
        *(id, by, tenant, app, database, as_json),
    )


def unmute(
    context: typer.Context,
    id: IdArgument,
    topic: TopicArgument,
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a mute. What was said of the level stays.

    Exit codes: 0 done, 1 refused (there is no such recipient), 2 wrong usage.
    """
    say(
        context,
        lambda people, who: people.unmute(id, topic, by=who, tenant=tenant),
        *(id, by, tenant, app, database, as_json),
    )


def watch(
    context: typer.Context,
    id: IdArgument,
    topic: TopicArgument,
    level: Annotated[Level, typer.Argument(help="How closely to follow it; all subscribes as well.")],
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how closely a recipient follows a topic.

    Exit codes: 0 done, 1 refused (there is no such recipient), 2 wrong usage.
    """
    wanted = None if level is Level.UNSAID else level.value
    say(
        context,
        lambda people, who: people.watch(id, topic, wanted, by=who, tenant=tenant),
        *(id, by, tenant, app, database, as_json),
    )
