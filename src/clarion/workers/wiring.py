"""What every worker is given: the database, what the application declared, and the limits."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import retention
from clarion.cap import Cap
from clarion.channels import Channel
from clarion.delivery import LEASE
from clarion.errors import said
from clarion.event_type import EventType
from clarion.lane import Lanes, is_fetched
from clarion.store.database import Database
from clarion.templates import Renderer
from clarion.workers.hooks import Hooks
from clarion.workers.pool import Pool

Result = TypeVar("Result")

CALLS_AT_ONCE = 10  # of one event type's resolver or access check

# The database is out of reach, or out of order: no fault of the rows in hand.
DatabaseAway = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.InternalError,
    sa.exc.TimeoutError,
)


class ApplicationFailed(Exception):
    """A resolver or an access check raised, or took longer than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much at once, and how long. The lease bounds how long a crash delays what was in hand."""

    lease: timedelta = LEASE
    poll: timedelta = timedelta(milliseconds=100)
    page: int = 3000  # recipients decided on in one transaction
    walks: int = 100  # events in hand at once
    batch: int = 200  # deliveries claimed at once
    concurrency: int = 50  # sends at once, per channel
    settle_within: timedelta = timedelta(milliseconds=50)
    grace: timedelta = timedelta(seconds=10)  # for running sends, when told to stop
    prune_every: timedelta = timedelta(minutes=1)  # from the end of a round of removing what is over
    application: timedelta = timedelta(seconds=20)  # one call of a resolver or access check; ≤ ⅔ of the lease
    wakeups: bool = True  # say to other processes when something is due, and hear it from them; else all poll

    @property
    def patience(self) -> float:
        """Seconds for one call of the application's: it must end while the lease lasts."""
        return min(self.application.total_seconds(), self.lease.total_seconds() * 2 / 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """One worker process's parts."""

    database: Database
    types: Mapping[str, EventType]
    channels: Mapping[str, Channel]
    lanes: Lanes
    renderer: Renderer
    application: object = None
    hooks: Hooks = field(default_factory=Hooks)
    caps: Sequence[Cap] = ()
    limits: Limits = field(default_factory=Limits)
    retention: timedelta = retention.DEFAULT

    @property
    def sent_on(self) -> dict[str, Channel]:
        """The channels on which workers send; on the others it is fetched."""
        return {name: channel for name, channel in self.channels.items() if not is_fetched(channel)}


class Threads:
    """Where blocking work runs: transactions in one or a few threads, the application's code in others."""

    def __init__(self, wiring: Wiring) -> None:
        sqlite = wiring.database.engine.dialect.name == "sqlite"
        self._database = wiring.database
        self.hooks = wiring.hooks
        self._transactions = Pool(1 if sqlite else 3, "clarion-db")
        self._patience = wiring.limits.patience
        self._calls: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(CALLS_AT_ONCE))

    async def transaction(self, work: Callable[[Connection], Result]) -> Result:
        """`work` in one transaction of its own."""
        return await self._transactions.run(lambda: self._database.run(work))

    async def reading(self, work: Callable[[Connection], Result]) -> Result:
        return await self._transactions.run(lambda: self._database.read(work))

    async def looking_up(self, work: Callable[[Connection], Result]) -> Result:
        """As `reading`, each statement for itself."""
        return await self._transactions.run(lambda: self._database.look_up(work))

    async def application(self, lane: str, work: Callable[[], Result]) -> Result:
        """Code of the application's, a few calls at once in each `lane`. Raises `ApplicationFailed`."""
        async with self._calls[lane]:
            try:
                async with asyncio.timeout(self._patience):
                    return await _in_own_thread(work)
            except TimeoutError:
                raise ApplicationFailed(f"took longer than {self._patience:.3g} s") from None

    async def close(self, *, within: float) -> None:
        """Wait for what is being written, and for hooks; beyond so many seconds they are left behind."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await _in_own_thread(self._transactions.close)
                await _in_own_thread(lambda: self.hooks.finish(within=within))


async def _in_own_thread(work: Callable[[], Result]) -> Result:
    """In a thread that is left behind when nobody waits any more: what hangs blocks neither others nor our end."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Result] = loop.create_future()

    def hand_in(result: Result | None, error: ApplicationFailed | None) -> None:
        if ended.done():
            return
        if error is not None:
            ended.set_exception(error)
        else:
            ended.set_result(result)  # type: ignore[arg-type]  # what `work` returned, which may be None

    def run() -> None:
        result, failed = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - `sys.exit` in a resolver is no reason to stop working
            failed = ApplicationFailed(said(error))
            failed.__cause__ = error
        with suppress(RuntimeError):  # the loop has ended without us
            loop.call_soon_threadsafe(hand_in, result, failed)

    here = copy_context()  # what is logged there is about the same, and spans begun there are part of ours
    threading.Thread(target=here.run, args=(run,), name="clarion-app", daemon=True).start()
    return await ended
