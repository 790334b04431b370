"""Screens: where toasts are shown. What cannot be shown now is a `Retry`, what never can be a `Reject`.

What was written by others goes to programs as arguments of their own, never as part of a command or a script.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TextIO

from clarion.desktop.toast import Toast, line, shortened
from clarion.errors import ConfigError, Reject, Retry

_TITLE, _TEXT = 200, 2000  # characters; a notification that is longer than this is cut by every desktop
_SAID = 300
_LOOK = 0.1  # seconds
REFUSED = 65  # EX_DATAERR of sysexits.h: a program that ends with it will never take these words
_URGENCY = {"info": "low", "urgent": "critical"}
_APPLE = (
    "on run argv",
    "display notification (item 3 of argv) with title (item 2 of argv)",
    "end run",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What it came to: a `receipt`, the id under which it was shown; or the code of an error."""

    receipt: str | None = None
    code: str | None = None
    permanent: bool = False
    detail: str = ""


class Screen(Protocol):
    name: str

    def show(self, toast: Toast, receipt: str, meanwhile: Callable[[], None]) -> None:
        """Returns once it is shown, under this id. Whatever `meanwhile` raises, called every so often, ends it.

        Raises `Retry`, `Reject`; `OSError`, if nothing can be shown here any more.
        """


class Program:
    """A program that is started for each toast; that it ends with 0 means that it was shown."""

    def __init__(self, name: str, arguments: Callable[[Toast], Sequence[str]]) -> None:
        self.name = name
        self._arguments = arguments

    def show(self, toast: Toast, receipt: str, meanwhile: Callable[[], None]) -> None:
        with tempfile.TemporaryFile() as said:  # no pipe: what it leaves running would hold that open
            code = self._run(toast, said.fileno(), meanwhile)
            said.seek(0)
            words = line(" ".join(said.read(_SAID).decode("utf-8", "replace").split()))
        detail = f"{self.name} ended with {code}: {words}"
        if code == REFUSED:
            raise Reject("refused", detail)
        if code:
            raise Retry("no_display", detail)

    def _run(self, toast: Toast, said: int, meanwhile: Callable[[], None]) -> int:
        """What it ends with. It has a session of its own, so that Ctrl-C does not end it; and never our key."""
        try:
            running = subprocess.Popen(  # noqa: S603 - no shell, and what others wrote is no option
                [self.name, *self._arguments(toast)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={name: value for name, value in os.environ.items() if not name.startswith("CLARION_")},
                start_new_session=True,
            )
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise Reject("too_long", f"{self.name} cannot be given that much") from error
            raise Retry("no_program", f"{self.name} cannot be started: {error.strerror}") from error
        try:
            while True:
                try:
                    return running.wait(_LOOK)
                except subprocess.TimeoutExpired:
                    meanwhile()
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            raise


class Printed:
    """Written to a stream, as a block whose foreign words are indented and inert."""

    name = "print"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def show(self, toast: Toast, receipt: str, meanwhile: Callable[[], None]) -> None:
        head = (
            f"── {line(toast.recipient)} ({line(toast.address)}): {line(toast.type)}, {line(toast.severity)}"
        )
        lines = [toast.heading, *toast.lines, *([f"→ {toast.link}"] if toast.link else [])]
        block = "\n".join([head, *(f"   {one}".rstrip() for one in lines)]) + "\n\n"
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(block.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()


class Lines:
    """An object of JSON on a line, for a program that reads on."""

    name = "print"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def show(self, toast: Toast, receipt: str, meanwhile: Callable[[], None]) -> None:
        self.write(toast, Showing(receipt=receipt))

    def write(self, toast: Toast, showing: Showing) -> None:
        """In ASCII, which steers no terminal; of a link, only what may be followed."""
        told = {"shown": showing.receipt is not None, **asdict(showing)}
        told["delivery"] = {**toast.whole, "url": toast.link}
        self._stream.write(json.dumps(told) + "\n")
        self._stream.flush()


def notify_send(toast: Toast) -> list[str]:
    """Arguments for libnotify's. The body is markup to the desktop, and it undoes backslashes before."""
    body = shortened("\n".join(toast.lines), _TEXT)
    if toast.link:
        body = f"{body}\n{toast.link}" if body else toast.link
    for special, instead in (("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        body = body.replace(special, instead)
    urgency = _URGENCY.get(toast.severity, "normal")
    return [
        "--app-name=Clarion",
        f"--urgency={urgency}",
        "--",
        shortened(toast.heading, _TITLE),
        *([body] if body else []),
    ]


def osascript(toast: Toast) -> list[str]:
    """Arguments for macOS's: a script that never changes, and what it is run with.

    The first of these is a word of ours, for one that began with a dash would be an option.
    """
    body = "\n".join([*toast.lines, *([toast.link] if toast.link else [])])
    script = [word for one in _APPLE for word in ("-e", one)]
    return [*script, "clarion", shortened(toast.heading, _TITLE), shortened(body, _TEXT)]


PROGRAMS: Mapping[str, Callable[[Toast], Sequence[str]]] = {
    "notify-send": notify_send,
    "osascript": osascript,
}


def program(name: str) -> Program:
    """Raises `ConfigError` where it is not installed: deliveries must not fail of that one by one."""
    if shutil.which(name) is None:
        raise ConfigError(f"there is no {name!r} here; install it, or say --show print")
    return Program(name, PROGRAMS[name])


def suitable(environment: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """The program for this desktop; `None` where there is none, or nobody to see it."""
    if platform == "darwin":
        name = "osascript"
    elif platform.startswith("linux") and _has_session_bus(environment):
        name = "notify-send"
    else:
        return None
    return name if shutil.which(name, path=environment.get("PATH")) else None


def _has_session_bus(environment: Mapping[str, str]) -> bool:
    if environment.get("DBUS_SESSION_BUS_ADDRESS"):
        return True
    folder = environment.get("XDG_RUNTIME_DIR")
    return bool(folder) and Path(folder or "", "bus").exists()
