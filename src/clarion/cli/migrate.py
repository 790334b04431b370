"""`clarion migrate`: create or upgrade the tables."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.cli.finding import AppOption, ConfigOption, DatabaseOption, JsonOption, find_database
from clarion.cli.printing import console, print_json

EXAMPLE = "Example: clarion migrate --database sqlite:///app.db"


def migrate(
    context: typer.Context,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    outbox: Annotated[
        bool,
        typer.Option(
            "--outbox",
            help="Create only the outbox table, in an application's database that is not Clarion's own.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Create Clarion's tables in a database, or upgrade them. Doing it again changes nothing.

    Exit codes: 0 done, or nothing to do; 1 refused or failed; 2 wrong usage.
    """
    from clarion.store import migrate as migrations

    found = find_database(context, app, database)
    url, shown = found.database.url, found.database.shown_url
    before = found.database.read(migrations.current)
    if outbox:
        migrations.create_outbox(url)
        at, done = None, "has the outbox table"
    else:
        migrations.upgrade(url)
        at = found.database.read(migrations.current)
        done = f"is at revision {at}" + (", as it was" if before == at else "")
    found.close()
    if as_json:
        print_json({"database": shown, "revision": at, "before": before, "outbox": outbox})
    else:
        console().print(f"{shown} {done}", soft_wrap=True)
