"""Hearing from other processes that something is due: by LISTEN on PostgreSQL, by looking whether others wrote on SQLite.

Each blocks a thread of its own until it is told to stop. What is not heard is found by polling.
"""

from __future__ import annotations

import logging
import selectors
import socket
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, cast

from clarion import clock
from clarion.errors import said
from clarion.store.notifying import CHANNEL
from clarion.store.types import to_micros
from clarion.store.waker import EVERYTHING, Due

log = logging.getLogger(__name__)

Heard = Callable[[Due], None]

_AT_FIRST, _AT_MOST = 0.1, 10.0  # seconds until it connects again
_SPACING = 0.005  # what is said meanwhile is heard together
_SILENCE = 30.0  # after which it asks whether the connection still stands
_LOOK = 0.01

# Leased events are due as well, so that an event in hand is found while others write: one poll more.
_ANY_DUE = "SELECT 1 FROM clarion_events WHERE due_at <= ? AND lease_until IS NULL AND losses = 0 LIMIT 1"


class Stop:
    """Said once, in any thread; it ends every wait."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self.said = False

    def say(self) -> None:
        self.said = True
        self._theirs.close()  # from now on there is something to read: the end

    def wait(self, seconds: float, *, connection: int | None = None) -> bool:
        """So long at most, or until there is something to read from this connection: whether there is."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._ours, selectors.EVENT_READ)
            if connection is not None:
                selector.register(connection, selectors.EVENT_READ)
            return any(key.fd == connection for key, _ in selector.select(seconds))

    def close(self) -> None:
        self._theirs.close()
        self._ours.close()


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────


def listen(connect: Callable[[], Any], own: str, heard: Heard, stop: Stop) -> None:
    """Hear what others than `own` say. A lost connection is opened again, sooner or later."""
    rest = _AT_FIRST
    while not stop.said:
        try:
            with closing(connect()) as connection:
                connection.execute(f"LISTEN {CHANNEL}", prepare=False)
                rest = _AT_FIRST
                while not stop.said:
                    _tell(_listen(connection, own, stop), heard)
        except Exception as error:  # noqa: BLE001 - whatever it is, polling finds what is due
            log.debug("not woken by other processes, polling: %s", said(error))
            stop.wait(rest)
            rest = min(2 * rest, _AT_MOST)


def _listen(connection: Any, own: str, stop: Stop) -> Iterable[Due]:
    """What became due. All, perhaps, where something may have been missed."""
    if not stop.wait(_SILENCE, connection=connection.fileno()):
        if not stop.said:
            connection.execute("SELECT 1", prepare=False)
        return EVERYTHING
    due: set[str] = set()
    connection.pgconn.consume_input()
    while said := connection.pgconn.notifies():
        by, *what = said.extra.decode().split()
        if by != own:
            due.update(what)
    stop.wait(_SPACING)
    return [one for one in EVERYTHING if one in due]


def _tell(due: Iterable[Due], heard: Heard) -> None:
    for one in due:
        heard(one)


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────────────


def watch(path: str, heard: Heard, stop: Stop) -> None:
    """Look every 10 ms at SQLite's count of what other connections wrote, and then whether events are due."""
    while not stop.said:
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                _watch(connection, heard, stop)
        except sqlite3.Error as error:
            log.debug("not woken by other processes, polling: %s", said(error))
            stop.wait(_AT_MOST)


def _watch(connection: sqlite3.Connection, heard: Heard, stop: Stop) -> None:
    seen = None
    while not stop.said:
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version != seen:
            seen = version
            if connection.execute(_ANY_DUE, (to_micros(clock.now()),)).fetchone():
                heard("events")
        stop.wait(_LOOK)
