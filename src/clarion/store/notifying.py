"""NOTIFY after commits: from a thread and a connection of its own, so that no host's transaction waits for it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4
from weakref import WeakSet

from clarion.errors import said

log = logging.getLogger(__name__)

CHANNEL = "clarion"
# A commit that notifies writes to the log, and others that notify wait for it; a hint need not be durable.
_NOTIFY = f"SELECT set_config('synchronous_commit', 'off', true), pg_notify('{CHANNEL}', %s)"

_EVERY = 0.005  # seconds: what is said meanwhile is said together
_AT_MOST = 0.02  # where there is no end of it: whoever listens is busy then
_IDLE = 60.0  # after so long the connection is closed, and the thread ends
_AFTER_ERROR = 1.0
_TO_CLOSE = 1.0


class Notifier:
    """Says to all who listen what has become due, at most once in 5 ms. What cannot be said is left to polling."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        """`connect` opens a connection of psycopg's that commits each statement."""
        self._connect = connect
        self.begin_afresh()
        _notifiers.add(self)

    def begin_afresh(self) -> None:
        """Without thread and connection: those of a process do not live on in one forked from it."""
        self.name = uuid4().hex  # so that who said it need not listen to it
        self._due: dict[str, None] = {}
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: Any = None

    def say(self, due: str) -> None:
        """Soon, and after what was committed before this call. Costs a look-up while another is about to be said."""
        if due in self._due:
            return
        with self._lock:
            self._due[due] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="clarion-notify", daemon=True)
                self._thread.start()
            self._wanted.set()

    def close(self) -> None:
        """Say what is left, within a second."""
        with self._lock:
            thread = self._thread
            self._closing.set()
            self._wanted.set()
        if thread is not None:
            thread.join(_TO_CLOSE)
        self._closing.clear()

    # ── In its thread ────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        rest = _EVERY
        try:
            while self._wanted.wait(_IDLE) or not self._ends():
                self._wanted.clear()
                due = list(self._due)
                for one in due:
                    del self._due[one]  # from here on, whoever commits says so again
                if due and not self._say(due):
                    self._closing.wait(_AFTER_ERROR)
                if self._closing.is_set() and self._ends():
                    return
                self._closing.wait(rest)
                rest = min(2 * rest, _AT_MOST) if self._due else _EVERY
        finally:
            self._disconnect()

    def _ends(self) -> bool:
        """Whether nothing more was said meanwhile."""
        with self._lock:
            if self._due:
                return False
            self._thread = None
            return True

    def _say(self, due: list[str]) -> bool:
        """Twice, if need be: the connection may have been lost since it was used last."""
        payload = " ".join([self.name, *due])
        for _ in range(1 if self._connection is None else 2):
            try:
                if self._connection is None:
                    self._connection = self._connect()
                self._connection.execute(_NOTIFY, (payload,), prepare=False)
            except Exception as error:  # noqa: BLE001 - whatever it is, polling finds what is due
                log.debug("workers elsewhere are not woken, they poll: %s", said(error))
                self._disconnect()
            else:
                return True
        return False

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()


_notifiers: WeakSet[Notifier] = WeakSet()
_of_parent: list[Any] = []  # connections, kept: closing one would end it for the parent


def _in_child() -> None:
    for notifier in list(_notifiers):
        _of_parent.append(notifier._connection)  # noqa: SLF001 - of this module
        notifier.begin_afresh()


if hasattr(os, "register_at_fork"):  # not where processes cannot fork
    os.register_at_fork(after_in_child=_in_child)
