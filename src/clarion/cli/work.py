"""`clarion work`: be a worker, until told to stop."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from clarion.cli.finding import AppOption, DatabaseOption, SenderOption, SmtpOption, TypesOption, find
from clarion.cli.printing import shown_url

EXAMPLE = "Example: clarion work --app shop.main:clarion"

log = logging.getLogger("clarion")


def work(
    context: typer.Context,
    app: AppOption = None,
    database: DatabaseOption = None,
    types: TypesOption = None,
    smtp: SmtpOption = None,
    sender: SenderOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Decide on events and send what follows, until SIGTERM or Ctrl-C. Run as many beside one another as you like."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    found = find(context, app, database, types, smtp, sender)
    url = shown_url(found.database.url)
    log.info("working on %s, channels: %s", url, ", ".join(["inbox", *found.channels]))
    found.work()
    found.close()
    log.info("stopped")
