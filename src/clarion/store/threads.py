"""An inbox by threads: each stands where the newest of its items stands, and on one page of a walk only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.sql import FromClause

from clarion.item import ALL, Group, Query
from clarion.store import dialect, inbox
from clarion.store.inbox import Found
from clarion.store.schema import THREADED, notifications

COUNTED = 100  # items of a thread
_ACTORS, _ACTORS_OF = 5, 10  # so many, of the newest items of a thread
_ASKED = 1000  # newer items of a thread, whether one of them passes a filter

_n = notifications.c
_BATCH = {"thread_": sa.Text, "place_": sa.Uuid}


def find(conn: Connection, query: Query, *, before: UUID, top: UUID | None, most: int) -> Found:
    """The newest item of each of the next threads.

    `top`: what stands above it came after the first page of this walk was read, and does not move a thread; none for
    that page. A thread that has a newer item that passes, up to there, stood on a page before.
    """
    found, seen = Found(), set[str]()
    for chunk in inbox.chunks(conn, query, before, 2 * most + 1):
        found.top = found.top or chunk.top
        first = []
        for row in chunk.passing:
            if row.thread is None or row.thread not in seen:
                first.append(row)
                seen.add(row.thread)
        earlier = _on_earlier_pages(conn, query, first, before, top)
        for row in first:
            if row.thread is not None and row.thread in earlier:
                continue
            if len(found.rows) == most:
                found.then = found.rows[-1].place
                return found
            found.rows.append(row)
        found.then = chunk.then
    return found


def _on_earlier_pages(
    conn: Connection, query: Query, heads: Sequence[Row[Any]], before: UUID, top: UUID | None
) -> set[str]:
    """The threads of these that have an item that passes from `before` up to `top`."""
    threads = sorted({row.thread for row in heads if row.thread is not None})
    if not threads or top is None:
        return set()
    batch = dialect.batch(conn, _BATCH, [(thread, before) for thread in threads])
    where = [
        *inbox.whose(query.tenant, query.recipient),
        sa.text(inbox.VIEWS[query.view]),
        sa.text(THREADED),
        _n.thread == batch.c.thread_,
        _n.place >= batch.c.place_,
        _n.place <= top,
    ]
    columns = (_n.id, _n.event_id, _n.thread, _n.severity)
    most = 1 if query.filter == ALL else _ASKED
    found = conn.execute(dialect.newest_each(conn, batch, columns, where, by=_n.place, most=most)).all()
    return {row.thread for row in inbox.passing(conn, query, found)}


def read(conn: Connection, query: Query, heads: Sequence[Row[Any]]) -> list[Group]:
    """The threads of these items, with all that is in the inbox of them."""
    newest = {item.id: item for item in inbox.read(conn, query.tenant, [row.id for row in heads])}
    groups = [
        Group(
            newest=item, number=1, unread=int(item.state.read_at is None), actors=_named([item.event.actor])
        )
        for item in (newest.get(row.id) for row in heads)
        if item is not None
    ]
    threads = sorted({group.thread for group in groups if group.thread is not None})
    if not threads:
        return groups
    numbers, latest = _numbers(conn, query, threads), _latest(conn, query, threads)
    actor_of = inbox.actors(conn, query.tenant, [event for some in latest.values() for event in some])
    for n, group in enumerate(groups):
        if group.thread is not None:
            number, unread = numbers[group.thread]
            actors = _named([actor_of.get(event) for event in latest[group.thread]])
            groups[n] = replace(group, number=number, unread=unread, actors=actors)
    return groups


def _named(actors: Sequence[str | None]) -> list[str]:
    return list(dict.fromkeys(actor for actor in actors if actor is not None))[:_ACTORS]


def _numbers(conn: Connection, query: Query, threads: Sequence[str]) -> dict[str, tuple[int, int]]:
    """How many of the newest items of each of these threads there are, and how many of them are unread."""
    batch, where = _in_threads(conn, query, threads)
    newest = sa.select(_n.read_at).where(*where).order_by(_n.place.desc()).limit(COUNTED)

    def counted(what: Callable[[FromClause], Any]) -> sa.ScalarSelect[int]:
        some = newest.correlate(batch).subquery("newest")
        return sa.select(what(some)).select_from(some).correlate(batch).scalar_subquery()

    number = counted(lambda _: sa.func.count())
    read = counted(lambda some: sa.func.count(some.c.read_at))
    found = conn.execute(sa.select(batch.c.thread_, number, number - read))
    return {thread: (number, unread) for thread, number, unread in found}


def _latest(conn: Connection, query: Query, threads: Sequence[str]) -> dict[str, list[UUID]]:
    """The events of the newest items of each of these threads, the latest first."""
    batch, where = _in_threads(conn, query, threads)
    columns = (_n.event_id, _n.place)
    latest: dict[str, list[UUID]] = {thread: [] for thread in threads}
    for row in conn.execute(dialect.newest_each(conn, batch, columns, where, by=_n.place, most=_ACTORS_OF)):
        latest[row.thread_].append(row.event_id)
    return latest


def _in_threads(conn: Connection, query: Query, threads: Sequence[str]) -> tuple[FromClause, list[Any]]:
    """These threads as a batch, and what is in the inbox of them."""
    batch = dialect.batch(conn, {"thread_": sa.Text}, [(thread,) for thread in threads])
    mine = inbox.whose(query.tenant, query.recipient)
    return batch, [*mine, sa.text(THREADED), _n.thread == batch.c.thread_]
