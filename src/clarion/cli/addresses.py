"""`clarion addresses`: where recipients are reached, which of it is dead, and reviving that."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from clarion.cli.ending import misused, refuse_options
from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TenantOption,
    find_existing,
)
from clarion.cli.printing import console, instant, plain, print_json, table
from clarion.event import DEFAULT_TENANT

if TYPE_CHECKING:
    from rich.table import Table

    from clarion.store.address_health import AddressHealth

EXAMPLE = "Example: clarion addresses --gone --database sqlite:///app.db"
REVIVE_EXAMPLE = (
    "Example: clarion addresses revive 0197a6f0-5c1e-7f5a-9d0c-8a4e2f6b1c3d --app shop.main:clarion"
)


def addresses(
    context: typer.Context,
    gone: Annotated[bool, typer.Option("--gone", help="Only those that are dead.")] = False,
    recipient: Annotated[str | None, typer.Option(metavar="ID", help="Of this recipient.")] = None,
    channel: Annotated[str | None, typer.Option(metavar="NAME", help="On this channel.")] = None,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Those behind this address.")] = None,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List where recipients are reached. An address is dead once the other side said so: nothing is sent there.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """
    if context.invoked_subcommand is not None:
        refuse_options(context)
        return
    found = find_existing(context, app, database)
    listed = found.addresses(
        gone=True if gone else None,
        recipient=recipient,
        channel=channel,
        after=None if after is None else _id(after),
        most=most,
        tenant=tenant,
    )
    found.close()
    if as_json:
        print_json({"addresses": [asdict(one) for one in listed]})
    elif listed:
        console().print(_table(listed))
        if len(listed) == most:
            console().print(f"There may be more: --after {listed[-1].id}")
    else:
        console().print("No address is dead." if gone else "There are no addresses.")


def _table(listed: list[AddressHealth]) -> Table:
    rows = table("id", "recipient", "channel", "address", "dead since", "because")
    for one in listed:
        since, why = instant(one.gone_at), plain(one.gone_reason or "")
        rows.add_row(str(one.id), plain(one.recipient), plain(one.channel), plain(one.value), since, why)
    return rows


def revive(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ID", help="The address's id, as `addresses` lists it.")],
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a dead address be tried again. If the other side says again that it is dead, it is marked again.

    Exit codes: 0 done, or it was not dead; 1 refused (there is no such address); 2 wrong usage.
    """
    id = _id(address)
    found = find_existing(context, app, database)
    was_gone = found.revive(id, tenant=tenant)
    found.close()
    if as_json:
        print_json({"id": str(id), "revived": was_gone})
    else:
        console().print("Revived." if was_gone else "It was not dead: nothing to do.")


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        misused(f"{given!r} is no id of an address; `clarion addresses` lists them")
