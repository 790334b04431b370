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
from typing import Any

from clarion.errors import said
from clarion.store.notifying import CHANNEL
from clarion.store.waker import EVERYTHING, Due

log = logging.getLogger(__name__)

Heard = Callable[[Due], None]

_AT_FIRST, _AT_MOST = 0.1, 10.0  # seconds until it connects again
_SPACING = 0.005  # from one hearing to the next: what is said meanwhile is heard together
_SILENCE = 30.0  # after which it asks whether the connection still stands
_LOOK = 0.01  # a hundredth of a core

_NEWEST = "SELECT max(rowid) FROM clarion_events"  # a look at the end of the table, however long it is


class Stop:
    """Said once, in any thread; it ends every wait."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ours, selectors.EVENT_READ)
        self.said = False

    def say(self) -> None:
        self.said = True
        self._theirs.close()  # from now on there is something to read: the end

    def wait(self, seconds: float) -> None:
        """So long at most."""
        self._selector.select(seconds)

    def wait_for(self, connection: int, seconds: float) -> bool:
        """So long at most, or until there is something to read from this connection: whether there is."""
        self._selector.register(connection, selectors.EVENT_READ)
        try:
            return any(key.fd == connection for key, _ in self._selector.select(seconds))
        finally:
            self._selector.unregister(connection)

    def close(self) -> None:
        self._selector.close()
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
                    stop.wait(_SPACING)
        except Exception as error:  # noqa: BLE001 - whatever it is, polling finds what is due
            log.debug("not woken by other processes, polling: %s", said(error))
            stop.wait(rest)
            rest = min(2 * rest, _AT_MOST)


def _listen(connection: Any, own: str, stop: Stop) -> Iterable[Due]:
    """What became due. All, perhaps, where something may have been missed."""
    if not stop.wait_for(connection.fileno(), _SILENCE):
        if not stop.said:
            connection.execute("SELECT 1", prepare=False)
        return EVERYTHING
    due: set[str] = set()
    connection.pgconn.consume_input()
    while said := connection.pgconn.notifies():
        by, *what = said.extra.decode().split()
        if by != own:
            due.update(what)
    return [one for one in EVERYTHING if one in due]


def _tell(due: Iterable[Due], heard: Heard) -> None:
    for one in due:
        heard(one)


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────────────


def watch(path: str, heard: Heard, stop: Stop) -> None:
    """Look every 10 ms whether other connections wrote, which costs SQLite next to nothing, and then for new events."""
    while not stop.said:
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                _watch(connection, heard, stop)
        except sqlite3.Error as error:
            log.debug("not woken by other processes, polling: %s", said(error))
            stop.wait(_AT_MOST)


def _watch(connection: sqlite3.Connection, heard: Heard, stop: Stop) -> None:
    written = newest = None
    while not stop.said:
        before, (written,) = written, connection.execute("PRAGMA data_version").fetchone()
        if written != before:
            last, (newest,) = newest, connection.execute(_NEWEST).fetchone()
            if newest != last:
                heard("events")
        stop.wait(_LOOK)
