"""One round of removing what is over: tenant by tenant, first the events, then what is left without them.

A round is a generator of steps: whoever drives it runs each in a transaction of its own, sends back its result, and
may rest, or stop, between any two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.retention import FEED_KEPT
from clarion.store import changes, dialect, kept, leftovers, meters, retention, selecting, tallies
from clarion.store.database import Database
from clarion.store.kept import Cut
from clarion.store.leaves import Rows
from clarion.store.retention import FIRST, Piece, Place, Removed
from clarion.store.schema import addresses, events
from clarion.tally import KEPT

MOST = 1000  # rows in one transaction, about
_TENANTS = 256
_ONE_OFFS = 20  # pieces of them at once
_METERS_FOR = timedelta(hours=1)  # a cap is full again long before
_UNCONFIRMED_FOR = timedelta(days=1)  # selections, beyond the hour in which they might have been

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Step:
    """A transaction. Its work may be run more than once, and only the last result counts."""

    work: Callable[[Connection], Any]
    writes: bool = False


Steps = Generator[Step, Any, Result]


@dataclass(slots=True)
class Tally:
    """What became of a round so far: rows by table, and how many events were looked at."""

    rows: Rows = field(default_factory=Rows)
    seen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """`before`: an instant, or how long ago. `dry`: only count what would go."""

    before: datetime | timedelta
    most: int = MOST
    dry: bool = False

    def steps(self, tally: Tally) -> Steps[None]:
        """All of it. What becomes free only when something else is gone is not counted in a dry one."""
        cut: Cut = yield Step(self.cut)
        for table in (events, *kept.LEFTOVER):
            after = ""
            while True:
                tenants: list[tuple[str, bool]] = yield Step(
                    partial(_tenants, table=table, after=after, cut=cut)
                )
                for tenant, has_old in tenants:
                    if has_old:
                        yield from self._of_tenant(table, tenant, cut, tally)
                if len(tenants) < _TENANTS:
                    break
                after = tenants[-1][0]
        if not self.dry:
            unconfirmed = partial(selecting.forget, before=cut.now - _UNCONFIRMED_FOR, most=self.most)
            while (yield Step(unconfirmed, writes=True)):
                pass
            yield Step(partial(meters.remove_unused, before=cut.now - _METERS_FOR), writes=True)
            forget = partial(changes.remove, before=cut.now - FEED_KEPT)
            while (yield Step(forget, writes=True)) == changes.AT_ONCE:
                pass
            for minutes, kept_for in KEPT.items():
                old = partial(tallies.forget, minutes=minutes, before=cut.now - kept_for)
                while (yield Step(old, writes=True)) == tallies.AT_ONCE:
                    pass

    def cut(self, conn: Connection) -> Cut:
        """By the database's clock: that of one machine might be a year ahead."""
        now = dialect.read_now(conn)
        return Cut(now=now, before=now - self.before if isinstance(self.before, timedelta) else self.before)

    def _of_tenant(self, table: sa.Table, tenant: str, cut: Cut, tally: Tally) -> Steps[None]:
        place: Place | None = Place()
        while place is not None:
            if table is addresses:
                place = yield from self._one_offs(tenant, place, cut, tally)
                continue
            piece: Piece = yield Step(partial(self._find, table=table, tenant=tenant, place=place, cut=cut))
            yield from self._remove(table, tenant, piece, cut, tally)
            tally.seen += piece.seen
            place = piece.then

    def _find(self, conn: Connection, table: sa.Table, tenant: str, place: Place, cut: Cut) -> Piece:
        if table is events:
            return retention.find(conn, tenant, place, cut, most=self.most)
        return leftovers.find(conn, table, tenant, place, cut, most=self.most)

    def _remove(self, table: sa.Table, tenant: str, piece: Piece, cut: Cut, tally: Tally) -> Steps[None]:
        if not piece.ids:
            return
        if self.dry:
            tally.rows += yield Step(partial(self._count, table=table, tenant=tenant, piece=piece))
            return
        goes_on = True
        while goes_on:
            removed: Removed = yield Step(
                partial(self._delete, table=table, tenant=tenant, piece=piece, cut=cut), writes=True
            )
            tally.rows += removed.rows
            goes_on = removed.more and removed.rows.total() > 0

    def _delete(self, conn: Connection, table: sa.Table, tenant: str, piece: Piece, cut: Cut) -> Removed:
        if table is events:
            return retention.remove(conn, tenant, piece, cut, most=self.most)
        return leftovers.remove(conn, table, tenant, piece, cut)

    def _count(self, conn: Connection, table: sa.Table, tenant: str, piece: Piece) -> Rows:
        if table is events:
            return retention.count(conn, tenant, piece, most=self.most)
        return leftovers.count(conn, table, tenant, piece)

    def _one_offs(self, tenant: str, place: Place, cut: Cut, tally: Tally) -> Steps[Place | None]:
        """Some pieces at once, for all notifications that are old and kept are looked through for them."""
        whose: dict[UUID, str] = {}
        then: Place | None = place
        for _ in range(_ONE_OFFS):
            if then is None:
                break
            piece: Piece = yield Step(
                partial(self._find, table=addresses, tenant=tenant, place=then, cut=cut)
            )
            if piece.ids:
                whose |= yield Step(partial(leftovers.recipients_of, tenant=tenant, ids=piece.ids))
            then = piece.then
        told: set[str] = set()
        after: UUID | None = FIRST if whose else None
        while after is not None:
            page: leftovers.Told = yield Step(
                partial(
                    leftovers.told,
                    tenant=tenant,
                    of=set(whose.values()),
                    after=after,
                    cut=cut,
                    most=self.most,
                )
            )
            told |= page.recipients
            after = page.after
        gone = [id for id, recipient in whose.items() if recipient not in told]
        for some in _pages(gone, self.most):
            yield from self._remove(addresses, tenant, Piece(ids=some, then=None), cut, tally)
        return then


