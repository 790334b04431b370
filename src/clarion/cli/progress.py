"""How far long work is: a bar on standard error, on a terminal only, and never beside `--json`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def wanted(*, as_json: bool) -> bool:
    """Whether somebody is there to watch."""
    return sys.stderr.isatty() and not as_json


@contextmanager
def progress(what: str, total: int | None, *, shown: bool) -> Iterator[Callable[[int], Any]]:
    """What is called with how much is done; `total` may be unknown."""
    if not shown:
        yield lambda _done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)
