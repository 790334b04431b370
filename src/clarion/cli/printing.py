"""Printing for people and for programs: colour on a terminal only, instants in UTC, nothing that could steer a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clarion.settings.kinds import STEERING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def console() -> Console:
    """What is printed with it is text: no markup is read in it."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


def table(*columns: str, title: str | None = None) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def plain(value: object) -> str:
    """`value` as text that stays where it is printed."""
    return STEERING.sub("\ufffd", str(value))


def instant(at: datetime | None) -> str:
    """In UTC, as logs and databases have it: `2025-06-01T10:00:00Z`."""
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def print_json(value: object) -> None:
    """One object on one line."""
    import sys

    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain_json) + "\n")


def _plain_json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else str(value)
