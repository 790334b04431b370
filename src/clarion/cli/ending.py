"""How a command ends: every error of Clarion, and of its database, is one line on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any, NoReturn

import typer

from clarion.errors import ClarionError

FAILED = 1
USAGE = 2
INTERRUPTED = 130

# What only writing says: the device is full or broken, the file or the quota too small.
_FULL = (errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT)
_asked: list[str] = []  # the databases of this process, as they are shown


def asking(database: str) -> None:
    """From here on, what goes wrong with a database goes wrong with this one."""
    _asked.append(database)


def run(app: typer.Typer) -> NoReturn:
    """Run the command that the arguments name, and end this process."""
    try:
        try:
            app()
        finally:
            if sys.stdout:  # closed by who called, it is None
                sys.stdout.flush()  # not at the very end of the process, where nobody could say what went wrong
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has seen enough
        _write_no_more()
        sys.exit(FAILED)
    except ClarionError as error:
        fail(str(error))
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _write_no_more()
        fail(f"the answer cannot be written: {error.strerror}")
    except Exception as error:
        if (said := _of_database(error)) is None:
            raise
        fail(said)
    sys.exit(0)


def _write_no_more() -> None:
    """Let what could not be written go nowhere, so that the end of the process does not try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(why: str, code: int = FAILED) -> NoReturn:
    """Say why on stderr, in one line, and end."""
    _say(why)
    sys.exit(code)


def refuse_options(context: typer.Context) -> None:
    """Ends where an option stands before a subcommand, which would not see it."""
    name = context.invoked_subcommand or ""
    group: Any = context.command
    known = {option for one in group.commands[name].params for option in one.opts}
    for option in group.params:
        source = context.get_parameter_source(option.name)
        if source is not None and source.name == "COMMANDLINE":
            flag = option.opts[0]
            misused(
                f"{flag} belongs after {name!r}: write `{context.command_path} {name} … {flag} …`"
                if flag in known
                else f"{name!r} has no {flag}; leave it out"
            )


def misused(*why: str) -> NoReturn:
    """What was asked for makes no sense, each reason in a line."""
    for reason in why[:-1]:
        _say(reason)
    fail(why[-1], USAGE)


def _say(why: str) -> None:
    sys.stderr.write(f"clarion: {' '.join(why.split())}\n")


def _of_database(error: Exception) -> str | None:
    """What the database said, if that is what went wrong; SQLAlchemy is loaded by then."""
    from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

    if isinstance(error, OperationalError) and _asked:
        return f"the database {_asked[-1]} refused: {error.orig}; `clarion doctor` says more"
    if isinstance(error, DBAPIError):
        return f"the database refused: {error.orig}"
    if isinstance(error, ArgumentError):
        return f"the database's URL: {error}"
    return None
