"""How a command finds its Clarion: the application's own, or one made of settings.

What is said on the command line counts before the environment, and that before `clarion.toml`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.ending import asking, misused
from clarion.settings.declared import BY_KEY
from clarion.settings.making import make
from clarion.settings.reading import FILE, read
from clarion.settings.setting import Settings, WrongSettings
from clarion.settings.sources import CONFIG

if TYPE_CHECKING:
    from clarion.app import Clarion

Flags = Mapping[str, str | bool | None]
_OF_DATABASE = ("app", "database", "retention")
_PANEL = "Which Clarion"


def flag(key: str, metavar: str | None = None, *names: str, panel: str | None = None) -> Any:
    """The option for a setting, in the words in which that is declared."""
    setting = BY_KEY[key]
    return typer.Option(
        *filter(None, [setting.flag]),
        *names,
        metavar=metavar,
        help=f"{setting.says} ({setting.variables[-1]})",
        rich_help_panel=panel,
    )


AppOption = Annotated[str | None, flag("app", "MODULE:NAME", panel=_PANEL)]
DatabaseOption = Annotated[str | None, flag("database", "URL", panel=_PANEL)]
TypesOption = Annotated[str | None, flag("types", "FILE", panel=_PANEL)]
SmtpOption = Annotated[str | None, flag("mail.smtp", "URL", panel=_PANEL)]
SenderOption = Annotated[str | None, flag("mail.sender", "'NAME <A@B>'", panel=_PANEL)]
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help=f"The file of settings, instead of {FILE} in the working directory. ({CONFIG})",
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
    """The Clarion that these options and the other settings mean, with event types, on a database that is there."""
    return make_to_work(settings_of(context, which(app, database, types, smtp, sender)))


def find_database(context: typer.Context, app: str | None, database: str | None) -> Clarion:
    """A Clarion for a command that needs no more than the database, which need not exist yet.

    Nothing else can keep it from its work, such as a secret that an operator may not read.
    """
    return make_any(settings_of(context, which(app, database), only=_OF_DATABASE))


def find_existing(context: typer.Context, app: str | None, database: str | None) -> Clarion:
    """The same, for a command that has nothing to do on an empty database. Raises `NotMigrated`."""
    return make_existing(settings_of(context, which(app, database), only=_OF_DATABASE))


def which(
    app: str | None,
    database: str | None,
    types: str | None = None,
    smtp: str | None = None,
    sender: str | None = None,
) -> Flags:
    """What was given on the command line, by the keys of settings."""
    return {"app": app, "database": database, "types": types, "mail.smtp": smtp, "mail.sender": sender}


def settings_of(context: typer.Context, flags: Flags, *, only: Collection[str] | None = None) -> Settings:
    """The settings in force, with these flags before all others; ends where they are wrong."""
    try:
        return read(flags, config=context.params.get("config"), only=only)
    except WrongSettings as wrong:
        misused(*wrong.problems)


def make_to_work(settings: Settings) -> Clarion:
    """A Clarion that can emit or work: with event types, on a database that is there. Raises `NotMigrated`."""
    made = make_any(settings, with_types=True)
    if settings["app"] is None:
        _check_exists(made)
    return made


def make_existing(settings: Settings) -> Clarion:
    """A Clarion, with event types or without, on a database with tables. Raises `NotMigrated`."""
    from clarion.store import migrate

    made = make_any(settings)
    _check_exists(made)
    made.database.read(migrate.check)
    return made


def make_any(settings: Settings, *, with_types: bool = False) -> Clarion:
    try:
        made = make(settings, with_types=with_types)
    except WrongSettings as wrong:
        misused(*wrong.problems)
    asking(made.database.shown_url)
    return made


def _check_exists(found: Clarion) -> None:
    """Of SQLite, only a file that is there: opening another would leave an empty one behind."""
    from clarion.errors import NotMigrated

    url = found.database.url
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise NotMigrated(
            f"there is no file {url.database!r}; run `clarion migrate`, or name another database"
        )
