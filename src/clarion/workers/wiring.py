"""What every worker is given: the database, what the application declared, and the limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.engine import Connection

from clarion.channels import Channel
from clarion.delivery import LEASE
from clarion.event_type import EventType
from clarion.store.database import Database
from clarion.templates import Renderer

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much at once, and how long. The lease bounds how long a crash delays what was in hand."""

    lease: timedelta = LEASE
    poll: timedelta = timedelta(milliseconds=100)
    page: int = 1000  # recipients decided on in one transaction
    walks: int = 100  # events in hand at once
    batch: int = 100  # deliveries claimed at once
    concurrency: int = 50  # sends at once, per channel
    settle_within: timedelta = timedelta(milliseconds=50)
    grace: timedelta = timedelta(seconds=10)  # for running sends, when told to stop
    application: timedelta = timedelta(seconds=20)  # for one call of a resolver or an access check


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """One worker process's parts."""

    database: Database
    types: Mapping[str, EventType]
    channels: Mapping[str, Channel]
    renderer: Renderer
    application: object = None
    limits: Limits = field(default_factory=Limits)


class Threads:
    """Where blocking work runs: transactions in one or a few threads, the application's code in others."""

    def __init__(self, wiring: Wiring) -> None:
        sqlite = wiring.database.engine.dialect.name == "sqlite"
        self._database = wiring.database
        self._transactions = ThreadPoolExecutor(1 if sqlite else 3, "clarion-db")
        self._application = ThreadPoolExecutor(8, "clarion-app")
        self._patience = wiring.limits.application.total_seconds()

    async def transaction(self, work: Callable[[Connection], Result]) -> Result:
        """`work` in one transaction of its own."""
        return await self._in(self._transactions, lambda: self._database.run(work))

    async def reading(self, work: Callable[[Connection], Result]) -> Result:
        return await self._in(self._transactions, lambda: self._database.read(work))

    async def application(self, work: Callable[[], Result]) -> Result:
        """Code of the application's; raises `TimeoutError` when it takes longer than it may."""
        async with asyncio.timeout(self._patience):
            return await self._in(self._application, work)

    @staticmethod
    async def _in(executor: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(executor, work)

    def close(self) -> None:
        self._transactions.shutdown()
        self._application.shutdown(wait=False, cancel_futures=True)
