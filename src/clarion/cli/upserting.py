"""`clarion recipients upsert` and `deactivate`: writing who there is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.author import ByOption, author
from clarion.cli.completing import a_channel_equals
from clarion.cli.ending import misused
from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TenantOption,
    find_existing,
)
from clarion.cli.printing import console, plain, print_json
from clarion.cli.recipients import IdArgument
from clarion.event import DEFAULT_TENANT

if TYPE_CHECKING:
    from clarion.edit import RecipientFields
    from clarion.store.directory import Listed

EXAMPLE = "Example: clarion recipients upsert bob --name Bob --email bob@acme.test --time-zone Europe/Berlin"
DEACTIVATE_EXAMPLE = "Example: clarion recipients deactivate bob --app shop.main:clarion"


def upsert(
    context: typer.Context,
    id: IdArgument,
    name: Annotated[str | None, typer.Option(help="What to call them.")] = None,
    email: Annotated[
        list[str], typer.Option("--email", metavar="ADDRESS", help="As --address email=ADDRESS.")
    ] = [],  # noqa: B006 - Typer copies it
    address: Annotated[
        list[str],
        typer.Option(
            "--address",
            metavar="CHANNEL=ADDRESS",
            help="Where they are reached; may be repeated. Replaces what they have on this channel.",
            autocompletion=a_channel_equals,
        ),
    ] = [],  # noqa: B006
    no_address: Annotated[
        list[str], typer.Option("--no-address", metavar="CHANNEL", help="Remove what they have there.")
    ] = [],  # noqa: B006
    locale: Annotated[str | None, typer.Option(help="The language to tell them in, such as de.")] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="In which quiet hours are meant, such as Europe/Berlin."),
    ] = None,
    role: Annotated[
        list[str], typer.Option("--role", metavar="NAME", help="These roles, and no others.")
    ] = [],  # noqa: B006
    no_roles: Annotated[bool, typer.Option("--no-roles", help="Remove all their roles.")] = False,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether anything reaches them.")
    ] = None,
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a recipient in part: what is not given stays. Who is not there yet is made. (Also: recipients add)

    Exit codes: 0 done, 1 refused (a channel or time zone that there is not), 2 wrong usage.
    """
    from clarion.catalog import recipients_of

    if no_roles and role:
        misused("say --role or --no-roles, not both")
    given: dict[str, Any] = {"name": name, "locale": locale, "time_zone": time_zone, "active": active}
    fields: RecipientFields = {key: value for key, value in given.items() if value is not None}  # type: ignore[assignment]  # of its fields
    if role or no_roles:
        fields["roles"] = role
    if where := _addresses([*(f"email={one}" for one in email), *address], no_address):
        fields["addresses_on"] = where
    found = find_existing(context, app, database)
    people = recipients_of(found)
    before = people.get(id, tenant=tenant)
    people.upsert(id, by=author(by, "recipients upsert"), tenant=tenant, **fields)
    after = people.get(id, tenant=tenant)
    found.close()
    if as_json:
        print_json({"recipient": None if after is None else asdict(after), "new": before is None})
    else:
        console().print(_changed(id, before, after), soft_wrap=True)


def _addresses(given: list[str], without: list[str]) -> dict[str, list[str]]:
    where: dict[str, list[str]] = defaultdict(list, {channel: [] for channel in without})
    for one in given:
        channel, equals, value = one.partition("=")
        if not (channel and equals and value):
            misused(f"--address {one!r}: write CHANNEL=ADDRESS, such as email=bob@acme.test")
        where[channel].append(value)
    return where


def _changed(id: str, before: Listed | None, after: Listed | None) -> str:
    if before is None:
        return f"{plain(id)} is new."
    if before == after or after is None:
        return f"{plain(id)} was so already."
    removed = {(a.channel, a.value) for a in before.addresses} - {
        (a.channel, a.value) for a in after.addresses
    }
    gone = ", ".join(f"{channel} {value}" for channel, value in sorted(removed))
    return plain(f"{id} is written." + (f" Removed: {gone}." if gone else ""))


def deactivate(
    context: typer.Context,
    id: IdArgument,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let nothing reach a recipient any more. All that was said stays; `recipients upsert ID --active` ends it.

    Exit codes: 0 done, 1 refused (there is no such recipient), 2 wrong usage.
    """
    found = find_existing(context, app, database)
    found.recipients.deactivate(id, tenant=tenant)
    found.close()
    if as_json:
        print_json({"id": id, "active": False})
    else:
        console().print(plain(f"Nothing reaches {id} any more."), soft_wrap=True)
