"""`clarion doctor`: is everything there that it takes to tell somebody, and if not, what is to be done."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from clarion.cli.ending import FAILED
from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    SenderOption,
    SmtpOption,
    TypesOption,
    make_any,
    settings_of,
    which,
)
from clarion.cli.printing import console, plain, print_json
from clarion.cli.settings import as_object, lines

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
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at the settings, the database, every channel, the clock, what pauses and what waits; nothing is sent or changed.

    Channels are connected to for real. No password is shown.

    Exit codes: 0 no trouble (there may be warnings), 1 trouble, 2 wrong usage.
    """
    settings = settings_of(context, which(app, database, types, smtp, sender))
    found = make_any(settings)
    findings = found.examine()
    found.close()
    levels = Counter(one.level.value for one in findings)
    if as_json:
        listed = [asdict(one) for one in findings]
        print_json({"trouble": bool(levels["trouble"]), **as_object(settings), "findings": listed})
    else:
        console().print(*lines(settings), sep="\n", soft_wrap=True)
        console().print(*(line for one in findings for line in _lines(one)), sep="\n", soft_wrap=True)
        console().print(", ".join(f"{levels[name]} {name}" for name in _MARKS))
    if levels["trouble"]:
        raise typer.Exit(FAILED)


def _lines(one: Finding) -> list[str]:
    lines = [f"{_MARKS[one.level]} {plain(one.about)}: {plain(one.seen)}"]
    return lines + ([f"  → {plain(one.remedy)}"] if one.remedy else [])
