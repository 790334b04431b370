"""What wakes workers when something has become due: those of this process directly, the others by NOTIFY.

It is a hint: whoever misses it finds what is due by polling. Nothing here raises, for it is called after a commit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

from clarion.store.commits import after_commit
from clarion.store.notifying import Notifier

Due = Literal["events", "deliveries"]
EVERYTHING: tuple[Due, ...] = ("events", "deliveries")


class Waker:
    """Of one `Database`. `connect` opens a connection to PostgreSQL; without it, nothing is said to other processes."""

    def __init__(self, connect: Callable[[], Any] | None) -> None:
        self.ears: list[Callable[[Due], None]] = []  # called in any thread
        self.fetching: list[Callable[[], None]] = []  # called in any thread, for deliveries by whomever
        self._notifier = None if connect is None else Notifier(connect)

    @property
    def name(self) -> str:
        """Who it is that wakes others; empty if nobody is."""
        return "" if self._notifier is None else self._notifier.name

    def emitted_on(self, conn: object) -> None:
        """Events that are due were emitted inside the caller's transaction: wake when it is committed."""
        after_commit(conn, self.emitted)

    def emitted(self) -> None:
        """Events that are due were committed."""
        self._wake("events")

    def queued(self) -> None:
        """Deliveries that are due were committed."""
        self._wake("deliveries")

    def queued_here(self) -> None:
        """As `queued`, by a worker of this process which has told its own senders."""
        with suppress(Exception):
            for fetching in self.fetching:
                fetching()
            if self._notifier is not None:
                self._notifier.say("deliveries")

    def _wake(self, due: Due) -> None:
        with suppress(Exception):
            for ear in self.ears:
                ear(due)
            if self._notifier is not None:
                self._notifier.say(due)

    def close(self) -> None:
        """Say what is not said yet, and let go of the connection. It opens again when it is used."""
        if self._notifier is not None:
            self._notifier.close()
