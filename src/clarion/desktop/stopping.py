"""Being told to stop by a signal: what rests wakes up, and what is in hand has a while to end."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from clarion import clock

GRACE = timedelta(seconds=10)
_TO_SAY_SO = 2.0  # seconds of it, for telling the service what became of what was in hand
_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]


class Stopping:
    """Whether to stop, and how much time is left then. Told again, there is none."""

    def __init__(self, grace: timedelta = GRACE) -> None:
        self._grace = grace.total_seconds()
        self._until: float | None = None
        self._here, self._there = socket.socketpair()
        self._there.setblocking(False)

    @property
    def asked(self) -> bool:
        return self._until is not None

    @property
    def left(self) -> float:
        """Seconds in which to tell the service; without end, while nobody asked."""
        return float("inf") if self._until is None else max(0.0, self._until - clock.monotonic())

    @property
    def over(self) -> bool:
        """Whether what is being shown is to be cut off now."""
        return self.left <= _TO_SAY_SO

    def stop(self) -> None:
        """May be called at any point of a program, as signals do: it takes no lock."""
        now = clock.monotonic()
        self._until = now + self._grace if self._until is None else min(self._until, now + _TO_SAY_SO)
        with suppress(BlockingIOError):
            self._there.send(b".")

    def rest(self, seconds: float) -> None:
        """That long, or until told to stop; not longer than is left."""
        ready, _, _ = select.select([self._here], [], [], min(seconds, self.left))
        if ready:
            self._here.recv(64)

    def close(self) -> None:
        self._here.close()
        self._there.close()

    @contextmanager
    def heeding(self, also: Callable[[], None]) -> Iterator[None]:
        """From here on signals stop this, and call `also`. One that is ignored, as by `nohup`, stays so."""

        def heard(_number: int, _frame: Any) -> None:
            self.stop()
            also()

        before = {one: signal.getsignal(one) for one in _SIGNALS}
        ours = [one for one, set_ in before.items() if set_ is not signal.SIG_IGN]
        try:
            for one in ours:
                signal.signal(one, heard)
            yield
        finally:
            for one in ours:
                signal.signal(one, before[one])
