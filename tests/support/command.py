"""Running `clarion` as a user does: as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PATIENCE = 180.0


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


def clarion(
    *arguments: str, cwd: Path | None = None, said: str = "", env: Mapping[str, str] | None = None
) -> Ended:
    """Run to its end; `said` is its standard input. What the environment says of Clarion is left out."""
    process = start(*arguments, cwd=cwd, env=env)
    out, err = process.communicate(said, timeout=PATIENCE)
    return Ended(process.returncode, out, err)


def start(
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    err: IO[str] | int = subprocess.PIPE,
) -> subprocess.Popen[str]:
    """A process that runs on. `err`: a file for what may be too much for a pipe, or is read meanwhile."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
    return subprocess.Popen(
        [sys.executable, "-m", "clarion", *arguments],
        cwd=cwd,
        env={**inherited, "COLUMNS": "120", **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=err,
        text=True,
    )