def _pages(ids: Sequence[UUID], most: int) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), most):
        yield ids[start : start + most]


def _tenants(conn: Connection, table: sa.Table, after: str, cut: Cut) -> list[tuple[str, bool]]:
    """The next tenants that have rows in this table, found by skipping through its index; and whether they are old."""
    t = table.c
    within = leftovers.within(table)
    first = sa.select(sa.func.min(t.tenant).label("tenant"), sa.literal(1).label("n")).where(
        t.tenant > after, *within
    )
    found = first.cte("tenants", recursive=True)
    next_ = sa.select(sa.func.min(t.tenant)).where(t.tenant > found.c.tenant, *within).scalar_subquery()
    found = found.union_all(
        sa.select(next_, found.c.n + 1).where(found.c.tenant.is_not(None), found.c.n < _TENANTS)
    )
    old = (
        sa.select(sa.literal(1)).where(t.tenant == found.c.tenant, t.id < cut.id, *within).offset(0).exists()
    )
    rows = conn.execute(sa.select(found.c.tenant, old.label("old")).where(found.c.tenant.is_not(None)))
    return [(row.tenant, bool(row.old)) for row in rows]


def total(conn: Connection, cut: Cut) -> int:
    """How many events a round has to look at."""
    return conn.execute(
        sa.select(sa.func.count()).select_from(events).where(events.c.id < cut.id)
    ).scalar_one()


def run(database: Database, steps: Steps[None], told: Callable[[], object]) -> None:
    """Drive a round; `told` is called after each step.

    It rests as long as it writes: on SQLite, where nobody waits in line, others would hardly get in between.
    """
    step = next(steps)
    with suppress(StopIteration):
        while True:
            begun = time.monotonic()
            result = database.run(step.work) if step.writes else database.read(step.work)
            told()
            if step.writes:
                time.sleep(time.monotonic() - begun)
            step = steps.send(result)
