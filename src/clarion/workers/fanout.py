"""Fan-out: which events are walked, together or each in a task of its own, so that none waits for a slow one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from sqlalchemy.engine import Connection

from clarion import clock, telemetry
from clarion.delivery import spread
from clarion.event import groups
from clarion.store import walks
from clarion.store.walks import Walk
from clarion.workers import audience
from clarion.workers.deciding import Page
from clarion.workers.walking import Going, Walking
from clarion.workers.wiring import CALLS_AT_ONCE, DatabaseAway, Threads, Wiring

log = logging.getLogger(__name__)

_LOST_EVERY = 1.0
_PUT_OFF_AT_LEAST, _PUT_OFF_AT_MOST = 0.2, 10.0  # seconds
ALONE = 25  # or fewer events that failed together: each is walked by itself then
TOGETHER = 1000  # recipients of plain events that are decided on in one transaction
AT_ONCE = 200  # events claimed in one transaction, and decided on in one if they are plain


class FanOut:
    """Claims events that are due and walks them: the plain ones together, the others each in a task of its own.

    Plain is an event whose audience `emit` named in full: no code of the application's, no crowd, no
    condition, one page.
    Of the others there are never more than `walks` in hand, nor more than a few of one type where the
    application's code is called: what is beyond is put off, so that plain events find room at any time.
    """

    def __init__(
        self, wiring: Wiring, threads: Threads, *, told: Callable[[], None], at_once: int = AT_ONCE
    ) -> None:
        self._wiring, self._threads = wiring, threads
        self._limits = wiring.limits
        self._at_once = at_once
        self._together = min(wiring.limits.page, TOGETHER)
        self._walking = Walking(wiring, threads, told=told)
        self._tasks: dict[asyncio.Task[None], Going] = {}
        self._interrupted: list[Walk] = []
        self._tenant = ""
        self._tenants = 0  # of which the last claim found something, if there was room for all of it
        self._look_for_lost_at = 0.0

    async def poll(self) -> float:
        """Walk what is due; the seconds to rest."""
        await self._give_back_interrupted()
        lost = await self._claim_lost()
        if lost is not None:
            self._start(lost)
        claimed = await self._claim()
        plain: list[Walk] = []
        beyond: list[Walk] = []
        for walk in claimed:
            if self._is_plain(walk):
                plain.append(walk)
            elif self._has_room_for(walk):
                self._start(walk)
            else:
                beyond.append(walk)
        if claimed:
            self._tenants = 0 if beyond else len({walk.event.tenant for walk in claimed})
        if beyond:
            await self._put_off(beyond)
        if plain:
            await self._decide_together(plain)
        return 0.0 if claimed or lost or self._tenant else self._limits.poll.total_seconds()

    async def finish(self) -> None:
        """Stop walking; what is not finished is given back."""
        unfinished = dict(self._tasks)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        self._interrupted += [going.walk for task, going in unfinished.items() if task.cancelled()]
        await self._give_back_interrupted()

    # ── Claiming ─────────────────────────────────────────────────────────────────────────────────────────

    async def _claim(self) -> list[Walk]:
        """What is due, some of each tenant; where to go on next time is remembered."""
        most, each = self._sizes()
        lease, after = self._limits.lease, self._tenant

        def work(conn: Connection) -> tuple[list[Walk], str]:
            claimed = walks.claim_due(conn, most=most, each=each, lease=lease, after=after)
            if len(claimed) == most:
                return claimed, max(walk.event.tenant for walk in claimed)
            end = walks.last_tenant(conn, after=after)
            if after and not end:  # the last tenant: go on with the first
                left = most - len(claimed)
                some = walks.claim_due(conn, most=left, each=min(each, left), lease=lease)
                end = max(walk.event.tenant for walk in some) if len(some) == left else ""
                claimed += some
            return claimed, end

        claimed, self._tenant = await self._threads.transaction(work)
        return claimed

    def _sizes(self) -> tuple[int, int]:
        """How many to claim, and how many of each tenant.

        Where there was room for all that was claimed before, many: a transaction costs as much as dozens of small
        events. Otherwise no more than may be in hand, for what is beyond is put off.
        """
        if self._tenants:
            return self._at_once, max(1, self._at_once // self._tenants)
        most = min(self._limits.walks, self._at_once)
        return most, max(1, most // 4)

    async def _claim_lost(self) -> Walk | None:
        """An event whose walk ended with its process; one at a time, for it may end with this one, too."""
        now = asyncio.get_running_loop().time()
        if now < self._look_for_lost_at or any(going.walk.losses for going in self._tasks.values()):
            return None
        lease = self._limits.lease
        lost = await self._threads.transaction(lambda conn: walks.claim_one_lost(conn, lease=lease))
        if lost is None:
            self._look_for_lost_at = now + _LOST_EVERY
        return lost

    async def _give_back_interrupted(self) -> None:
        """What the database broke off need not wait for its lease to end."""
        if walks_ := self._interrupted:
            await self._threads.transaction(lambda conn: walks.give_back(conn, walks_))
            self._interrupted = []

    # ── Room ─────────────────────────────────────────────────────────────────────────────────────────────

    def _is_plain(self, walk: Walk) -> bool:
        type = self._wiring.types.get(walk.event.type)
        return (
            type is not None
            and type.resolver is None
            and type.access is None
            and walk.event.topic is None
            and walk.event.condition is None
            and not walk.losses
            and not walk.failures
            and sum(len(people) for _, people in walk.event.to) <= self._together
            and not groups(walk.event.to)
        )

    def _has_room_for(self, walk: Walk) -> bool:
        if len(self._tasks) >= self._limits.walks:
            return False
        type = self._wiring.types.get(walk.event.type)
        if type is None or (type.resolver is None and type.access is None):
            return True
        return len(self._of_type(type.code)) < CALLS_AT_ONCE

    def _of_type(self, code: str) -> list[Going]:
        return [going for going in self._tasks.values() if going.walk.event.type == code]

    async def _put_off(self, beyond: Sequence[Walk]) -> None:
        """Later, when those in hand may be through: as far ahead as the oldest of them has been going."""
        now = clock.monotonic()
        since = min((going.began for going in self._tasks.values()), default=now)
        wait = min(max(now - since, _PUT_OFF_AT_LEAST), _PUT_OFF_AT_MOST) * spread(0.5)
        await self._threads.transaction(lambda conn: walks.give_back(conn, beyond, wait=wait))

    # ── Walking ──────────────────────────────────────────────────────────────────────────────────────────

    def _start(self, walk: Walk) -> None:
        going = Going(walk, self._limits.lease)
        task = asyncio.create_task(self._walk(going))
        self._tasks[task] = going
        task.add_done_callback(self._tasks.pop)

    async def _walk(self, going: Going) -> None:
        try:
            await self._walking.walk(going)
        except DatabaseAway as error:
            about = telemetry.about(going.walk.event)
            log.warning("walk of %s was interrupted: %s", going.walk.event.id, error, extra=about)
            self._interrupted.append(going.walk)
        except Exception:
            about = telemetry.about(going.walk.event)
            log.exception("walk of %s broke off, its lease will end", going.walk.event.id, extra=about)

    async def _decide_together(self, plain: Sequence[Walk]) -> None:
        """Many small events in one transaction; where that fails, fewer, and at last each alone: one fails no others."""
        left = self._filled(plain)
        while left:
            pages = left[-1]
            try:
                fresh = all(page.walk.fence == 1 for page in pages)
                for lost in await self._walking.write(pages, fresh=fresh, last=True):
                    self._walking.say_lost(lost)
            except DatabaseAway:
                self._interrupted += [page.walk for some in left for page in some]
                raise
            except Exception:
                log.exception(
                    "a page of %d events failed, trying fewer at once: %s",
                    len(pages),
                    ", ".join(str(page.walk.event.id) for page in pages),
                    extra=telemetry.about(pages[0].walk.event) if len(pages) == 1 else None,
                )
                left[-1:] = self._apart(pages)
            else:
                left.pop()

    def _filled(self, plain: Sequence[Walk]) -> list[list[Page]]:
        """Pages of recipients, each of as many events as fit into it; the last one first."""
        together: list[list[Page]] = []
        room = 0
        for walk in plain:
            told = list(audience.candidates(audience.ranked(walk.event.to)))
            if not together or len(told) > room:
                together.append([])
                room = self._together
            together[-1].append(Page(walk=walk, type=self._wiring.types[walk.event.type], candidates=told))
            room -= len(told)
        return together[::-1]

    def _apart(self, pages: list[Page]) -> list[list[Page]]:
        """What failed together in two halves, to be tried again; of a few each is walked alone."""
        if len(pages) > ALONE:
            half = len(pages) // 2
            return [pages[half:], pages[:half]]
        for page in pages:
            self._start(page.walk)
        return []
