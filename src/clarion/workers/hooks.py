"""The application's hooks: each with threads of its own, a bounded number, so that none delays anything else."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from clarion import clock, telemetry
from clarion.ending import Ending
from clarion.errors import ConfigError, said

log = logging.getLogger(__name__)

Hook = Callable[[Ending], Any]

AT_ONCE = 4  # calls of one hook
WAITING = 10_000  # calls of one hook that wait


class Hooks:
    """Functions to call when something ended, by the name under which they were added."""

    def __init__(self) -> None:
        self._lines: dict[str, list[_Line]] = {"on_sent": [], "on_failed": [], "on_suppressed": []}

    def add(self, name: str, hook: Hook) -> None:
        if not callable(hook):
            raise ConfigError(f"{name} takes a function of one argument, got {hook!r}")
        self._lines[name].append(_Line(name, hook))

    def wanted(self, name: str) -> bool:
        """Whether anybody is to be called."""
        return bool(self._lines[name])

    def call(self, name: str, endings: Sequence[Ending]) -> None:
        """Have each hook of this name called with each of these; waits for nothing."""
        for line in self._lines[name]:
            line.put(endings)

    def finish(self, *, within: float) -> bool:
        """Wait until all calls have ended, or so many seconds; whether they have."""
        until = clock.monotonic() + within
        return all(line.idle(until) for lines in self._lines.values() for line in lines)


class _Line:
    """The calls of one hook. Its threads begin with the first call that waits and end with the last."""

    def __init__(self, name: str, hook: Hook) -> None:
        self._name, self._hook = name, hook
        self._waiting: deque[Ending] = deque()
        self._threads = 0
        self._dropping = False
        self._changed = threading.Condition()

    def put(self, endings: Sequence[Ending]) -> None:
        with self._changed:
            room = WAITING - len(self._waiting)
            self._waiting.extend(endings[:room])
            more = min(AT_ONCE - self._threads, len(self._waiting))
            self._threads += more
            dropped = max(0, len(endings) - room)
            news, self._dropping = dropped and not self._dropping, bool(dropped)
        for _ in range(more):
            self._start()
        if dropped:
            telemetry.hooked(self._name, "dropped", dropped)
        if news:
            log.warning("hook %s of %s is too slow: calls are dropped", self._hook_name, self._name)

    def _start(self) -> None:
        try:
            threading.Thread(target=self._call, name="clarion-hook", daemon=True).start()
        except (
            RuntimeError
        ) as error:  # there are no more threads to be had: what waits is called with the next
            log.warning("no thread for hook %s: %s", self._hook_name, error)
            with self._changed:
                self._threads -= 1

    def idle(self, until: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._threads, max(0.0, until - clock.monotonic()))

    @property
    def _hook_name(self) -> str:
        return getattr(self._hook, "__qualname__", type(self._hook).__name__)

    def _call(self) -> None:
        while (ending := self._next()) is not None:
            try:
                with telemetry.Meanwhile(partial(_about, ending)):
                    self._hook(ending)
            except BaseException as error:  # `sys.exit` in a hook is no reason to stop calling it
                telemetry.hooked(self._name, "error")
                log.warning(
                    "hook %s of %s failed: %s",
                    self._hook_name,
                    self._name,
                    said(error),
                    exc_info=error,
                    extra=_about(ending),
                )
            else:
                telemetry.hooked(self._name, "ok")

    def _next(self) -> Ending | None:
        """What to call with next; with nothing, this thread ends."""
        with self._changed:
            if self._waiting:
                return self._waiting.popleft()
            self._threads -= 1
            self._changed.notify_all()
            return None


def _about(ending: Ending) -> dict[str, str]:
    said = {"event": ending.event, "correlation_id": ending.correlation_id, "delivery": ending.delivery}
    return {
        **{name: str(value) for name, value in said.items() if value is not None},
        "channel": ending.channel,
    }
