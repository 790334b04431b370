"""Who says so: kept with what a person changes from the command line."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so; you, if left out.")]


def author(said: str | None, command: str) -> str:
    """The name given, else the user's, else that of the command."""
    if said is not None:
        return said
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a passwd entry
        return f"clarion {command}"
