"""Where a storm rages: a database, a mail server that counts, and workers, all of which may die and come back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Self

import sqlalchemy as sa

from clarion import Clarion
from clarion.demo.catcher import count as caught
from clarion.store.migrate import upgrade
from clarion.store.schema import events, queue
from tests.support.acme import Plan, application
from tests.support.children import Children, children
from tests.support.postgres import Postgres
from tests.support.working import await_true, crowd

LEASE = 2.0
WORKERS = 3
RECIPIENTS = 100
LIMITS: dict[str, Any] = {
    "lease": timedelta(seconds=LEASE),
    "concurrency": 16,
    "batch": 40,
    "page": 60,
    "poll": timedelta(milliseconds=50),
    "settle_within": timedelta(milliseconds=50),
}
# What one worker can have in hand: what it sends and what waits for that, and as much that is sent and still to be settled.
HANDS = 2 * (LIMITS["concurrency"] + LIMITS["batch"])


class Ground:
    """Begins calm: everything runs, nothing is emitted. On leaving, all that was started is ended."""

    def __init__(self, kind: str, chosen: Random) -> None:
        self.kind, self.chosen = kind, chosen
        self.emitted = self.kills = 0
        self.server: Postgres | None = None
        self.workers: list[Any] = []
        self._stack = ExitStack()
        self._catcher: subprocess.Popen[str] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        try:
            self._set_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _set_up(self) -> None:
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="clarion-storm-")))
        self.kept = directory / "mails.db"
        if self.kind == "postgresql":
            self.server = self._stack.enter_context(Postgres())
            url = self.server.create_database("storm")
        else:
            url = f"sqlite:///{directory / 'storm.db'}"
        upgrade(url)
        self._stack.callback(self.end_catcher)
        self.start_catcher()
        self.plan = Plan(database=url, smtp=f"smtp://127.0.0.1:{self._port}", limits=LIMITS)
        self.clarion: Clarion = application(self.plan)
        self._stack.callback(self.clarion.close)
        self.clarion.start()
        self._recipients = crowd(self.clarion, RECIPIENTS, channel="email")
        self.started: Children = self._stack.enter_context(children())
        self.workers = [self.started.start(self.plan) for _ in range(WORKERS)]

    # ── The mail server ──────────────────────────────────────────────────────────────────────────────────

    def start_catcher(self) -> None:
        """On the port that it had, with the mails that it has."""
        command = [sys.executable, "-m", "clarion.demo.catcher", "--store", str(self.kept)]
        self._catcher = subprocess.Popen(
            [*command, "--port", str(self._port)], stdout=subprocess.PIPE, text=True
        )
        assert self._catcher.stdout is not None
        self._port = json.loads(self._catcher.stdout.readline())["port"]

    def end_catcher(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._catcher is not None:
            self._catcher.send_signal(number)
            self._catcher.communicate()
            self._catcher = None

    # ── Load, and how far it is ──────────────────────────────────────────────────────────────────────────

    def load(self, phase: str) -> None:
        """One event more, for everybody, in a transaction of its own: whatever happens to it, it is emitted once."""
        key = f"storm/{self.emitted}"
        fields: dict[str, Any] = {"to": self._recipients, "key": key, "data": {"phase": phase}}
        self.patiently(
            lambda: self.clarion.database.run(lambda conn: self.clarion.emit(conn, "mailed", **fields))
        )
        self.emitted += 1

    def backlog(self) -> int:
        """What is still to send; of an event that is not walked yet that is everybody, and some may count twice."""
        waiting = sa.select(sa.func.count()).select_from(queue).scalar_subquery()
        unwalked = sa.select(sa.func.count()).select_from(events).where(events.c.due_at.is_not(None))
        found = self.patiently(
            lambda: self.clarion.database.read(
                lambda conn: conn.execute(sa.select(waiting, unwalked.scalar_subquery())).one()
            )
        )
        return int(found[0]) + int(found[1]) * RECIPIENTS

    def received(self) -> int:
        return caught(self.kept)

    def patiently(self, work: Callable[[], Any]) -> Any:
        """Again while the database is away, as an application would."""
        kept: list[Any] = []

        def works() -> bool:
            try:
                kept.append(work())
            except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError):
                return False
            return True

        await_true(works)
        return kept[0]

    # ── Workers ──────────────────────────────────────────────────────────────────────────────────────────

    def victim(self) -> Any:
        """Any of the workers, taken out of their number."""
        return self.workers.pop(self.chosen.randrange(len(self.workers)))

    def kill(self) -> None:
        """Any of the workers, by kill -9."""
        victim = self.victim()
        victim.kill()
        victim.join(10)
        self.kills += 1

    def replace(self, **changed: Any) -> None:
        """A new worker in the place of one that is gone."""
        self.workers.append(self.started.start(Plan(**{**vars_of(self.plan), **changed})))


def vars_of(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in Plan.__dataclass_fields__}
