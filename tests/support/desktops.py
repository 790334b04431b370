"""An application with a service as a process, and clients of it with a screen: see `clarion desktop`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from clarion import Clarion, Policy, Pull, Retries, ids
from tests.support.command import start
from tests.support.screen import FakeScreen
from tests.support.working import PATIENCE, await_true

SHOP = """
import os
from datetime import timedelta
from clarion import Clarion, Policy, Pull, Retries

def make():
    made = Clarion(os.environ["SHOP_DATABASE"], channels=[Pull("desktop")])
    made.type("note", channels=["desktop"], policy=Policy(retries=Retries(waits=(timedelta(milliseconds=50),) * 4)))
    return made
"""
SECRET = "with which this shop signs tokens for its recipients"
WORDS = {"title": "Looks <b>good</b>", "text": "to me\u202e"}


class Shop:
    """An application with its service as a process."""

    def __init__(self, database: str, folder: Path) -> None:
        self.app = Clarion(database, channels=[Pull("desktop")])
        retries = Retries(waits=(timedelta(milliseconds=50),) * 4)
        self.app.type("note", channels=["desktop"], policy=Policy(retries=retries))
        self.app.start()
        self.database, self.folder = database, folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = self.app.keys.issue("desktop", ["sinks"]).secret
        self._serving: list[subprocess.Popen[str]] = []

    def serve(self) -> subprocess.Popen[str]:
        (self.folder / "shop.py").write_text(SHOP)
        said = self.folder / "serving.log"
        with said.open("w") as log:
            env = {"SHOP_DATABASE": self.database, "CLARION_SERVE_TOKENS_SECRET": SECRET}
            arguments = ("serve", "--app", "shop:make", "--port", str(self.port))
            process = start(*arguments, cwd=self.folder, env=env, err=log)
        self._serving.append(process)
        await_true(lambda: process.poll() is not None or "listening on" in said.read_text())
        assert process.poll() is None, said.read_text()
        return process

    def close(self) -> None:
        end(self._serving)
        self.app.close()


class Running:
    """Clients of a shop with a screen, for somebody of whom nobody else knows."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self.shop, self.folder = shop, folder
        self.who = f"bob-{ids.uuid7()}"
        shop.app.recipients.upsert(self.who, addresses={"desktop": "laptop"})
        self.screen = FakeScreen(folder / "screen")
        self.key = folder / "key.txt"
        self.key.touch(0o600)
        self.key.write_text(shop.key + "\n")
        self._clients: list[subprocess.Popen[str]] = []

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": self.screen.path,
            "CLARION_KEY_FILE": str(self.key),
            "CLARION_URL": self.shop.url,
        }

    def show(self, *arguments: str, on: str = "notify-send") -> subprocess.Popen[str]:
        """A client that runs on, and says what it does in `log`."""
        whose = ("--recipient", self.who, "--device", "laptop", "--show", on, "--verbose")
        with (self.folder / "log").open("a") as log:
            process = start("desktop", *whose, *arguments, cwd=self.folder, env=self.env, err=log)
        self._clients.append(process)
        return process

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def emit(self, **fields: Any) -> UUID:
        said: dict[str, Any] = {"to": [self.who], "data": WORDS, **fields}
        return self.shop.app.database.run(lambda conn: self.shop.app.emit(conn, "note", **said))

    def delivery(self, event: UUID) -> Any:
        """The one of this event, once there is one."""
        (found,) = await_true(lambda: self.shop.app.why(event, self.who).deliveries)
        return found

    def attempts(self, event: UUID) -> list[tuple[str, str | None]]:
        """What each claim of it came to, with its code."""
        return [(one.result, one.code) for one in self.delivery(event).attempts]

    def come_to(self, event: UUID, *ends: tuple[str, str | None], within: float = PATIENCE) -> None:
        await_true(lambda: len(self.attempts(event)) >= len(ends), within=within)
        assert self.attempts(event) == list(ends), self.log

    def close(self) -> None:
        end(self._clients)
        for number in self.screen.processes:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


def end(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
