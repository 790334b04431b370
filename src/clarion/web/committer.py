"""Events of many requests in one commit: those that come while one commit runs are the next.

Each request has its answer when its own events are durable. What is wrong with one request's events is told to it alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import telemetry
from clarion.errors import ClarionError, Conflict
from clarion.event import Event
from clarion.store import events
from clarion.store.database import Database
from clarion.web import problem
from clarion.web.transactions import Transactions
from clarion.workers.wiring import DatabaseAway

AT_ONCE = 2000  # events in one transaction, unless one request has more
WAITING = 20_000  # events that wait; beyond, requests are told to come back

Ids = list[UUID]


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    events: Sequence[Event]
    answer: asyncio.Future[Ids]


class Committer:
    """One for a process, with a thread of its own."""

    def __init__(self, database: Database, patience: timedelta) -> None:
        self._database = database
        self._patience = patience.total_seconds()
        self._thread = Transactions(patience * 10, name="clarion-commit", threads=1)
        self._asked: list[_Asked] = []
        self._waiting = 0
        self._committing: asyncio.Task[None] | None = None

    async def emit(self, made: Sequence[Event]) -> Ids:
        """The ids of these events, which are durable then. Raises `Conflict`, a `Problem`, or what the database says."""
        if self._waiting and self._waiting + len(made) > WAITING:
            raise problem.unavailable(f"{self._waiting:,} events wait to be stored; try again later")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Ids] = loop.create_future()
        self._asked.append(_Asked(made, answer))
        self._waiting += len(made)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.ensure_future(self._commit())
        giving_up = loop.call_later(self._patience, _give_up, answer)
        try:
            return await answer
        finally:
            giving_up.cancel()

    async def close(self) -> None:
        """Once what was asked for is stored."""
        if self._committing is not None:
            await asyncio.wait([self._committing])
        await self._thread.close()

    async def _commit(self) -> None:
        while group := self._take():
            try:
                results: Sequence[Ids | Exception] = await self._thread.run(lambda g=group: self._store(g))  # type: ignore[misc]  # bound here
            except Exception as error:  # noqa: BLE001 - each of them is told
                results = [error] * len(group)
            for one, result in zip(group, results, strict=True):
                if one.answer.done():
                    continue  # it waits no longer
                if isinstance(result, Exception):
                    one.answer.set_exception(result)
                else:
                    one.answer.set_result(result)

    def _take(self) -> list[_Asked]:
        """The next to be stored together; without those who wait no longer, of which nothing is stored then."""
        group: list[_Asked] = []
        number = taken = 0
        for one in self._asked:
            if group and number + len(one.events) > AT_ONCE:
                break
            taken += 1
            self._waiting -= len(one.events)
            if not one.answer.done():
                group.append(one)
                number += len(one.events)
        del self._asked[:taken]
        return group

    # ── In the thread ────────────────────────────────────────────────────────────────────────────────────

    def _store(self, group: Sequence[_Asked]) -> list[Ids | Exception]:
        """What became of each, in order."""
        batches = [one.events for one in group]
        try:
            results = self._database.run(lambda conn: _emit_each(conn, batches))
        except DatabaseAway:
            raise
        except sa.exc.DBAPIError:  # something in one of them that the database does not take: which?
            results = [self._store_alone(batch) for batch in batches]
        stored = [
            made.type
            for batch, ids in zip(batches, results, strict=True)
            if not isinstance(ids, Exception)
            for made, id in zip(batch, ids, strict=True)
            if made.id is id
        ]
        if stored:
            self._database.waker.emitted()
        telemetry.emitted(Counter(stored))
        return results

    def _store_alone(self, batch: Sequence[Event]) -> Ids | Exception:
        try:
            return self._database.run(lambda conn: events.emit(conn, batch))
        except (ClarionError, sa.exc.SQLAlchemyError) as error:
            return error


def _give_up(answer: asyncio.Future[Ids]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def _emit_each(conn: Connection, batches: Sequence[Sequence[Event]]) -> list[Ids | Exception]:
    """All in one statement; where a key stands for another event, in halves, until it is found whose it is."""
    try:
        ids = events.emit(conn, [made for batch in batches for made in batch])
    except Conflict as conflict:
        if len(batches) == 1:
            return [conflict]
        half = len(batches) // 2
        return [*_emit_each(conn, batches[:half]), *_emit_each(conn, batches[half:])]
    results, n = list[Ids | Exception](), 0
    for batch in batches:
        results.append(ids[n : (n := n + len(batch))])
    return results
