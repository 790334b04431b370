"""Processes that emit: each function here runs in a process of its own, told what to do by its arguments."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from clarion import Clarion, Conflict
from clarion.event import EventFields
from tests.support import children
from tests.support.children import PATIENCE

TYPE = "cl.merged"


def application(url: str) -> Clarion:
    app = Clarion(url)
    app.type(TYPE)
    return app


def host_engine(url: str) -> Engine:
    """The application's own engine. On SQLite it begins as our documentation says: to write, and patiently."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url)
    engine = sa.create_engine(url, connect_args={"timeout": PATIENCE, "isolation_level": None})
    sa.event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def together(url: str, of: Sequence[Sequence[EventFields]]) -> list[Any]:
    """Each batch emitted by a process of its own, all at the same moment: what each got, or its error."""
    return children.together(emit_once, [(url, list(batch)) for batch in of])


def emit_once(url: str, batch: list[EventFields], barrier: Barrier, answer: Pipe) -> None:
    app, engine = application(url), host_engine(url)
    engine.connect().close()
    barrier.wait(PATIENCE)
    try:
        with engine.begin() as conn:
            found = app.emit_many(conn, [(TYPE, fields) for fields in batch])
            outcome: Any = found
    except Conflict:
        outcome = "conflict"
    except Exception as error:  # noqa: BLE001 - for the test to see
        outcome = repr(error)
    answer.send(outcome)


# ── To be killed ─────────────────────────────────────────────────────────────────────────────────────────


class Producer:
    """A process that emits until it is killed."""

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        self._pipe, theirs = children.CONTEXT.Pipe()
        self._process = children.CONTEXT.Process(target=target, args=(*arguments, theirs))
        self._process.start()
        theirs.close()

    def heard(self) -> str:
        """The next thing that it says."""
        assert self._pipe.poll(PATIENCE), "the producer is silent"
        said: str = self._pipe.recv()
        return said

    def kill(self) -> list[str]:
        """SIGKILL; what it had said and nobody had heard yet."""
        self._process.kill()
        self._process.join(PATIENCE)
        self._process.close()
        left = []
        while True:
            try:
                left.append(self._pipe.recv())
            except EOFError:
                self._pipe.close()
                return left


def stop_inside(url: str, name: str, answer: Pipe) -> None:
    """Emits, says so, and never commits."""
    app, engine = application(url), host_engine(url)
    conn = engine.connect()
    _order(app, conn, name)
    answer.send("emitted")
    _for_ever()


def stop_after(url: str, name: str, answer: Pipe) -> None:
    """Emits, commits, says so, and never closes anything."""
    app, engine = application(url), host_engine(url)
    conn = engine.connect()
    _order(app, conn, name)
    conn.commit()
    answer.send("committed")
    _for_ever()


def keep_on(url: str, name: str, answer: Pipe) -> None:
    """Orders without end, every third rolled back; says which are committed."""
    app, engine = application(url), host_engine(url)
    n = 0
    while True:
        n += 1
        order = f"{name}/{n}"
        with engine.connect() as conn:
            _order(app, conn, order if n % 3 else f"{order}/rolled back")
            if n % 3:
                conn.commit()
                answer.send(order)


def _order(app: Clarion, conn: sa.Connection, name: str) -> None:
    conn.execute(sa.text("INSERT INTO orders VALUES (:name)"), {"name": name})
    app.emit(conn, TYPE, key=name)


def _for_ever() -> None:
    while True:
        time.sleep(PATIENCE)
