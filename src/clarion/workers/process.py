"""What runs as the whole of a process, as a worker does: the signals that stop it, and an end that nothing holds up."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Protocol, Self

from clarion import clock
from clarion.workers.collecting import collect_rarely

SIGNALS = (signal.SIGTERM, signal.SIGINT)
_AT_MOST = 8.0  # seconds, once what runs is cut off: more than all that a worker still does then
_HANGS = b"clarion: something hangs; ending all the same, leases see to what was in hand\n"


class Running(Protocol):
    """What runs until it is told to stop: a worker, or an HTTP service with one beside it."""

    async def run(self) -> None: ...
    def stop(self) -> None: ...
    def stop_now(self) -> None: ...


def run(worker: Running, start: Callable[[], None], *, grace: timedelta) -> None:
    """Start and work until a signal comes, and then at most for the grace time; the second signal ends that at once.

    From then on signals are ignored, for the process is about to end, and one more must not make that an
    accident. What hangs in a thread or holds up the event loop is given a few seconds; then the process
    ends with 0 nevertheless: leases see to what it had in hand.
    """
    runner = asyncio.Runner()
    loop = runner.get_loop()
    words = [
        (lambda: loop.call_soon_threadsafe(worker.stop), grace.total_seconds() + _AT_MOST),
        (lambda: loop.call_soon_threadsafe(worker.stop_now), _AT_MOST),
    ]
    with _Ear(words), runner:
        start()
        collect_rarely()
        runner.run(worker.run())


class _Ear:
    """Hears signals in a thread of its own, for the main one may be blocked.

    At the first signal it says the first of its `words`, and so on; with each comes how many seconds the process
    has from then on.
    """

    def __init__(self, words: Sequence[tuple[Callable[[], object], float]]) -> None:
        self._words = list(words)
        self._heard = False
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)
        self._thread = threading.Thread(target=self._listen, name="clarion-signals", daemon=True)

    def __enter__(self) -> Self:
        # Python writes each signal's number there the moment it comes, and calls what is set only in the main thread.
        self._others = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._heard else before)
        signal.set_wakeup_fd(self._others)
        self._theirs.close()
        self._thread.join()
        self._ours.close()

    def _listen(self) -> None:
        until: float | None = None
        while True:
            self._ours.settimeout(None if until is None else max(0.001, until - clock.monotonic()))
            try:
                number = self._ours.recv(1)
            except TimeoutError:
                os.write(2, _HANGS)
                os._exit(0)
            if not number:
                return
            if number[0] in SIGNALS and self._words:
                self._heard = True
                say, seconds = self._words.pop(0)
                until = clock.monotonic() + seconds
                with suppress(RuntimeError):  # the loop has ended already
                    say()
