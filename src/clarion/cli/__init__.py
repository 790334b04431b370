"""The command line: a command in each file. What a command needs is imported when it runs."""

from clarion.cli.commands import app
from clarion.cli.ending import run

__all__ = ["app", "run"]
