"""The commands by name. Each is a function in a file of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.cli import (
    addresses,
    desktop,
    doctor,
    emit,
    explain,
    history,
    hushing,
    importing,
    keys,
    migrate,
    pauses,
    preferences,
    preferring,
    prune,
    recipients,
    replay,
    settings,
    trial,
    types,
    upserting,
    work,
)


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

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 stopped by Ctrl-C.
    """


app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich")
app.callback()(clarion)
app.command(epilog=migrate.EXAMPLE)(migrate.migrate)
app.command(epilog=work.EXAMPLE)(work.work)
app.command(epilog=desktop.EXAMPLE)(desktop.desktop)
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
app.command(epilog=settings.EXAMPLE)(settings.settings)
app.add_typer(keys.commands, name="keys", help=keys.HELP, epilog=keys.EXAMPLE)
app.command(epilog=types.EXAMPLE)(types.types)
app.command("test", epilog=trial.EXAMPLE)(trial.try_out)
of_recipients = typer.Typer(invoke_without_command=True, subcommand_metavar="[COMMAND …]")
of_recipients.callback(epilog=recipients.EXAMPLE)(recipients.recipients)
of_recipients.command(epilog=recipients.SHOW_EXAMPLE)(recipients.show)
of_recipients.command(epilog=upserting.EXAMPLE)(upserting.upsert)
of_recipients.command("add", epilog=upserting.EXAMPLE, hidden=True)(upserting.upsert)
of_recipients.command("import", epilog=importing.EXAMPLE)(importing.import_)
of_recipients.command(epilog=upserting.DEACTIVATE_EXAMPLE)(upserting.deactivate)
app.add_typer(of_recipients, name="recipients")
of_preferences = typer.Typer(cls=preferences.ShowsByDefault, no_args_is_help=True)
of_preferences.command(epilog=preferences.EXAMPLE)(preferences.show)
of_preferences.command("set", epilog=preferring.SET_EXAMPLE)(preferring.set_)
of_preferences.command(epilog=preferring.SWITCH_EXAMPLE)(preferring.switch)
of_preferences.command(epilog=preferring.HOURS_EXAMPLE)(preferring.hours)
of_preferences.command(epilog=hushing.SILENCE_EXAMPLE)(hushing.silence)
of_preferences.command(epilog=hushing.RESUME_EXAMPLE)(hushing.resume)
of_preferences.command(epilog=hushing.MUTE_EXAMPLE)(hushing.mute)
of_preferences.command(epilog=hushing.UNMUTE_EXAMPLE)(hushing.unmute)
of_preferences.command(epilog=hushing.WATCH_EXAMPLE)(hushing.watch)
of_preferences.command(epilog=history.EXAMPLE)(history.history)
app.add_typer(
    of_preferences,
    name="preferences",
    help="Show what a recipient said about being told and what follows from it: `clarion preferences ID`; or say it.",
    epilog=preferences.EXAMPLE,
)
