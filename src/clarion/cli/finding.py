"""How a command finds its Clarion: the application's own, or one made of a database and a file of types.

What is said on the command line counts before the environment.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.ending import misused

if TYPE_CHECKING:
    from clarion.app import Clarion

_PANEL = "Which Clarion"

AppOption = Annotated[
    str | None,
    typer.Option(
        "--app",
        envvar="CLARION_APP",
        metavar="MODULE:NAME",
        help="The application's Clarion, or a function that makes it. Instead of all the others here.",
        rich_help_panel=_PANEL,
    ),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="CLARION_DATABASE",
        metavar="URL",
        help="sqlite:///file.db or postgresql://user@host/name",
        rich_help_panel=_PANEL,
    ),
]
TypesOption = Annotated[
    str | None,
    typer.Option(
        "--types",
        envvar="CLARION_TYPES",
        metavar="FILE",
        help="The event types, declared in TOML.",
        rich_help_panel=_PANEL,
    ),
]
SmtpOption = Annotated[
    str | None,
    typer.Option(
        "--smtp",
        envvar="CLARION_SMTP",
        metavar="URL",
        help="Where mail is handed in: smtp://localhost:2525, smtps://user:password@host",
        rich_help_panel=_PANEL,
    ),
]
SenderOption = Annotated[
    str | None,
    typer.Option(
        "--sender",
        envvar="CLARION_SENDER",
        metavar="'NAME <A@B>'",
        help="Who mail is from.",
        rich_help_panel=_PANEL,
    ),
]
TenantOption = Annotated[str, typer.Option("--tenant", metavar="NAME", help="Whose it is.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


def find(
    context: typer.Context,
    app: str | None,
    database: str | None,
    types: str | None,
    smtp: str | None,
    sender: str | None,
) -> Clarion:
    """The Clarion that these options mean."""
    app, database = _one_of(context, app, database)
    if app is not None:
        return _application(app)
    if types is None:
        misused("which event types? pass --types FILE (or CLARION_TYPES) beside the database, or --app")
    if (smtp is None) != (sender is None):
        misused("mail needs both --smtp URL and --sender 'NAME <A@B>' (or CLARION_SMTP and CLARION_SENDER)")
    from clarion.app import Clarion
    from clarion.channels import Channel
    from clarion.channels.email import Email

    channels: list[Channel] = [] if smtp is None or sender is None else [Email(smtp, sender=sender)]
    return Clarion(_existing(database), channels=channels, types=types)


def find_database(context: typer.Context, app: str | None, database: str | None) -> Clarion:
    """A Clarion for a command that needs no more than the database, which need not exist yet."""
    app, database = _one_of(context, app, database)
    if app is not None:
        return _application(app)
    from clarion.app import Clarion

    return Clarion(database or "")


def find_existing(context: typer.Context, app: str | None, database: str | None) -> Clarion:
    """The same, for a command that has nothing to do on an empty database. Raises `NotMigrated`."""
    from clarion.store import migrate

    found = find_database(context, app, database)
    _existing(found.database.url.render_as_string(hide_password=False))
    found.database.read(migrate.check)
    return found


def _one_of(context: typer.Context, app: str | None, database: str | None) -> tuple[str | None, str | None]:
    """One of the two, and `None` for the other."""
    said = {name for name in context.params if _on_command_line(context, name)}
    without_app = said & {"database", "types", "smtp", "sender"}
    if "app" in said and without_app:
        misused(f"--app brings its own database, types and channels; leave out --{min(without_app)}")
    if app is not None and not without_app:
        return app, None
    if database is None:
        misused("which Clarion? pass --app MODULE:NAME or --database URL (or CLARION_APP, CLARION_DATABASE)")
    return None, database


def _on_command_line(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _application(reference: str) -> Clarion:
    from clarion.app import Clarion
    from clarion.declarations import load
    from clarion.errors import ConfigError

    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    found: object = load(reference)
    if callable(found) and not isinstance(found, type):
        found = found()
    if not isinstance(found, Clarion):
        raise ConfigError(
            f"{reference!r} is of type {type(found).__name__}; it must be a Clarion, or a function that makes one"
        )
    return found


def _existing(database: str | None) -> str:
    """Of SQLite, only a file that is there: opening another would leave an empty one behind."""
    from sqlalchemy.engine import make_url

    from clarion.errors import NotMigrated

    url = make_url(database or "")
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise NotMigrated(
            f"there is no file {url.database!r}; run `clarion migrate`, or name another database"
        )
    return database or ""
