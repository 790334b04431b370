"""Changing what a recipient said: by the recipients' own methods, with who says so, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clarion.cli.author import author
from clarion.cli.finding import find_existing
from clarion.cli.preferences import said_json
from clarion.cli.printing import console, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    import typer

    from clarion.recipients import Recipients


def say(
    context: typer.Context,
    change: Callable[[Recipients, str], None],
    id: str,
    by: str | None,
    tenant: str,
    app: str | None,
    database: str | None,
    as_json: bool,
) -> None:
    """Make the change, and show what is said by now, or that nothing was to be changed."""
    from clarion.catalog import recipients_of

    found = find_existing(context, app, database)
    people = recipients_of(found)
    before = people.history(id, most=1, tenant=tenant)
    change(people, author(by, f"preferences {context.info_name}"))
    newest = people.history(id, most=1, tenant=tenant)
    said = people.said(id, tenant=tenant)
    found.close()
    changed = newest != before
    if as_json:
        print_json({"changed": changed, **said_json(said)})
    elif changed:
        console().print(plain(f"Done. `clarion preferences {id}` shows what follows."), soft_wrap=True)
    else:
        console().print("It was so already: nothing to do.")
