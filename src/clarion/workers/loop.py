"""The loop that every worker runs: poll, rest as long as poll says, wake early when told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import sqlalchemy as sa

log = logging.getLogger(__name__)

_AFTER_ERROR = 1.0


class Bell:
    """Rung to end a rest early, or to say that it is time to stop."""

    def __init__(self) -> None:
        self.stopped = False
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()

    def stop(self) -> None:
        self.stopped = True
        self._event.set()

    async def rest(self, seconds: float) -> None:
        """Until it rings, at most so long."""
        if seconds > 0 and not self.stopped:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._event.wait()
        if not self.stopped:
            self._event.clear()


async def keep(poll: Callable[[], Awaitable[float]], bell: Bell) -> None:
    """Call `poll` until the bell says stop, resting between calls for the seconds that it returns.

    An error ends one poll, not the worker, and no other loop: nothing that was in hand is lost, its lease ends.
    """
    while not bell.stopped:
        try:
            rest = await poll()
        except sa.exc.DBAPIError as error:
            log.warning(
                "database error, trying again: %s", str(error.orig).splitlines()[0] if error.orig else error
            )
            rest = _AFTER_ERROR
        except Exception:
            log.exception("unexpected error, trying again")
            rest = _AFTER_ERROR
        await bell.rest(rest)
