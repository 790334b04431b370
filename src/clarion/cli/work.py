"""`clarion work`: be a worker, until told to stop."""

from __future__ import annotations

import logging
import os
import sys
import threading
from enum import StrEnum
from typing import Annotated

import typer

from clarion.cli.ending import misused
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
from clarion.telemetry import AboutFilter, JsonFormatter

EXAMPLE = "Example: clarion work --app shop.main:clarion"

log = logging.getLogger("clarion")

_TEXT = "%(asctime)s %(levelname)-7s %(name)s [%(correlation_id)s]: %(message)s"


class Log(StrEnum):
    TEXT = "text"
    JSON = "json"


def work(
    context: typer.Context,
    app: AppOption = None,
    database: DatabaseOption = None,
    types: TypesOption = None,
    smtp: SmtpOption = None,
    sender: SenderOption = None,
    config: ConfigOption = None,
    metrics: Annotated[str | None, flag("metrics", "HOST:PORT")] = None,
    log_as: Annotated[Log | None, flag("log")] = None,
    verbose: Annotated[bool | None, flag("verbose", None, "-v")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --log json.")] = False,
) -> None:
    """Decide on events and send what follows, until SIGTERM or Ctrl-C. Run as many beside one another as you like.

    Told to stop, it claims nothing more, and ends what it has begun or gives it back, for at most ten seconds. Told
    again, it cuts off what runs. Either way it ends with 0, and nothing is lost.

    Exit codes: 0 stopped, as it was told to; 1 refused or failed; 2 wrong usage.
    """
    if as_json:
        if log_as is Log.TEXT:
            misused("say --json or --log text, not both")
        log_as = Log.JSON
    flags = {"metrics": metrics, "log": log_as, "verbose": verbose}
    settings = settings_of(context, {**which(app, database, types, smtp, sender), **flags})
    log_to_stderr(as_json=settings["log"] == "json", verbose=settings["verbose"])
    found = make_to_work(settings)
    log.info("working on %s, channels: %s", found.database.shown_url, ", ".join(["inbox", *found.channels]))
    found.work(metrics=settings["metrics"])
    found.close()
    log.info("stopped")
    end()


def log_to_stderr(*, as_json: bool, verbose: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    if as_json:
        handler.setFormatter(JsonFormatter())
    else:
        handler.addFilter(AboutFilter())
        handler.setFormatter(logging.Formatter(_TEXT))
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if verbose else logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def end() -> None:
    """Code of the application's that hangs in a thread must not hold up the end of this process, nor spoil it."""
    if threading.active_count() > 1:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)
