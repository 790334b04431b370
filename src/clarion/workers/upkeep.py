"""Upkeep of what was decided: withdrawals are applied, steps of open conditions taken, what operators confirmed is carried
out, and what is too old is ended.

Every worker does it, none leads: each piece is a transaction that finds out whether there is anything left to do.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import telemetry
from clarion.store import applying, carrying, concerned, escalations, marking, selecting
from clarion.store.applying import Cursor
from clarion.workers.expiring import Expiring
from clarion.workers.loop import Bell
from clarion.workers.wiring import DatabaseAway, Threads, Wiring

log = logging.getLogger(__name__)

_AT_ONCE = 100
_REST_AT_MOST = 0.5  # seconds
_POLLS = 5  # it looks after as many polls of what is in a hurry

Key = tuple[str, UUID]


class Upkeep:
    """Goes round what is pending, a page of each at a time, so that none waits for one with a huge audience."""

    def __init__(self, wiring: Wiring, threads: Threads, bell: Bell) -> None:
        self._wiring, self._threads, self._bell = wiring, threads, bell
        self._rest = min(_REST_AT_MOST, _POLLS * wiring.limits.poll.total_seconds())
        self._expiring = Expiring(wiring, threads)
        self._after: dict[Key, Cursor] = {}  # where this process goes on

    async def poll(self) -> float:
        """One round; the seconds to rest."""
        applied = await self._round(lambda conn: applying.pending(conn, most=_AT_ONCE), self._apply)
        escalated = await self._round(lambda conn: escalations.due(conn, most=_AT_ONCE), self._escalate)
        carried = await self._round(lambda conn: selecting.running(conn, most=_AT_ONCE), self._carry_out)
        expired = await self._expiring.poll()
        returned = await self._return()
        return 0.0 if applied or escalated or carried or expired or returned else self._rest

    async def _return(self) -> bool:
        """Bring back what was snoozed until now."""
        if not await self._threads.reading(marking.to_return):
            return False
        return bool(await self._threads.transaction(lambda conn: marking.give_back(conn, most=_AT_ONCE)))

    async def _round(
        self, find: Callable[[Connection], Sequence[Key]], see_to: Callable[[Key], Awaitable[bool]]
    ) -> bool:
        """See to each that is found; whether anything was done."""
        done = False
        for key in await self._threads.reading(find):
            if self._bell.stopped:
                return False
            try:
                done = await see_to(key) or done
            except DatabaseAway:
                raise
            except Exception:
                # the others go on
                log.exception("upkeep of %s failed, trying again", key[1], extra=await self._about(key))
        return done

    async def _about(self, key: Key) -> dict[str, str]:
        event = await self._threads.reading(lambda conn: concerned.event_of(conn, key))
        return telemetry.about(event)

    async def _apply(self, key: Key) -> bool:
        after, most = self._after.pop(key, None), self._wiring.limits.page
        page = await self._threads.transaction(lambda conn: applying.apply(conn, key, after=after, most=most))
        if page is not None and page.after is not None:
            self._after[key] = page.after
        return page is not None

    async def _carry_out(self, key: Key) -> bool:
        """What an operator confirmed, and whoever began it did not bring to its end."""
        lanes = self._wiring.lanes
        page = await self._threads.transaction(lambda conn: carrying.carry_out(conn, *key, lanes=lanes))
        if page is not None and page.queued:
            self._wiring.database.waker.queued()
        return page is not None

    async def _escalate(self, key: Key) -> bool:
        types, most = self._wiring.types, self._wiring.limits.page
        return await self._threads.transaction(lambda conn: escalations.take(conn, key, types, most=most))
