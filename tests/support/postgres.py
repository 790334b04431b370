"""A private PostgreSQL for tests and benchmarks: our own cluster, on a Unix socket, in a temporary directory.

It uses the first server binaries that it finds (see `postgres_binaries`) and runs them as an unprivileged user when we
are root, because PostgreSQL refuses root. Whatever happens to us, a guard process ends what we started.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from tests.support.postgres_binaries import NoBinaries, can_run, executable_by, find

USER = "clarion"
PORT = 5432  # no port is opened: it is only the end of the socket's name
SOCKET_LIMIT = 103  # bytes of a socket's path; 107 on Linux, 103 on macOS
PATIENCE = 60.0

# For tests. A killed server loses nothing by it, only a machine that loses its power would.
FAST: Mapping[str, str] = {"fsync": "off"}

# Ends the server when we are gone, however we went: our end of its standard input closes with us.
GUARD = """
cat > /dev/null
kill -INT "$1"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 "$1" 2> /dev/null || break
    sleep 0.2
done
rm -rf "$2"
"""


class Postgres:
    """One cluster with a life of its own: `start`, `stop`, `restart`, and `kill` for crash tests.

    `settings` are those of postgresql.conf. The default is as durable as PostgreSQL's own; tests pass `FAST`.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.settings = dict(settings or {})
        found = find()
        self.account = _unprivileged()
        self.home = _home(self.account)
        self.socket_directory = self.home / "s"
        self.bin = executable_by(self.account, found, self.home)
        self._server: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The postmaster's."""
        if self._server is None:
            raise RuntimeError("PostgreSQL is not running; call start()")
        return self._server.pid

    def start(self) -> None:
        """Begins to serve, or serves again what was there before `kill` or `halt`; returns when ready."""
        if self._server is not None:
            raise RuntimeError("PostgreSQL is running already")
        if not (self.home / "data").exists():
            self._initialise()
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_directory),
        } | self.settings
        command = [str(self.bin / "postgres"), "-D", str(self.home / "data"), "-p", str(PORT)]
        command += [f"--{name}={value}" for name, value in options.items()]
        with (self.home / "log").open("ab") as log:
            server: subprocess.Popen[bytes] = subprocess.Popen(
                command, stderr=log, stdout=log, **self._as_account()
            )
        self._server = server
        try:
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, "guard", str(server.pid), str(self.home)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def halt(self) -> None:
        """Ends the server in good order and keeps its data for the next `start`."""
        if self._server is None:
            return
        self._server.send_signal(signal.SIGINT)
        try:
            self._server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._gone()

    def stop(self) -> None:
        """Ends the server and removes everything."""
        self.halt()
        shutil.rmtree(self.home, ignore_errors=True)

    def kill(self) -> None:
        """Ends every process of the server at once, as the kernel's OOM killer would. Data stays."""
        if self._server is None:
            return
        family: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended by itself
            postmaster = psutil.Process(self._server.pid)
            postmaster.suspend()  # so that it has no children that we do not know of
            family = [*postmaster.children(recursive=True), postmaster]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._server.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while any(_alive(process) for process in family):
            if time.monotonic() > deadline:
                raise TimeoutError(f"processes of PostgreSQL survive SIGKILL: {family}")
            time.sleep(0.005)
        self._gone()

    def restart(self) -> None:
        """Ends in good order and starts again; every connection breaks."""
        self.halt()
        self.start()

    def url(self, database: str, driver: str = "psycopg") -> str:
        """For SQLAlchemy."""
        return f"postgresql+{driver}://{USER}@/{database}?host={quote(str(self.socket_directory), safe='/')}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection of psycopg that commits each statement."""
        return psycopg.connect(
            host=str(self.socket_directory), port=PORT, user=USER, dbname=database, autocommit=True
        )

    def create_database(self, name: str, template: str = "template1") -> str:
        """A new database, copied from `template` (to which nobody may be connected); returns its URL."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with self.connect() as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drops it if it is there, and breaks what is still connected to it."""
        with self.connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def log(self) -> str:
        """What the server wrote, for a failing test to show."""
        path = self.home / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _initialise(self) -> None:
        command = [str(self.bin / "initdb"), "-D", str(self.home / "data"), "-U", USER]
        command += ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_account())
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _as_account(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "cwd": self.home,
            "env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            "start_new_session": True,  # an interrupt at the terminal is for us: we end the server
        }
        if self.account:
            options |= {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        return options

    def _await_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            if self._server is None or self._server.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended while starting:\n{self.log()[-4000:]}")
            try:
                self.connect().close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def _gone(self) -> None:
        self._server = None
        if self._guard:
            self._guard.kill()
            self._guard.wait()
            if self._guard.stdin:
                self._guard.stdin.close()
            self._guard = None


def _unprivileged() -> pwd.struct_passwd | None:
    """Who shall run the server: ourselves (`None`) unless we are root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoBinaries("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")


def _home(account: pwd.struct_passwd | None) -> Path:
    """A directory that the account owns and can reach, with room for a socket's name."""
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):
        if len(f"{parent}/clarion-pg-12345678/s/.s.PGSQL.{PORT}".encode()) > SOCKET_LIMIT:
            continue
        home = Path(tempfile.mkdtemp(prefix="clarion-pg-", dir=parent))
        (home / "s").mkdir(mode=0o700)
        if account:
            for path in (home, home / "s"):
                os.chown(path, account.pw_uid, account.pw_gid)
        if can_run(account, ["test", "-w", str(home / "s")]):
            return home
        shutil.rmtree(home)
    raise RuntimeError("found no temporary directory that is short enough and open to the server's user")


def _alive(process: psutil.Process) -> bool:
    """A zombie that nobody has waited for holds nothing any more."""
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
