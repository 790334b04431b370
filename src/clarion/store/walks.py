"""Walking an event: the fan-out's claim on it, how far it is, and how it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.sql import FromClause

from clarion.errors import storable
from clarion.event import Event, audience_from_json
from clarion.severity import Severity
from clarion.store import dialect, tallies
from clarion.store.claims import Claimable, claim, claim_lost, visit_ends
from clarion.store.prepared import LookUp
from clarion.store.schema import events
from clarion.tally import Counts

DUE = Claimable(
    table=events,
    lane="tenant",
    fence="walks",
    within="due_at IS NOT NULL AND losses = 0",
    lost="due_at IS NOT NULL AND losses > 0",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """An event under this process's lease. `fence` tells this claim from any later one."""

    event: Event
    fence: int
    failures: int
    losses: int
    cursor: str | None

    @property
    def key(self) -> tuple[str, UUID]:
        return self.event.tenant, self.event.id


def claim_due(
    conn: Connection, *, most: int, lease: timedelta, each: int | None = None, after: str = ""
) -> list[Walk]:
    """Events whose fan-out is due, `each` of a tenant, a quarter of them unless said, behind the tenant `after`."""
    rows = claim(conn, DUE, most=most, each=each or max(1, most // 4), lease=lease, after=after)
    return [_walk(row) for row in sorted(rows, key=lambda row: row.due_at) if row.lease_until is not None]


def last_tenant(conn: Connection, *, after: str) -> str:
    """Where a claim behind the tenant `after` that found little stopped looking; empty at the end."""
    return visit_ends(conn, DUE, after=after)


def claim_one_lost(conn: Connection, *, lease: timedelta) -> Walk | None:
    """An event whose walk killed its process, or froze: to be walked alone."""
    row = claim_lost(conn, DUE, lease=lease)
    return None if row is None or row.lease_until is None else _walk(row)


def still_ours(conn: Connection, walks: Collection[Walk]) -> tuple[datetime, set[UUID]]:
    """Lock these events for one page; the instant of the page, and those whose lease nobody took over."""
    ids = {row.id_ for row in _UNFINISHED.rows(conn, _keys(walks))}
    return dialect.read_now(conn), ids


def _unfinished(batch: FromClause, conn: Connection) -> sa.Select[Any]:
    """Where the events lie whose claim is still the newest, and whose walk has not ended."""
    return sa.select(dialect.row_address(conn, events)).where(
        events.c.tenant == batch.c.tenant_,
        events.c.id == batch.c.id_,
        events.c.walks == batch.c.fence_,
        events.c.due_at.is_not(None),
    )


_KEYS = {"tenant_": sa.Text, "id_": sa.Uuid, "fence_": sa.Integer}
_UNFINISHED = LookUp(_KEYS, _unfinished, lock=True)


def _keys(walks: Collection[Walk]) -> list[tuple[str, UUID, int]]:
    """In the order in which events are locked."""
    keys = [(*walk.key, walk.fence) for walk in walks]
    return sorted(keys, key=lambda key: (key[0], key[1].bytes))


def advance(conn: Connection, walk: Walk, *, cursor: str | None, lease: timedelta) -> None:
    """One page is written: remember where the next begins, and keep the event a while longer."""
    _update(
        conn,
        [walk],
        cursor=cursor,
        lease_until=dialect.after(conn, lease.total_seconds()),
        due_at=dialect.now(conn),
    )


def renew(conn: Connection, walk: Walk, *, lease: timedelta) -> bool:
    """Keep the event a while longer; whether it is still this process's."""
    return bool(_update(conn, [walk], lease_until=dialect.after(conn, lease.total_seconds())))


def finish(conn: Connection, walks: Sequence[Walk], decided: Counts | None = None) -> None:
    """Everybody has been decided on: what is `decided` with it is counted at once with the events."""
    _end(conn, walks, decided or Counter())


def give_back(conn: Connection, walks: Sequence[Walk], *, wait: float = 0.0) -> None:
    """This process will not go on; another may at once, or after so many seconds."""
    _update(conn, walks, lease_until=None, due_at=dialect.after(conn, wait))


def postpone(conn: Connection, walk: Walk, seconds: float, *, failed: bool) -> None:
    """Come back to it later; `failed` counts against it."""
    _update(
        conn,
        [walk],
        lease_until=None,
        due_at=dialect.after(conn, seconds),
        failures=walk.failures + int(failed),
    )


def give_up(conn: Connection, walk: Walk, why: str) -> None:
    """The walk has failed for good; the event says why."""
    _end(conn, [walk], Counter(), failure=storable(why))


def _end(conn: Connection, walks: Sequence[Walk], decided: Counts, **values: Any) -> None:
    """Of several, all are this process's: they are locked."""
    if _update(conn, walks, due_at=None, lease_until=None, walked_at=dialect.now(conn), **values):
        decided = decided + tallies.of_events(walk.event for walk in walks)
    tallies.add(conn, decided)


def _update(conn: Connection, walks: Sequence[Walk], **values: Any) -> int:
    """Change those of these events that are still ours and not finished; how many."""
    if not walks:
        return 0
    if len(walks) == 1:
        (walk,) = walks
        which = [
            events.c.tenant == walk.event.tenant,
            events.c.id == walk.event.id,
            events.c.walks == walk.fence,
            events.c.due_at.is_not(None),
        ]
    else:
        keys = _keys(walks)
        if dialect.is_postgresql(conn):  # locked first: the next statement knows where they lie
            _UNFINISHED.rows(conn, keys)
        batch = dialect.batch(conn, _KEYS, keys)
        held = dialect.look_up(conn, batch, _unfinished(batch, conn)).subquery("held")
        which = [dialect.at_addresses(conn, events, sa.select(held.c.here))]
    return conn.execute(sa.update(events).where(*which).values(values)).rowcount


def event_from(row: Row[Any]) -> Event:
    """The event of a row of `events`."""
    return Event(
        id=row.id,
        tenant=row.tenant,
        type=row.type,
        emitted_at=row.emitted_at,
        at=row.at,
        actor=row.actor,
        subject=row.subject,
        thread=row.thread,
        to=audience_from_json(row.to),
        topic=row.topic,
        severity=None if row.severity is None else Severity(row.severity),
        key=row.key,
        condition=row.condition,
        tags=tuple(row.tags),
        channels=None if row.channels is None else tuple(row.channels),
        data=row.data,
        url=row.url,
        expires_at=row.expires_at,
        correlation_id=row.correlation_id,
        body_hash=row.body_hash,
        trace_context=row.trace_context,
    )


def _walk(row: Row[Any]) -> Walk:
    return Walk(
        event=event_from(row), fence=row.walks, failures=row.failures, losses=row.losses, cursor=row.cursor
    )
