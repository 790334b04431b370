"""`clarion keys`: who may use the HTTP API, and for what."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from clarion import clock
from clarion.api_key import SCOPES
from clarion.cli.author import ByOption, author
from clarion.cli.completing import a_scope_of_keys
from clarion.cli.ending import misused
from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TenantOption,
    find_existing,
)
from clarion.cli.printing import console, instant, plain, print_json, table
from clarion.cli.times import duration
from clarion.event import DEFAULT_TENANT

if TYPE_CHECKING:
    from datetime import datetime

    from clarion.api_key import ApiKey

HELP = "Say who may use the HTTP API, and for what: list, create and revoke keys."
EXAMPLE = (
    "Examples: clarion keys create shop --scope events:write --app shop.main:clarion · "
    "clarion keys list --app shop.main:clarion"
)
LIST_EXAMPLE = "Example: clarion keys list --app shop.main:clarion"
CREATE_EXAMPLE = (
    "Example: clarion keys create shop --scope events:write --expires 90d --app shop.main:clarion"
)
REVOKE_EXAMPLE = "Example: clarion keys revoke 0197a6f0-5c1e-7f5a-9d0c-8a4e2f6b1c3d --app shop.main:clarion"

_SCOPES = "; ".join(f"{scope}: {says}" for scope, says in SCOPES.items())

commands = typer.Typer(no_args_is_help=True)


@commands.command("list", epilog=LIST_EXAMPLE)
def list_(
    context: typer.Context,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the keys of a tenant, with those that are over. A secret is never shown again.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """
    found = find_existing(context, app, database)
    listed = found.keys.all(tenant=tenant)
    found.close()
    if as_json:
        print_json({"keys": [_json(one) for one in listed]})
    elif not listed:
        console().print("There is no key yet: clarion keys create.")
    else:
        rows = table("id", "name", "begins with", "scopes", "", "last used", "by")
        for one in listed:
            names = [plain(one.name), plain(one.prefix) + "…", ", ".join(one.scopes)]
            used = instant(one.last_used_at) or "never"
            rows.add_row(str(one.id), *names, _standing(one), used, plain(one.created_by or ""))
        console().print(rows)


def _standing(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {instant(key.revoked_at)}"
    if key.expires_at is None:
        return "holds"
    return f"{'until' if key.holds(clock.now()) else 'expired'} {instant(key.expires_at)}"


@commands.command(epilog=CREATE_EXAMPLE)
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, to know it by later.")],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help=f"May be repeated. {_SCOPES}.",
            autocompletion=a_scope_of_keys,
        ),
    ] = [],  # noqa: B006 - Typer copies it
    expires: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="For how long it holds: 12h, 90d. Without it: for good."),
    ] = None,
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it: the only time that it is shown. It opens nothing of another tenant.

    Exit codes: 0 done, 1 refused (an unknown scope), 2 wrong usage.
    """
    if not scope:
        misused(f"what may it do? pass --scope at least once: {', '.join(SCOPES)}")
    ends: datetime | None = None if expires is None else clock.now() + duration("--expires", expires)
    found = find_existing(context, app, database)
    issued = found.keys.issue(name, scope, expires_at=ends, by=author(by, "keys"), tenant=tenant)
    found.close()
    if as_json:
        print_json({"secret": issued.secret, "key": _json(issued.key)})
        return
    console().print(issued.secret, soft_wrap=True)
    until = "for good" if ends is None else f"until {instant(ends)}"
    told = f"Key {issued.key.id} holds {until}. Keep it now: it is not shown again."
    typer.echo(told, err=True)


@commands.command(epilog=REVOKE_EXAMPLE)
def revoke(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="As `clarion keys list` shows it.")],
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a key open nothing any more; the sessions that began with it end, too. Services notice within 5 seconds.

    Exit codes: 0 done, also if it was revoked before; 1 there is no such key; 2 wrong usage.
    """
    try:
        which = UUID(id)
    except ValueError:
        misused(f"{id!r} is no id of a key; `clarion keys list` shows them")
    found = find_existing(context, app, database)
    key = found.keys.revoke(which, tenant=tenant)
    found.close()
    if as_json:
        print_json({"key": _json(key)})
    else:
        console().print(f"Revoked: {plain(key.name)} ({plain(key.prefix)}…).", soft_wrap=True)


def _json(key: ApiKey) -> dict[str, Any]:
    return {**asdict(key), "scopes": list(key.scopes)}
