"""Fan-out: from an event to a decision about everybody who should know."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

import sqlalchemy as sa

from clarion.delivery import LOSSES_ALLOWED, spread
from clarion.event_type import EventType
from clarion.plan import Candidate
from clarion.store import people, walks
from clarion.store.walks import Walk
from clarion.workers import audience, deciding
from clarion.workers.deciding import Page
from clarion.workers.wiring import Threads, Wiring

log = logging.getLogger(__name__)

_LOST_EVERY = 1.0
_UNDECLARED_WAIT = 10.0


class FanOut:
    """Claims events that are due and walks them: the plain ones together, the others each in a task of its own.

    Plain is an event whose audience `emit` named in full: no code of the application's, no topic, one page.
    """

    def __init__(self, wiring: Wiring, threads: Threads, *, told: Callable[[], None]) -> None:
        self._wiring, self._threads, self._told = wiring, threads, told
        self._limits = wiring.limits
        self._walking: dict[asyncio.Task[None], Walk] = {}
        self._lane = ""
        self._look_for_lost_at = 0.0

    async def poll(self) -> float:
        """Walk what is due; the seconds to rest."""
        if lost := await self._claim_lost():
            self._start(lost)
        room = self._limits.walks - len(self._walking)
        claimed = await self._claim(room) if room > 0 else []
        plain = [walk for walk in claimed if self._is_plain(walk)]
        for walk in claimed:
            if walk not in plain:
                self._start(walk)
        if plain:
            await self._decide_together(plain)
        return 0.0 if claimed or lost else self._limits.poll.total_seconds()

    async def finish(self) -> None:
        """Stop walking; what is not finished is given back."""
        unfinished = dict(self._walking)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        left = [walk for task, walk in unfinished.items() if task.cancelled()]
        if left:
            await self._threads.transaction(lambda conn: walks.give_back(conn, left))

    # ── Claiming ─────────────────────────────────────────────────────────────────────────────────────────

    async def _claim(self, most: int) -> list[Walk]:
        lease, after = self._limits.lease, self._lane
        claimed = await self._threads.transaction(
            lambda conn: walks.claim_due(conn, most=most, lease=lease, after=after)
        )
        self._lane = max((walk.event.tenant for walk in claimed), default="") if len(claimed) == most else ""
        return claimed

    async def _claim_lost(self) -> Walk | None:
        """An event whose walk ended with its process: one each turn, beside no more than what is walking."""
        now = asyncio.get_running_loop().time()
        if now < self._look_for_lost_at:
            return None
        lease = self._limits.lease
        lost = await self._threads.transaction(lambda conn: walks.claim_one_lost(conn, lease=lease))
        if lost is None:
            self._look_for_lost_at = now + _LOST_EVERY
        return lost

    def _is_plain(self, walk: Walk) -> bool:
        type = self._wiring.types.get(walk.event.type)
        return (
            type is not None
            and type.resolver is None
            and type.access is None
            and walk.event.topic is None
            and not walk.losses
            and not walk.failures
            and sum(len(people) for _, people in walk.event.to) <= self._limits.page
        )

    def _start(self, walk: Walk) -> None:
        task = asyncio.create_task(self._walk_guarded(walk))
        self._walking[task] = walk
        task.add_done_callback(self._walking.pop)

    # ── Walking ──────────────────────────────────────────────────────────────────────────────────────────

    async def _decide_together(self, plain: Sequence[Walk]) -> None:
        """Many small events in one transaction; if that fails, each alone, so that one cannot fail the others."""
        pages, waiting = self._fill(plain)
        try:
            await self._write(pages, fresh=all(page.walk.fence == 1 for page in pages), last=True)
        except sa.exc.OperationalError:
            raise
        except Exception:
            log.exception("a page of %d events failed, walking each alone", len(pages))
            for page in pages:
                self._start(page.walk)
        if waiting:
            await self._decide_together(waiting)

    def _fill(self, plain: Sequence[Walk]) -> tuple[list[Page], Sequence[Walk]]:
        """As many events as fit into one page of recipients, and those that are left."""
        pages: list[Page] = []
        size = 0
        for n, walk in enumerate(plain):
            told = list(audience.candidates(audience.ranked(walk.event.to)))
            if pages and size + len(told) > self._limits.page:
                return pages, plain[n:]
            pages.append(Page(walk=walk, type=self._wiring.types[walk.event.type], candidates=told))
            size += len(told)
        return pages, ()

    async def _walk_guarded(self, walk: Walk) -> None:
        type = self._wiring.types.get(walk.event.type)
        if type is None:
            log.warning(
                "event type %r is not declared here: left to a process that knows it", walk.event.type
            )
            await self._postpone(walk, _UNDECLARED_WAIT, failed=False)
            return
        if walk.losses > LOSSES_ALLOWED:
            why = f"its audience killed or froze the worker {walk.losses} times"
            await self._threads.transaction(lambda conn: walks.give_up(conn, walk, why))
            return
        try:
            await self._walk(walk, type)
        except sa.exc.OperationalError as error:  # of the database, not of the event: the lease will end
            log.warning("walk of %s interrupted: %s", walk.event.id, error.orig)
        except Exception as error:  # noqa: BLE001 - whatever the application's code raises
            await self._failed(walk, type, error)

    async def _walk(self, walk: Walk, type: EventType) -> None:
        """Page after page, the topic last; other walks go on in between."""
        size = self._limits.page
        fresh = walk.fence == 1
        if walk.cursor is None:
            sources = await self._threads.application(
                lambda: audience.steps(walk.event, type, self._wiring.application)
            )
            named = audience.candidates(sources)
            while told := await self._threads.application(lambda: audience.page(named, size)):
                if not await self._page(walk, type, told, fresh=fresh, cursor=None):
                    return
                fresh = False
        cursor = walk.cursor or ""
        while told := await self._followers(walk, after=cursor):
            cursor = told[-1].recipient
            if not await self._page(walk, type, told, fresh=fresh, cursor=cursor):
                return
            fresh = False
        await self._threads.transaction(lambda conn: walks.finish(conn, [walk]))

    async def _followers(self, walk: Walk, *, after: str) -> list[Candidate]:
        """The next page of the topic's subscribers; empty at its end, or without a topic."""
        tenant, topic = walk.event.tenant, walk.event.topic
        if topic is None:
            return []
        size = self._limits.page
        return await self._threads.reading(
            lambda conn: people.subscribers(conn, tenant, topic, after=after, most=size)
        )

    async def _page(
        self, walk: Walk, type: EventType, told: Sequence[Candidate], *, fresh: bool, cursor: str | None
    ) -> bool:
        """Decide on one page; whether the walk is still ours."""
        page = Page(walk=walk, type=type, candidates=told, with_access=await self._access(walk, type, told))
        return await self._write([page], fresh=fresh, last=False, cursor=cursor)

    async def _access(self, walk: Walk, type: EventType, told: Sequence[Candidate]) -> Collection[str] | None:
        check = type.access
        if check is None:
            return None
        ids = [candidate.recipient for candidate in told]
        return await self._threads.application(
            lambda: frozenset(check(walk.event, ids, self._wiring.application))
        )

    async def _write(
        self, pages: Sequence[Page], *, fresh: bool, last: bool, cursor: str | None = None
    ) -> bool:
        lease = self._limits.lease

        def work(conn: sa.Connection) -> bool:
            kept = deciding.write(conn, pages, fresh=fresh)
            if last:
                walks.finish(conn, [page.walk for page in kept])
            else:
                for page in kept:
                    walks.advance(conn, page.walk, cursor=cursor, lease=lease)
            return len(kept) == len(pages)

        ours = await self._threads.transaction(work)
        if not ours:
            log.warning("the lease of an event was lost before its page was written; another process has it")
        self._told()
        return ours

    # ── Failing ──────────────────────────────────────────────────────────────────────────────────────────

    async def _failed(self, walk: Walk, type: EventType, error: Exception) -> None:
        """The application's code raised, or took too long: again later, and not for ever."""
        said = f"{error.__class__.__name__}: {error}"
        waits = type.policy.retries.waits
        log.warning("audience of %s (%s) failed: %s", walk.event.id, walk.event.type, said)
        if walk.failures < len(waits):
            wait = waits[walk.failures].total_seconds() * spread(type.policy.retries.jitter)
            await self._postpone(walk, wait, failed=True)
        else:
            await self._threads.transaction(lambda conn: walks.give_up(conn, walk, said))

    async def _postpone(self, walk: Walk, seconds: float, *, failed: bool) -> None:
        await self._threads.transaction(lambda conn: walks.postpone(conn, walk, seconds, failed=failed))
