"""`clarion preferences history`: who changed what of a recipient's choices, and when."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TenantOption,
    find_existing,
)
from clarion.cli.preferences import IdArgument, until
from clarion.cli.printing import console, instant, plain, print_json, table
from clarion.event import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from clarion.configuration import Entry

EXAMPLE = "Example: clarion preferences history bob --most 20 --app shop.main:clarion"

_ABOUT = ("scope", "channel", "topic")


def history(
    context: typer.Context,
    id: IdArgument,
    before: Annotated[int | None, typer.Option(metavar="N", help="Those before this one.")] = None,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the changes of a recipient's choices, the newest first: when, by whom, and from what to what.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """
    found = find_existing(context, app, database)
    entries = found.recipients.history(id, most=most + 1, before=before, tenant=tenant)
    found.close()
    entries, more = entries[:most], len(entries) > most
    if as_json:
        print_json({"history": [asdict(one) for one in entries], "more": more})
        return
    console().print(_table(entries) if entries else plain(f"Nothing of {id} was ever changed."))
    if more:
        console().print(f"There are more: --before {entries[-1].n}")


def _table(entries: list[Entry]) -> Table:
    rows = table("n", "at", "by", "of", "before", "after")
    for one in entries:
        of = " on ".join(str(one.after[name]) for name in _ABOUT if one.after.get(name) not in (None, "*"))
        before, after = _changed(one.before), _changed(one.after)
        rows.add_row(str(one.n), instant(one.at), plain(one.by or ""), plain(of or "all"), before, after)
    return rows


def _changed(values: Mapping[str, Any]) -> str:
    """A line for each."""
    return "\n".join(
        plain(f"{name}: {_said(name, value)}") for name, value in values.items() if name not in _ABOUT
    )


def _said(name: str, value: object) -> str:
    if value is None:
        return "unsaid"
    return until(datetime.fromisoformat(str(value))) if name.endswith("_until") else str(value)
