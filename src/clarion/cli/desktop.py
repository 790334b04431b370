"""`clarion desktop`: show on this screen what the service has for it, until told to stop."""

from __future__ import annotations

import logging
import os
from contextlib import closing
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.ending import FAILED, misused
from clarion.cli.times import duration
from clarion.cli.work import log_to_stderr
from clarion.errors import ConfigError
from clarion.settings.secrets import held_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from clarion.desktop.showing import Screen, Showing
    from clarion.desktop.toast import Toast

EXAMPLE = "Example: clarion desktop --url https://clarion.acme.test --key-file key.txt --recipient bob --device laptop"

log = logging.getLogger("clarion")

_KEY = "CLARION_KEY"
_OF_PROGRAMS = "clk_"  # how a key begins; a recipient's token says itself whose it is
_LEASES = timedelta(seconds=5), timedelta(minutes=10)


class Show(StrEnum):
    AUTO = "auto"
    NOTIFY_SEND = "notify-send"
    OSASCRIPT = "osascript"
    PRINT = "print"


def desktop(
    url: Annotated[
        str | None, typer.Option(metavar="URL", envvar="CLARION_URL", help="Where the service is: https://…")
    ] = None,
    channel: Annotated[
        str, typer.Option(metavar="NAME", help="The channel that is fetched from.")
    ] = "desktop",
    recipient: Annotated[
        str | None, typer.Option(metavar="ID", help="Whose, with a key; a recipient's token says it itself.")
    ] = None,
    everybody: Annotated[
        bool,
        typer.Option("--everybody", help="What is for anybody at all, with a key: for a screen on a wall."),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which of the recipient's devices this is: their address there."),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", envvar="CLARION_KEY_FILE", help="Holds the key, or a recipient's token."
        ),
    ] = None,
    show: Annotated[
        Show, typer.Option(help="On what; auto is the desktop's notifications, or else print.")
    ] = Show.AUTO,
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="How long it may take to show one before that is ended.")
    ] = "1m",
    lease: Annotated[
        str, typer.Option(metavar="TIME", help="How long one is ours; extended while it is being shown.")
    ] = "30s",
    once: Annotated[bool, typer.Option("--once", help="Show what is due now, and end.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say of each on standard error what became of it.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line for each; the log is JSON, too.")
    ] = False,
) -> None:
    """Show on this screen what the service has for it, until SIGTERM or Ctrl-C.

    The key needs the scope sinks, and is never an option, which everybody on this machine could read: it is
    taken from CLARION_KEY or from a file. While the service is away, it is asked again and again. Told to stop, what
    is being shown has ten seconds to end, or is given back; told again, that is at once.

    Exit codes: 0 told to stop, or with --once all was shown; 1 refused (a key, a channel), or with --once the
    service is away or something was not shown; 2 wrong usage.
    """
    from clarion.desktop.desktop import Desktop
    from clarion.desktop.service import Place, Service
    from clarion.desktop.stopping import Stopping

    log_to_stderr(as_json=as_json, verbose=verbose)
    if url is None:
        misused("where is the service? say --url https://…, or set CLARION_URL")
    stopping, held, most = Stopping(), _lease(lease), duration("--timeout", timeout)
    try:
        place, credential, screen = Place.of(url), _credential(key_file), _screen(show, as_json=as_json)
        _check_whose(credential(), recipient, device, everybody=everybody)
    except ConfigError as error:
        misused(str(error))
    service = Service(
        place, channel, credential, recipient=recipient, device=device, left=lambda: stopping.left
    )
    tell = _telling(screen) if as_json else _nothing
    client = Desktop(service, screen, stopping, lease=held, timeout=most, once=once, tell=tell)
    log.info("showing what comes on %r, on %s", channel, screen.name)
    with closing(stopping), closing(service), stopping.heeding(client.cut):
        client.run()
    log.info("stopped")
    if once and client.unsettled:
        raise typer.Exit(FAILED)


def _credential(path: Path | None) -> Callable[[], str]:
    """Reads it, each time anew from a file, which may be renewed. Raises `ConfigError`, which never shows it."""

    def read() -> str:
        try:
            found = os.environ.get(_KEY, "").strip() if path is None else held_in(path)
        except ValueError as error:
            raise ConfigError(f"the key: {error}") from None
        if not found:
            raise ConfigError(f"with which key? set {_KEY}, or name its file with --key-file")
        if not (found.isascii() and found.isprintable()) or " " in found:
            raise ConfigError("the key is none: it is one word of ASCII")
        return found

    if path is not None and path.exists() and path.stat().st_mode & 0o077:
        log.warning("others on this machine can read the key: chmod 600 %s", path)
    return read


def _check_whose(credential: str, recipient: str | None, device: str | None, *, everybody: bool) -> None:
    """A key would fetch what is for everybody, and nobody else would see it: that is to be meant."""
    if everybody and (recipient is not None or device is not None):
        raise ConfigError("say --everybody or --recipient, not both; a device is somebody's")
    if credential.startswith(_OF_PROGRAMS):
        if recipient is None and not everybody:
            raise ConfigError(
                "for whom? say --recipient ID, or --everybody: a key fetches for all its tenant"
            )
    elif recipient is not None or everybody:
        raise ConfigError(
            "a recipient's token says itself whose it is: leave --recipient and --everybody out"
        )
    try:
        whose = (recipient or "").encode("latin-1").decode("latin-1")
    except UnicodeEncodeError:
        whose = "\0"
    if not whose.isprintable():
        raise ConfigError(f"--recipient {recipient!r} cannot be said beside a key; use a token of theirs")


def _screen(show: Show, *, as_json: bool) -> Screen:
    """Raises `ConfigError` where it is not there."""
    from clarion.desktop.showing import Lines, Printed, program, suitable

    name = suitable(os.environ) if show is Show.AUTO else show.value
    if name is not None and name != Show.PRINT:
        return program(name)
    return Lines() if as_json else Printed()


def _telling(screen: Screen) -> Callable[[Toast, Showing], None]:
    """Prints what became of each, unless to print it was to show it."""
    from clarion.desktop.showing import Lines

    lines = Lines()

    def tell(toast: Toast, showing: Showing) -> None:
        if showing.receipt is None or not isinstance(screen, Lines):
            lines.write(toast, showing)

    return tell


def _nothing(_toast: Toast, _showing: Showing) -> None:
    pass


def _lease(given: str) -> timedelta:
    lasts = duration("--lease", given)
    if not _LEASES[0] <= lasts <= _LEASES[1]:
        misused(f"--lease {given!r}: it is from 5s to 10m")
    return lasts
