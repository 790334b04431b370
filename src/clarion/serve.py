"""`clarion serve`: answer over HTTP, and be a worker beside that, until told to stop."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    SenderOption,
    SmtpOption,
    TypesOption,
    flag,
    make_to_work,
    settings_of,
    which,
)
from clarion.cli.work import Log, end, log_to_stderr
from clarion.errors import ConfigError

if TYPE_CHECKING:
    from clarion.settings.setting import Settings
    from clarion.web.settings import Settings as WebSettings

EXAMPLE = "Example: clarion serve --app shop.main:clarion --port 8080"

log = logging.getLogger("clarion")

_OF_THE_PROCESS = ("host", "port", "workers")


def serve(
    context: typer.Context,
    app: AppOption = None,
    database: DatabaseOption = None,
    types: TypesOption = None,
    smtp: SmtpOption = None,
    sender: SenderOption = None,
    config: ConfigOption = None,
    host: Annotated[str | None, flag("serve.host", "HOST")] = None,
    port: Annotated[str | None, flag("serve.port", "PORT")] = None,
    workers: Annotated[str | None, flag("serve.workers", "0|1")] = None,
    log_as: Annotated[Log | None, flag("log")] = None,
    verbose: Annotated[bool | None, flag("verbose", None, "-v")] = None,
) -> None:
    """Serve the HTTP API, and decide and send beside that, until SIGTERM or Ctrl-C.

    Make a key first: `clarion keys create`. Its other settings, the table serve of clarion.toml, are said there or in the
    environment. Told to stop, it takes no more requests, answers those in hand, and ends what the worker has begun or
    gives it back, for at most ten seconds.

    Exit codes: 0 told to stop, 1 it cannot begin (no tables, a port that is taken), 2 wrong usage.
    """
    flags = {
        "serve.host": host,
        "serve.port": port,
        "serve.workers": workers,
        "log": log_as,
        "verbose": verbose,
    }
    settings = settings_of(context, {**which(app, database, types, smtp, sender), **flags})
    log_to_stderr(as_json=settings["log"] == "json", verbose=settings["verbose"])
    try:
        from clarion.web import serving
    except ImportError as error:
        raise ConfigError(f"to serve HTTP, install clarion[serve]: {error}") from error
    wanted = _wanted(settings)
    found = make_to_work(settings)
    works = settings["serve.workers"] == 1
    log.info("serving %s%s", found.database.shown_url, ", and working" if works else "")
    serving.serve(found, wanted, host=settings["serve.host"], port=settings["serve.port"], works=works)
    found.close()
    log.info("stopped")
    end()


def _wanted(settings: Settings) -> WebSettings:
    from clarion.web.openid_settings import OpenIdSettings
    from clarion.web.settings import Settings as WebSettings
    from clarion.web.settings import TokenSettings

    given = {name: value for name, value in settings.given("serve").items() if name not in _OF_THE_PROCESS}
    tokens, openid = settings.given("serve.tokens"), settings.given("serve.openid")
    return WebSettings(
        **given,
        tokens=TokenSettings(**tokens) if tokens else None,
        openid=OpenIdSettings(**openid) if openid else None,
    )
