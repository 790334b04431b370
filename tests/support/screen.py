"""A program that stands for a desktop's own: it keeps what it is called with, and does as it is told."""

from __future__ import annotations

import os
from pathlib import Path

# Every call has a folder of its own, with its arguments, one after the other with NUL behind each, and its environment.
_PROGRAM = """#!/bin/sh
here=$(dirname "$0")
call=$(mktemp -d "$here/calls/call.XXXXXX")
for one in "$@"; do printf '%s\\0' "$one"; done > "$call/arguments"
env > "$call/environment"
read -r mood < "$here/mood"
echo $$ > "$call/begun"
case "$mood" in
  hang) exec sleep 600 ;;
  wait) while [ ! -e "$here/go" ]; do sleep 0.02; done ;;
  fail*) echo "cannot connect to the $(printf '\\033[31m')bus" >&2; exit "${mood#fail }" ;;
esac
"""


class FakeScreen:
    """`mood`: `show`, `hang`, `wait` (until `go`), `fail CODE`."""

    def __init__(self, folder: Path, name: str = "notify-send") -> None:
        self.folder = folder
        self.name = name
        (folder / "calls").mkdir(parents=True)
        (folder / name).write_text(_PROGRAM)
        (folder / name).chmod(0o755)
        self.mood("show")

    @property
    def path(self) -> str:
        """A PATH on which it comes first."""
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"

    def mood(self, mood: str) -> None:
        said = self.folder / "mood.new"
        said.write_text(mood + "\n")
        said.rename(self.folder / "mood")

    def go(self) -> None:
        (self.folder / "go").touch()

    @property
    def begun(self) -> list[Path]:
        """The calls, the oldest first."""
        found = (self.folder / "calls").glob("*/begun")
        return [one.parent for one in sorted(found, key=lambda one: one.stat().st_mtime_ns)]

    @property
    def shown(self) -> list[list[str]]:
        return [one.joinpath("arguments").read_text().split("\0")[:-1] for one in self.begun]

    @property
    def processes(self) -> list[int]:
        return [int(one.joinpath("begun").read_text()) for one in self.begun]
