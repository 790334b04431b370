"""Emitting events in the application's own transaction: methods of `Clarion`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, Unpack, overload
from uuid import UUID

from clarion import clock, event, ids, telemetry, tracing
from clarion.errors import UnknownName
from clarion.event import Event, EventFields
from clarion.event_type import EventType
from clarion.names import Names
from clarion.store import events
from clarion.store.database import Database

if TYPE_CHECKING:  # needs greenlet, which only applications that use it have
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession


class _Application(Protocol):
    database: Database
    _names: Names

    @property
    def types(self) -> Mapping[str, EventType]: ...


@overload
def emit(  # type: ignore[overload-overlap]  # any other object is a synchronous host
    app: _Application,
    conn: AsyncConnection | AsyncSession,
    type: str,
    *,
    outbox: bool = False,
    **fields: Unpack[EventFields],
) -> Awaitable[UUID]: ...


@overload
def emit(
    app: _Application, conn: object, type: str, *, outbox: bool = False, **fields: Unpack[EventFields]
) -> UUID: ...


def emit(
    app: _Application, conn: object, type: str, *, outbox: bool = False, **fields: Unpack[EventFields]
) -> UUID | Awaitable[UUID]:
    """Emit one event inside the caller's transaction: it commits with it, or not at all. Its id.

    `conn`: a SQLAlchemy connection or session, a sqlite3 or psycopg connection, a Django cursor; with an
    `AsyncConnection` or `AsyncSession`, await the result. `outbox`: the transaction is on another database,
    which has an outbox table (`clarion migrate --outbox`). Raises `InvalidInput`, `Conflict`,
    `HostTransaction`, `NotMigrated`.
    """
    made = [checked(app, type, fields)]
    if runs_sync := getattr(conn, "run_sync", None):
        return _first(runs_sync(lambda sync: _emit(app, sync, made, outbox)))
    return _emit(app, conn, made, outbox)[0]


@overload
def emit_many(  # type: ignore[overload-overlap]  # as above
    app: _Application,
    conn: AsyncConnection | AsyncSession,
    batch: Iterable[tuple[str, EventFields]],
    *,
    outbox: bool = False,
) -> Awaitable[list[UUID]]: ...


@overload
def emit_many(
    app: _Application, conn: object, batch: Iterable[tuple[str, EventFields]], *, outbox: bool = False
) -> list[UUID]: ...


def emit_many(
    app: _Application, conn: object, batch: Iterable[tuple[str, EventFields]], *, outbox: bool = False
) -> list[UUID] | Awaitable[list[UUID]]:
    """Emit many events, each (type, fields), in one statement; their ids, in order. All of them or none."""
    said = list(batch)
    now = clock.now()
    made = [
        checked(app, type, fields, id, now)
        for (type, fields), id in zip(said, ids.several(len(said)), strict=True)
    ]
    if runs_sync := getattr(conn, "run_sync", None):
        in_order: Awaitable[list[UUID]] = runs_sync(lambda sync: _emit(app, sync, made, outbox))
        return in_order
    return _emit(app, conn, made, outbox)


def checked(
    app: _Application,
    type: str,
    fields: EventFields,
    id: UUID | None = None,
    emitted_at: datetime | None = None,
) -> Event:
    """What `emit` would store, for whoever stores it with others. Raises `InvalidInput`, `UnknownName`."""
    if type not in app.types:
        raise UnknownName("event type", type, app.types)
    names = app._names  # noqa: SLF001 - this is a method of `Clarion`
    made = event.make(type, fields, id, emitted_at)
    event.retention_limit(made.at, made.emitted_at)
    if made.channels:
        names.check_channels(made.channels)
    if found := event.addresses(made.to):
        names.check_channels(address.channel for address in found)
    return made


def _emit(app: _Application, conn: object, made: Sequence[Event], outbox: bool) -> list[UUID]:
    stored = _written(conn, made, outbox)
    if not outbox and any(one.at <= one.emitted_at for one in made):
        app.database.waker.emitted_on(conn)
    return stored


def _written(conn: object, made: Sequence[Event], outbox: bool) -> list[UUID]:
    with tracing.emitting(made) as span:
        if span is not None:
            carrier = span.carrier
            made = [replace(one, trace_context=carrier) for one in made]
        stored = events.emit(conn, made, to_outbox=outbox)
        if span is not None and len(stored) == 1:  # with a key, it may be that of an earlier one
            span.say("clarion.event.id", str(stored[0]))
    telemetry.emitted(Counter(one.type for one, id in zip(made, stored, strict=True) if one.id == id))
    return stored


async def _first(found: Awaitable[list[UUID]]) -> UUID:
    return (await found)[0]
