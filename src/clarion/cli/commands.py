"""The commands by name. Each is a function in a file of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.cli import emit, explain, migrate, work


def version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"clarion {version('clarion')}")
        raise typer.Exit


def clarion(
    _version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    """Clarion tells the right people, on the right channels, and can say exactly why.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """


app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich")
app.callback()(clarion)
app.command(epilog=migrate.EXAMPLE)(migrate.migrate)
app.command(epilog=work.EXAMPLE)(work.work)
app.command(epilog=emit.EXAMPLE)(emit.emit)
app.command(epilog=explain.EXAMPLE)(explain.explain)
