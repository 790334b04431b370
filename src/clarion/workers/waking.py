"""Waking a worker: its bells ring when something has become due, by whomever. See `store.waker`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

from clarion.store.database import Database
from clarion.store.listening import Stop
from clarion.store.waker import Due
from clarion.workers.loop import Bell

_SPACING = 0.02  # seconds: a poll that finds nothing costs a millisecond, and all who listen are rung for
_TO_END = 0.1  # seconds: less is the rule, but the thread may be connecting, and is left behind then


class Waking:
    """Listens from now on until `finish`, in this process and in a thread to others. Made in an event loop."""

    def __init__(self, database: Database, bells: Mapping[Due, Sequence[Bell]]) -> None:
        """`bells`: those to ring, by what is due."""
        self._database, self._bells = database, bells
        self._loop = asyncio.get_running_loop()
        self._about_to_ring: set[Due] = set()
        self._rang = dict.fromkeys(bells, -_SPACING)
        self._stop = Stop()
        self._thread = threading.Thread(target=self._listen, name="clarion-listen", daemon=True)
        self._thread.start()
        database.waker.ears.append(self._heard)

    def finish(self) -> None:
        """Hear nothing more."""
        self._database.waker.ears.remove(self._heard)
        self._stop.say()
        self._thread.join(_TO_END)

    def _listen(self) -> None:
        try:
            self._database.listen(self._heard, self._stop)
        finally:
            self._stop.close()

    def _heard(self, due: Due) -> None:
        """In any thread. While a ring is on its way, another would find no more than it does."""
        if due in self._about_to_ring:
            return
        self._about_to_ring.add(due)
        with suppress(RuntimeError):  # the loop has ended without us
            self._loop.call_soon_threadsafe(self._ring_soon, due)

    def _ring_soon(self, due: Due) -> None:
        """At once after a silence, else a little later, for all that come meanwhile."""
        wait = self._rang[due] + _SPACING - self._loop.time()
        if wait > 0:
            self._loop.call_later(wait, self._ring, due)
        else:
            self._ring(due)

    def _ring(self, due: Due) -> None:
        self._about_to_ring.discard(due)
        self._rang[due] = self._loop.time()
        for bell in self._bells[due]:
            bell.ring()
