"""Running `clarion` as a user does: in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PATIENCE = 180.0

# Importing takes most of a command's time. A process that has done so is forked for each command that runs to its end.
_imported = multiprocessing.get_context("forkserver")
_imported.set_forkserver_preload(
    [
        "__main__",
        "clarion.__main__",
        "clarion.app",
        "clarion.cli",
        "clarion.demo.command",
        "clarion.serve",
        "psycopg",
        "pydantic.type_adapter",  # and what typer imports late
        "typer.rich_utils",
        "tests.support.compiled",
    ]
)


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


def clarion(
    *arguments: str, cwd: Path | None = None, said: str = "", env: Mapping[str, str] | None = None
) -> Ended:
    """Run to its end; `said` is its standard input. What the environment says of Clarion is left out."""
    with tempfile.TemporaryDirectory(prefix="clarion-command-") as folder:
        streams = [Path(folder) / name for name in ("in", "out", "err")]
        streams[0].write_text(said)
        process = _imported.Process(
            target=_command, args=(arguments, str(cwd or Path.cwd()), _environment(env), streams)
        )
        process.start()
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(["clarion", *arguments], PATIENCE)
        return Ended(process.exitcode, *(stream.read_text() for stream in streams[1:]))


def _command(arguments: tuple[str, ...], cwd: str, environment: dict[str, str], streams: list[Path]) -> None:
    """What `python -m clarion` does, in a process that is new but for what it has imported."""
    for number, (path, mode) in enumerate(zip(streams, (os.O_RDONLY, _WRITE, _WRITE), strict=True)):
        os.dup2(os.open(path, mode, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(cwd)
    sys.path.insert(0, cwd)
    sys.argv = ["clarion", *arguments]
    from clarion.__main__ import main

    main()


_WRITE = os.O_WRONLY | os.O_CREAT


def start(
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    err: IO[str] | int = subprocess.PIPE,
) -> subprocess.Popen[str]:
    """A process that runs on. `err`: a file for what may be too much for a pipe, or is read meanwhile."""
    return subprocess.Popen(
        [sys.executable, "-m", "clarion", *arguments],
        cwd=cwd,
        env=_environment(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=err,
        text=True,
    )


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
    return {**inherited, "COLUMNS": "120", **(more or {})}
