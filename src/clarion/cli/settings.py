"""`clarion settings`: what is in force, and where it was said, as an annotated `clarion.toml`."""

from __future__ import annotations

import sys
import tomllib
from typing import Annotated, Any

import typer

from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    SenderOption,
    SmtpOption,
    TypesOption,
    settings_of,
    which,
)
from clarion.cli.printing import plain, print_json
from clarion.settings.example import example, origin, toml
from clarion.settings.setting import InForce, Settings

EXAMPLE = "Example: clarion settings --example > clarion.toml"


def settings(
    context: typer.Context,
    only_example: Annotated[
        bool, typer.Option("--example", help="Print an example with all defaults, whatever is said.")
    ] = False,
    app: AppOption = None,
    database: DatabaseOption = None,
    types: TypesOption = None,
    smtp: SmtpOption = None,
    sender: SenderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print all settings as an annotated clarion.toml, with what is in force and where it was said.

    Where nothing is said, it is an example with all defaults. No secret is shown: who has one reads it elsewhere.

    Exit codes: 0 printed; 1 failed, as the answer cannot be written; 2 some setting is wrong: every one is named.
    """
    if only_example:
        sys.stdout.write(example())
        return
    found = settings_of(context, which(app, database, types, smtp, sender))
    if as_json:
        print_json(as_object(found))
    else:
        sys.stdout.write(toml(found))


def as_object(settings: Settings) -> dict[str, Any]:
    return {"file": settings.file, "settings": [_object(one) for one in settings]}


def lines(settings: Settings) -> list[str]:
    """What was said, for people, in a line each."""
    said = [one for one in settings if one.said]
    rest = len(list(settings)) - len(said)
    listed = [f"  {one.setting.key} = {one.shown}  ({origin(one)})" for one in said if not one.aside]
    listed += [f"  {one.setting.key}  ({origin(one)})" for one in said if one.aside]
    where = f"settings, {settings.file} read:" if settings.file else "settings, without a file:"
    return [plain(line) for line in [where, *listed, f"  {rest} more by default: `clarion settings`"]]


def _object(one: InForce) -> dict[str, Any]:
    """The value is as TOML has it."""
    return {
        "key": one.setting.key,
        "value": None if one.shown is None else tomllib.loads(f"value = {one.shown}")["value"],
        "from": one.origin.layer.value,
        "name": one.origin.name or None,
        "held_in": None if one.origin.held_in is None else str(one.origin.held_in),
        "secret": one.setting.secret,
        "set_aside": one.aside,
    }
