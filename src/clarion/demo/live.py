"""The demo as a service, until it is told to stop: Clarion over HTTP with a worker, Acme's pages, mail, and a console."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from clarion.api_key import SCOPES
from clarion.cli.printing import console, print_json
from clarion.demo import product, running
from clarion.demo.flow import Flow, flowing
from clarion.demo.site import Site
from clarion.errors import ConfigError
from clarion.web import serving
from clarion.web.settings import Settings, TokenSettings

HOST = "127.0.0.1"
PORT = 8025  # unless it is taken


def serve(folder: Path, database: str | None, *, port: int | None, as_json: bool, browse: bool) -> None:
    """Raises `ConfigError` where the port, the folder or the database cannot be had."""
    with closing(_bound(port)) as listening:
        url = serving.url_of(listening)
        with running.staged(folder, database, url) as (stage, clarion):
            product.prepare(clarion)
            key = clarion.keys.issue("the demo", SCOPES)
            site = Site(
                clarion=clarion,
                secret=secrets.token_urlsafe(32),
                key=key.key,
                flow=Flow(clarion),
                mails=stage.mails,
            )
            where = {
                "url": url,
                "api_key": key.secret,
                "console": f"{url}/acme/console",
                "mail": f"{url}/mail",
            }
            _serve(listening, site, lambda: _announce(where, as_json=as_json, browse=browse))


def _serve(listening: socket.socket, site: Site, ready: Callable[[], None]) -> None:
    settings = Settings(tokens=TokenSettings(secret=site.secret))
    with flowing(site.flow):
        serving.serve_on(listening, site.clarion, settings, routes=site.routes(), ready=ready)


def _bound(port: int | None) -> socket.socket:
    """The port that was asked for; else the usual one, or a free one where that is taken."""
    if port is not None:
        return serving.bound(HOST, port)
    try:
        return serving.bound(HOST, PORT)
    except ConfigError:
        return serving.bound(HOST, 0)


# ── Saying where it is ───────────────────────────────────────────────────────────────────────────────────


def _announce(where: dict[str, Any], *, as_json: bool, browse: bool) -> None:
    if as_json:
        print_json(where)
    else:
        out = console()
        out.print(f"Acme, with Clarion in it: {where['url']}\n", style="bold", soft_wrap=True)
        for name, what in (("mail", "what was sent"), ("console", "for operators, signed in")):
            out.print(f"  {what:<26}{where[name]}", soft_wrap=True)
        out.print(f"  {'a key to the API':<26}{where['api_key']}", soft_wrap=True)
        out.print("\nCtrl-C ends it, and leaves nothing behind.", style="dim")
    sys.stdout.flush()
    if browse and has_display():
        threading.Thread(target=webbrowser.open, args=(where["url"],), daemon=True).start()


def has_display() -> bool:
    """Whether a browser could be seen: without a display, Python would open one in this terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
