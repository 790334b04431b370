"""Walking one event: its audience page after page, each page decided on in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy.engine import Connection

from clarion import clock, telemetry, tracing
from clarion.circumstances import Candidate
from clarion.delivery import LOSSES_ALLOWED, spread
from clarion.errors import said
from clarion.event import Event
from clarion.event_type import EventType
from clarion.store import conditions, tallies, walks, withdrawals
from clarion.store.conditions import Admission
from clarion.store.walks import Walk
from clarion.workers import aftermath, deciding
from clarion.workers.aftermath import Decided
from clarion.workers.deciding import Page
from clarion.workers.pages import Pages, Told
from clarion.workers.wiring import ApplicationFailed, DatabaseAway, Threads, Wiring

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_UNDECLARED_WAIT = 10.0
_PAGES_AT_ONCE = 2  # so that claiming and settling never wait behind the pages of a hundred events


class _Lost(Exception):
    """Another process has the event by now."""


class Going:
    """An event that is being walked, and until when it is certainly ours."""

    def __init__(self, walk: Walk, lease: timedelta) -> None:
        self.walk = walk
        self.began = clock.monotonic()
        self._lease = lease.total_seconds()
        self.renewed()

    def renewed(self) -> None:
        self._until = clock.monotonic() + self._lease

    def lasts(self, seconds: float) -> bool:
        return self._until - clock.monotonic() >= seconds


class Walking:
    """Walks events, any number beside one another."""

    def __init__(self, wiring: Wiring, threads: Threads, *, told: Callable[[], None]) -> None:
        self._wiring, self._threads, self._told = wiring, threads, told
        self._limits = wiring.limits
        self._pages = asyncio.Semaphore(_PAGES_AT_ONCE)

    async def walk(self, going: Going) -> None:
        """To the end of its audience, or to the reason why not. Raises what the database raises."""
        walk = going.walk
        type = self._wiring.types.get(walk.event.type)
        if type is None:
            log.warning(
                "event type %r is not declared here: left to a process that knows it",
                walk.event.type,
                extra=telemetry.about(walk.event),
            )
            await self._postpone(walk, _UNDECLARED_WAIT, failed=False)
        elif walk.losses > LOSSES_ALLOWED:
            await self._give_up(walk, f"its audience killed or froze the worker {walk.losses} times")
        else:
            try:
                admitted = await self._admitted(walk, type)
                if admitted is not None:
                    await self._page_after_page(going, admitted)
            except _Lost:
                self.say_lost(walk.event)
            except DatabaseAway:
                raise
            except ApplicationFailed as error:
                await self._failed(walk, type, str(error))
            except Exception as error:  # noqa: BLE001 - whatever makes this event undecidable
                await self._failed(walk, type, said(error))

    async def _admitted(self, walk: Walk, type: EventType) -> EventType | None:
        """The type as this walk is to know it; `None` if nobody is to be told, and all is done.

        Of an event that was taken back the application is asked nothing: what it was about may be gone.
        """
        if walk.event.condition is not None:
            admission = await self._threads.transaction(
                lambda conn: conditions.admit(conn, walk, self._wiring.types)
            )
            if admission is Admission.LOST:
                raise _Lost
            if admission is Admission.COUNTED:
                return None
            withdrawn = admission is Admission.WITHDRAWN
        elif type.resolver is None and type.access is None:
            return type
        else:
            taken_back = await self._threads.reading(lambda conn: withdrawals.read(conn, [walk.event]))
            withdrawn = walk.event.id in taken_back.wholly
        return replace(type, resolver=None, access=None) if withdrawn else type

    async def _page_after_page(self, going: Going, type: EventType) -> None:
        """Each in a transaction of its own; other walks go on in between."""
        walk = going.walk

        async def call(work: Callable[[], Result]) -> Result:
            return work() if type.resolver is None else await self._application(going, "resolve", work)

        pages = Pages(
            walk,
            type,
            self._wiring.application,
            size=self._limits.page,
            call=call,
            read=self._threads.reading,
        )
        fresh = walk.fence == 1
        while (told := await pages.next()) is not None:
            await self._page(going, type, told, fresh=fresh, untold=pages.untold)
            fresh = False
            if told.last:
                return
        await self._threads.transaction(lambda conn: walks.finish(conn, [walk]))

    async def _page(self, going: Going, type: EventType, told: Told, *, fresh: bool, untold: bool) -> None:
        """Decide on one page; the event is finished with the last."""
        with_access = await self._access(going, type, told.candidates)
        page = Page(
            walk=going.walk,
            type=type,
            candidates=told.candidates,
            with_access=with_access,
            untold=untold,
            side_by_side=told.side_by_side,
        )
        async with self._pages:
            lost = await self.write([page], fresh=fresh, last=told.last, cursor=told.cursor)
        if lost:
            raise _Lost
        going.renewed()

    async def _access(
        self, going: Going, type: EventType, told: Sequence[Candidate]
    ) -> Collection[str] | None:
        check = type.access
        if check is None:
            return None
        ids = [candidate.recipient for candidate in told]
        return await self._application(
            going, "access", lambda: frozenset(check(going.walk.event, ids, self._wiring.application))
        )

    async def _application(self, going: Going, name: str, work: Callable[[], Result]) -> Result:
        """Call the application's code, of this name, with a lease that outlasts it."""
        walk, lease = going.walk, self._limits.lease
        if not going.lasts(self._limits.patience):
            if not await self._threads.transaction(lambda conn: walks.renew(conn, walk, lease=lease)):
                raise _Lost
            going.renewed()
        about = partial(telemetry.about, walk.event)
        with telemetry.Meanwhile(about), tracing.calling(name, walk.event):
            return await self._threads.application(walk.event.type, work)

    async def write(
        self, pages: Sequence[Page], *, fresh: bool, last: bool, cursor: str | None = None
    ) -> list[Event]:
        """Decide on these pages in one transaction; the events that another process has by now. Once begun, it is not
        broken off."""
        lease = self._limits.lease
        made: list[Decided] = []

        def work(conn: Connection) -> list[Page]:
            kept = deciding.write(conn, pages, lanes=self._wiring.lanes, fresh=fresh, made=made)
            counted = tallies.of_decisions(made)
            if last:
                walks.finish(conn, [page.walk for page in kept], counted)
            else:
                tallies.add(conn, counted)
                for page in kept:
                    walks.advance(conn, page.walk, cursor=cursor, lease=lease)
            return kept

        with tracing.deciding((page.walk.event, len(page.candidates)) for page in pages):
            writing = asyncio.ensure_future(self._threads.transaction(work))
            try:
                kept = await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.gather(writing, return_exceptions=True)
                raise
        aftermath.of_decisions(self._wiring.hooks, made)
        self._told()
        ours = {page.walk.event.id for page in kept}
        return [page.walk.event for page in pages if page.walk.event.id not in ours]

    def say_lost(self, event: Event) -> None:
        about = telemetry.about(event)
        log.warning("the lease of event %s was lost; another process has it", event.id, extra=about)

    # ── Failing ──────────────────────────────────────────────────────────────────────────────────────────

    async def _failed(self, walk: Walk, type: EventType, why: str) -> None:
        """The application's code raised, or took too long: again later, and not for ever."""
        waits = type.policy.retries.waits
        about = telemetry.about(walk.event)
        log.warning("audience of %s (%s) failed: %s", walk.event.id, walk.event.type, why, extra=about)
        if walk.failures < len(waits):
            wait = waits[walk.failures].total_seconds() * spread(type.policy.retries.jitter)
            await self._postpone(walk, wait, failed=True)
        else:
            await self._give_up(walk, why)

    async def _postpone(self, walk: Walk, seconds: float, *, failed: bool) -> None:
        await self._threads.transaction(lambda conn: walks.postpone(conn, walk, seconds, failed=failed))

    async def _give_up(self, walk: Walk, why: str) -> None:
        about = telemetry.about(walk.event)
        log.error("nobody else is told of %s (%s): %s", walk.event.id, walk.event.type, why, extra=about)
        await self._threads.transaction(lambda conn: walks.give_up(conn, walk, why))
