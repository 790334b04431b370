"""Replanning: where a slot became free because nobody was told, those whom it had stopped are decided on again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import clock, telemetry, tracing
from clarion.event import Event
from clarion.severity import Severity
from clarion.store import blocked, queue, vacancies
from clarion.store.blocked import Blocked
from clarion.store.vacancies import Key, Vacancy
from clarion.workers import filling
from clarion.workers.filling import Stopped
from clarion.workers.grace import Grace
from clarion.workers.loop import Bell
from clarion.workers.wiring import ApplicationFailed, DatabaseAway, Threads, Wiring

log = logging.getLogger(__name__)

_AT_ONCE = 20  # vacancies in hand
_PAGE = 10  # notifications of one recipient: mostly the newest is told, and the next finds the place taken
_REST_AT_MOST = 1.0  # seconds: whoever makes a vacancy rings; polling is for what others left behind
_POLLS = 10
_LATER = 10.0  # seconds, for what this process cannot see to
_LEFT_TO_OTHERS = timedelta(minutes=1)  # who may know a type that this process does not


class _NotNow(Exception):
    """Says why this process cannot go on with a vacancy, and because of which event."""

    def __init__(self, why: str, event: Event) -> None:
        super().__init__(why)
        self.event = event


class Replanning:
    """Sees to vacancies, each in a task of its own, for the application may be asked who still has access."""

    def __init__(self, wiring: Wiring, threads: Threads, bell: Bell, *, told: Callable[[], None]) -> None:
        """`bell` is that of the loop which polls. `told` is called when something is to be sent."""
        self._wiring, self._threads, self._bell, self._told = wiring, threads, bell, told
        self._rest = min(_REST_AT_MOST, _POLLS * wiring.limits.poll.total_seconds())
        self._tasks: dict[asyncio.Task[None], Key] = {}
        self._not_before: dict[Key, float] = {}

    async def poll(self) -> float:
        """Begin with what is vacant; the seconds to rest."""
        now = clock.monotonic()
        self._not_before = {key: at for key, at in self._not_before.items() if at > now}
        room = _AT_ONCE - len(self._tasks)
        if room <= 0:
            return self._rest
        but = {*self._not_before, *self._tasks.values()}
        for vacancy in await self._threads.reading(lambda c: vacancies.standing(c, most=room, but=but)):
            task = asyncio.create_task(self._see_to(vacancy))
            self._tasks[task] = vacancy.key
            task.add_done_callback(self._ended)
        return self._rest

    async def finish(self, grace: Grace) -> None:
        """Begin nothing more; what is not done in time is left to others, or to the next start."""
        self._bell.stop()
        left = await grace.wait(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self._bell.ring()

    async def _see_to(self, vacancy: Vacancy) -> None:
        try:
            await self._page_after_page(vacancy)
        except (_NotNow, *DatabaseAway) as why:
            about = telemetry.about(why.event) if isinstance(why, _NotNow) else None
            log.warning(
                "free slot %s of %s is left for later: %s", vacancy.key[2], vacancy.key[1], why, extra=about
            )
            self._not_before[vacancy.key] = clock.monotonic() + _LATER
        except Exception:
            log.exception("free slot %s of %s: trying again", vacancy.key[2], vacancy.key[1])
            self._not_before[vacancy.key] = clock.monotonic() + _LATER

    async def _page_after_page(self, vacancy: Vacancy) -> None:
        """Newest first, until nobody is left who could use the place."""
        floor: Severity | None = None
        before: UUID | None = None
        while not self._bell.stopped:
            found, events = await self._read(vacancy, floor, before)
            page = [await self._with_access(one) for one in self._declared(vacancy, found, events)]
            last = len(found) < _PAGE
            filled = await self._fill(vacancy, page, floor, last)
            if filled.told:
                self._told()
            if filled.done:
                return
            floor, before = filled.floor, found[-1].id

    async def _read(
        self, vacancy: Vacancy, floor: Severity | None, before: UUID | None
    ) -> tuple[list[Blocked], dict[UUID, Event]]:
        def read(conn: Connection) -> tuple[list[Blocked], dict[UUID, Event]]:
            found = blocked.find(conn, vacancy, above=floor, before=before, most=_PAGE)
            return found, queue.read_events(conn, {(vacancy.key[0], one.event_id) for one in found})

        return await self._threads.reading(read)

    async def _fill(
        self, vacancy: Vacancy, page: Sequence[Stopped], floor: Severity | None, last: bool
    ) -> filling.Filled:
        lanes = self._wiring.lanes
        return await self._threads.transaction(
            lambda conn: filling.fill(conn, vacancy, page, lanes=lanes, floor=floor, last=last)
        )

    def _declared(
        self, vacancy: Vacancy, found: Collection[Blocked], events: dict[UUID, Event]
    ) -> list[Stopped]:
        """Those whose type this process knows. For a while the others are left to one that knows them; if none has
        come by, they are passed over, for they would stand in the way of all."""
        known = [one for one in found if events[one.event_id].type in self._wiring.types]
        if len(known) < len(found) and clock.now() - vacancy.freed_at < _LEFT_TO_OTHERS:
            unknown = next(event for event in events.values() if event.type not in self._wiring.types)
            why = f"it stopped an event of type {unknown.type!r}, which is not declared in this process"
            raise _NotNow(why, unknown)
        return [
            Stopped(blocked=one, event=(event := events[one.event_id]), type=self._wiring.types[event.type])
            for one in known
        ]

    async def _with_access(self, one: Stopped) -> Stopped:
        """With what the application says of who may still know; asked outside of any transaction."""
        check = one.type.access
        if check is None:
            return one
        ids = [one.blocked.recipient]
        about = partial(telemetry.about, one.event)
        try:
            with telemetry.Meanwhile(about), tracing.calling("access", one.event):
                allowed = await self._threads.application(
                    f"replanning {one.type.code}",
                    lambda: frozenset(check(one.event, ids, self._wiring.application)),
                )
        except ApplicationFailed as error:
            why = f"the access check of {one.type.code!r} failed: {error}"
            raise _NotNow(why, one.event) from error
        return replace(one, with_access=allowed)
