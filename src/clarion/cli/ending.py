"""How a command ends: every error of Clarion, and of its database, is one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import typer

from clarion.errors import ClarionError

FAILED = 1
USAGE = 2
INTERRUPTED = 130


def run(app: typer.Typer) -> NoReturn:
    """Run the command that the arguments name, and end this process."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except ClarionError as error:
        fail(str(error))
    except Exception as error:
        if (said := _of_database(error)) is None:
            raise
        fail(said)
    sys.exit(0)


def fail(why: str, code: int = FAILED) -> NoReturn:
    """Say why on stderr, in one line, and end."""
    _say(why)
    sys.exit(code)


def misused(*why: str) -> NoReturn:
    """What was asked for makes no sense, each reason in a line."""
    for reason in why[:-1]:
        _say(reason)
    fail(why[-1], USAGE)


def _say(why: str) -> None:
    sys.stderr.write(f"clarion: {' '.join(why.split())}\n")


def _of_database(error: Exception) -> str | None:
    """What the database said, if that is what went wrong; SQLAlchemy is loaded by then."""
    from sqlalchemy.exc import ArgumentError, DBAPIError

    if isinstance(error, DBAPIError):
        return f"the database refused: {error.orig}"
    if isinstance(error, ArgumentError):
        return f"the database's URL: {error}"
    return None
