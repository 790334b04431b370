"""The commands by name. Each is a function in a file of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.cli import addresses, doctor, emit, explain, migrate, pauses, prune, replay, work


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
app.command(epilog=replay.EXAMPLE)(replay.replay)
app.command(epilog=prune.EXAMPLE)(prune.prune)
of_addresses = typer.Typer(invoke_without_command=True, subcommand_metavar="[revive ID]")
of_addresses.callback(epilog=addresses.EXAMPLE)(addresses.addresses)
of_addresses.command(epilog=addresses.REVIVE_EXAMPLE)(addresses.revive)
app.add_typer(of_addresses, name="addresses")
app.command(epilog=pauses.EXAMPLE)(pauses.pauses)
app.command(epilog=pauses.PAUSE_EXAMPLE)(pauses.pause)
app.command(epilog=pauses.RESUME_EXAMPLE)(pauses.resume)
app.command(epilog=doctor.EXAMPLE)(doctor.doctor)
