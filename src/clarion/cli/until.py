"""How long something is to last, as it is written on a command line."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from clarion import clock
from clarion.cli.ending import misused
from clarion.cli.times import duration, instant

UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Until then: 2025-06-01T10:00:00+02:00")
]
ForOption = Annotated[str | None, typer.Option("--for", metavar="TIME", help="So long: 90m, 2h, 3d.")]


def end(until: str | None, lasts: str | None) -> datetime | None:
    """When it ends; `None` if neither is said."""
    if until is not None and lasts is not None:
        misused("say --until or --for, not both")
    return instant("--until", until) if lasts is None else clock.now() + duration("--for", lasts)
