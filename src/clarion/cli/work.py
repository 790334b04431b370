"""`clarion work`: be a worker, until told to stop."""

from __future__ import annotations

import logging
import os
import sys
import threading
from enum import StrEnum
from typing import Annotated

import typer

from clarion.cli.finding import AppOption, DatabaseOption, SenderOption, SmtpOption, TypesOption, find
from clarion.cli.printing import shown_url
from clarion.telemetry import JsonFormatter

EXAMPLE = "Example: clarion work --app shop.main:clarion"

log = logging.getLogger("clarion")

_TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class Log(StrEnum):
    TEXT = "text"
    JSON = "json"


MetricsOption = Annotated[
    str | None,
    typer.Option(
        help="Serve Prometheus metrics of this process there.",
        metavar="HOST:PORT",
        envvar="CLARION_METRICS",
        show_envvar=True,
    ),
]


def work(
    context: typer.Context,
    app: AppOption = None,
    database: DatabaseOption = None,
    types: TypesOption = None,
    smtp: SmtpOption = None,
    sender: SenderOption = None,
    metrics: MetricsOption = None,
    log_as: Annotated[Log, typer.Option("--log", help="How the log reads, on standard error.")] = Log.TEXT,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Decide on events and send what follows, until SIGTERM or Ctrl-C. Run as many beside one another as you like.

    Told to stop, it claims nothing more, and ends what it has begun or gives it back, for at most ten seconds. Told
    again, it cuts off what runs. Either way it ends with 0, and nothing is lost.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_as is Log.JSON else logging.Formatter(_TEXT))
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if verbose else logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    found = find(context, app, database, types, smtp, sender)
    url = shown_url(found.database.url)
    log.info("working on %s, channels: %s", url, ", ".join(["inbox", *found.channels]))
    found.work(metrics=metrics)
    found.close()
    log.info("stopped")
    _end()


def _end() -> None:
    """Code of the application's that hangs in a thread must not hold up the end of this process, nor spoil it."""
    if threading.active_count() > 1:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)
