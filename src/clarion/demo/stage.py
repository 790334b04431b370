"""The processes of the demo: the mail catcher and the workers. What is started here is ended here, by its own pid."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from clarion.demo import application, catcher
from clarion.errors import ClarionError
from clarion.settings import sources

_TO_START = 30.0
_TO_STOP = 15.0
_LOOK_EVERY = 0.02


class Fallen(ClarionError):
    """A process of the demo ended by itself, or did not do its part in time."""


class Stage:
    """One catcher and any number of workers, on one database, with their files in one folder."""

    def __init__(self, directory: Path, database: str) -> None:
        self.directory, self.database = directory, database
        self.mails = directory / "mails.db"
        self.port = 0
        self.workers: list[subprocess.Popen[bytes]] = []
        self._catcher: subprocess.Popen[bytes] | None = None
        self._logs: dict[int, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def smtp(self) -> str:
        return f"smtp://{catcher.HOST}:{self.port}"

    def start_catcher(self) -> None:
        """On the port that it had before, at first on a free one; returns when it takes mail."""
        ready = self.directory / "catcher.json"
        ready.unlink(missing_ok=True)
        options = ["--port", str(self.port), "--store", str(self.mails), "--ready-file", str(ready)]
        process = self._start("catcher", ["clarion.demo.catcher", *options])
        self._catcher = process
        self.wait_until(ready.exists, "the mail catcher to start", _TO_START)
        self.port = int(json.loads(ready.read_text(encoding="utf-8"))["port"])

    def kill_catcher(self) -> None:
        if self._catcher is not None:
            self._catcher.kill()
            self._catcher.wait()
            self._catcher = None

    def start_worker(self) -> None:
        app = f"{application.__name__}:{application.make.__name__}"
        self.workers.append(self._start(f"worker-{len(self._logs)}", ["clarion", "work", "--app", app]))

    @property
    def oldest_worker(self) -> subprocess.Popen[bytes]:
        return self.workers[0]

    def leave_one_worker(self) -> None:
        """Stop all but the oldest in good order: what is leased from now on is in its hands."""
        others = self.workers[1:]
        del self.workers[1:]
        _stop(others)

    def kill_worker(self) -> None:
        """SIGKILL, to the one that has worked longest."""
        process = self.workers.pop(0)
        process.kill()
        process.wait()

    def _start(self, name: str, module: list[str]) -> subprocess.Popen[bytes]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CLARION_")},
            sources.CONFIG: os.devnull,  # not the settings of the folder in which it is started
            application.DATABASE: self.database,
            application.SMTP: self.smtp,
        }
        log = self.directory / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", *module],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._logs[process.pid] = log
        return process

    def wait_until(self, done: Callable[[], bool], what: str, seconds: float) -> None:
        """Until `done`; raises `Fallen` after so many seconds, or when a process has ended by itself."""
        if not self.within(seconds, done):
            raise Fallen(f"waited {seconds:.0f} seconds in vain for {what}")

    def within(self, seconds: float, done: Callable[[], bool]) -> bool:
        """Whether it is `done` in so many seconds. Raises `Fallen` when a process has ended by itself."""
        deadline = time.monotonic() + seconds
        while not done():
            for process in [*self.workers, *([self._catcher] if self._catcher else [])]:
                if (code := process.poll()) is not None:
                    raise Fallen(f"a process of the demo ended with code {code}: {self._last_words(process)}")
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_EVERY)
        return True

    def _last_words(self, process: subprocess.Popen[bytes]) -> str:
        lines = self._logs[process.pid].read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"

    def stop_workers(self) -> None:
        _stop(self.workers)
        self.workers = []

    def close(self) -> None:
        """End everything that is still running."""
        self.stop_workers()
        if self._catcher is not None:
            self._catcher.terminate()
            _reap(self._catcher)
            self._catcher = None


def _stop(workers: list[subprocess.Popen[bytes]]) -> None:
    """SIGTERM, and SIGKILL to what has not ended by then."""
    for process in workers:
        process.send_signal(signal.SIGCONT)
        process.terminate()
    for process in workers:
        _reap(process)


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_TO_STOP)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()
