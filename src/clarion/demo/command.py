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

from clarion.cli.ending import misused
from clarion.cli.printing import print_json
from clarion.errors import ConfigError

EXAMPLE = "Example: clarion demo --port 8025 --no-browser"

_TERMINATED = 128 + signal.SIGTERM
_TURNS_TO_CHECK = 4


def demo(
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="N",
            help="Where to serve it; 0 takes a free port. Without it 8025, or a free one where that is taken.",
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Serve nothing: send everything once, show who was told and why, and end."
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Kill a worker and take the mail catcher down in the midst of it, then compare what was received.",
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="First a line of JSON: where everything is. With --once or --check, nothing but the counts.",
        ),
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
    """See Clarion at work: a small product with a bell in it, two people, their mail, and GitHub's webhooks.

    It serves all of it on this machine, opens a browser if there is a display, and goes on until Ctrl-C or SIGTERM.

    Exit codes: 0 told to stop, or all is well; 1 it cannot begin, or with --once and --check something was lost, left
    undecided, or doubled without need; 2 wrong usage.
    """
    if (once or check) and (port is not None or no_browser):
        misused(f"--{'check' if check else 'once'} serves nothing: leave out --port and --no-browser")
    signal.signal(signal.SIGTERM, _end)
    with _folder(directory) as folder:
        if once or check:
            code = _run(folder, database, check=check, as_json=as_json, kept=directory is not None)
            raise typer.Exit(code)
        _serve(folder, database, port=port, as_json=as_json, browse=not (no_browser or as_json))


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


def _serve(folder: Path, database: str | None, *, port: int | None, as_json: bool, browse: bool) -> None:
    try:
        from clarion.demo import live
    except ImportError as error:
        raise ConfigError(f"to serve the demo, install clarion[demo,serve]: {error}") from error
    live.serve(folder, database, port=port, as_json=as_json, browse=browse)


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
