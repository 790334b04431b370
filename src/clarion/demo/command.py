"""`clarion demo`: the command."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from clarion.cli.printing import print_json

EXAMPLE = "Example: clarion demo --check --json"

_TERMINATED = 128 + signal.SIGTERM
_TURNS_TO_CHECK = 4


def demo(
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Kill a worker and take the mail catcher down in the midst of it, then compare what was received.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print nothing but one JSON object of the counts.")
    ] = False,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An empty database to use, of SQLite or PostgreSQL."),
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--dir", metavar="FOLDER", help="Where to keep the files. Else they are removed in the end."
        ),
    ] = None,
) -> None:
    """See Clarion at work: GitHub's webhooks become notifications and mail, which a built-in catcher receives.

    Exits with 1 when anything was lost, left undecided, or doubled without need.
    """
    signal.signal(signal.SIGTERM, _end)
    with _folder(directory) as folder:
        code = _run(folder, database, check=check, as_json=as_json, kept=directory is not None)
    raise typer.Exit(code)


def _end(*_: Any) -> None:
    sys.exit(_TERMINATED)


@contextmanager
def _folder(directory: Path | None) -> Iterator[Path]:
    if directory is None:
        with tempfile.TemporaryDirectory(prefix="clarion-demo-") as made:
            yield Path(made)
    else:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory.absolute()


def _run(folder: Path, database: str | None, *, check: bool, as_json: bool, kept: bool) -> int:
    """The exit code."""
    from clarion.demo import running, showing

    if not check and not as_json:
        return showing.show(folder, database, kept=kept)
    turns = _TURNS_TO_CHECK if check else 1
    with (
        showing.watching(silent=as_json) as watch,
        running.run(
            folder,
            database,
            feeding=lambda clarion: running.many_turns(clarion, turns),
            watch=watch,
            faults=check,
        ) as ended,
    ):
        pass
    if as_json:
        print_json(ended.json())
    else:
        showing.report(ended)
    return 1 if ended.problems else 0
