"""`clarion doctor`: is everything there that it takes to tell somebody, and if not, what is to be done."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from clarion.cli.ending import FAILED
from clarion.cli.finding import (
    AppOption,
    DatabaseOption,
    JsonOption,
    SenderOption,
    SmtpOption,
    TypesOption,
    find,
    find_database,
)
from clarion.cli.printing import console, plain, print_json

if TYPE_CHECKING:
    from clarion.examination.finding import Finding

EXAMPLE = "Example: clarion doctor --app shop.main:clarion"

_MARKS = {"ok": "✓", "warning": "!", "trouble": "✗"}


def doctor(
    context: typer.Context,
    app: AppOption = None,
    database: DatabaseOption = None,
    types: TypesOption = None,
    smtp: SmtpOption = None,
    sender: SenderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at the database, every channel, the clock, what pauses and what waits; nothing is sent or changed.

    Channels are connected to for real. No password is shown.

    Exit codes: 0 no trouble (there may be warnings), 1 trouble, 2 wrong usage.
    """
    if types is None and smtp is None and sender is None:
        found = find_database(context, app, database)
    else:
        found = find(context, app, database, types, smtp, sender)
    findings = found.examine()
    found.close()
    levels = Counter(one.level.value for one in findings)
    if as_json:
        print_json({"trouble": bool(levels["trouble"]), "findings": [asdict(one) for one in findings]})
    else:
        console().print(*(line for one in findings for line in _lines(one)), sep="\n", soft_wrap=True)
        console().print(", ".join(f"{levels[name]} {name}" for name in _MARKS))
    if levels["trouble"]:
        raise typer.Exit(FAILED)


def _lines(one: Finding) -> list[str]:
    lines = [f"{_MARKS[one.level]} {plain(one.about)}: {plain(one.seen)}"]
    return lines + ([f"  → {plain(one.remedy)}"] if one.remedy else [])
