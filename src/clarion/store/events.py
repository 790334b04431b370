"""Writing events inside the caller's own transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import Dialect

from clarion.errors import Conflict, InvalidInput, NotFound
from clarion.event import FURTHEST, Event, audience_json
from clarion.store import dialect, host
from clarion.store.schema import events, outbox, withdrawals
from clarion.store.types import Json, to_json

EMISSION = tuple(column.name for column in outbox.c)

Identity = tuple[str, str | UUID]  # the tenant, and the key or else the id


def emit(conn: object, batch: Sequence[Event], *, to_outbox: bool = False) -> list[UUID]:
    """Insert these events inside the caller's transaction, in one statement; their ids, in order.

    An event whose key was used before has the id of the first one. Raises `Conflict` when that had another
    body; then nothing of the batch is stored, and the transaction is alive.
    """
    rows: dict[Identity, Event] = {}
    for event in batch:
        first = rows.setdefault(_identity(event), event)
        if first is not event:
            _same(event, first.body_hash)
    if not rows:
        return []
    earlier = _insert(conn, list(rows.values()), to_outbox)
    for identity, event in rows.items() if earlier else ():
        try:
            _same(event, earlier.get(identity, (event.id, event.body_hash))[1])
        except Conflict:
            _take_back(conn, [e for one, e in rows.items() if one not in earlier], to_outbox)
            raise
    ids = {identity: event.id for identity, event in rows.items()}
    ids |= {identity: id for identity, (id, _) in earlier.items()}
    return [ids[_identity(event)] for event in batch]


def _identity(event: Event) -> Identity:
    return event.tenant, event.key or event.id


def _same(event: Event, body_hash: str) -> None:
    if body_hash != event.body_hash:
        raise Conflict(
            f"key {event.key!r} already stands for another event of tenant {event.tenant!r}: the same key must "
            "come with the same body; use a new key for a new fact"
        )


def _insert(conn: object, batch: list[Event], to_outbox: bool) -> dict[Identity, tuple[UUID, str]]:
    """The ids and body hashes of earlier events that stand for some of these."""
    # Sorted by key: transactions that insert the same keys wait for one another in one order only.
    ordered = sorted(batch, key=lambda e: (e.tenant, e.key or "", e.id.int))
    columns = {name: list(map(value_of, ordered)) for name, value_of in _VALUES.items()}
    if not to_outbox:
        columns["due_at"] = columns["at"]

    def build(made_for: Dialect) -> tuple[sa.Executable, Mapping[str, Any]]:
        if len(ordered) == 1:
            return _insert_one(made_for.name, to_outbox), {name: one for name, (one,) in columns.items()}
        values = dialect.batch_of_columns(made_for, _types(to_outbox), list(columns.values()))
        return _insert_all(made_for.name, to_outbox), values

    own = {event.id.int for event in ordered}
    earlier: dict[Identity, tuple[UUID, str]] = {}
    for tenant, id, key, body_hash in host.execute(conn, build):
        number = id.int if isinstance(id, UUID) else int(str(id).replace("-", ""), 16)  # as its driver has it
        if number not in own:
            earlier[tenant, key] = UUID(int=number), body_hash
    return earlier


def _json_of(name: str) -> Callable[[Event], str | None]:
    value_of = attrgetter(name)

    def written(event: Event) -> str | None:
        value = value_of(event)
        return "[]" if value == () else None if value is None else to_json(value)

    return written


# What is stored in each column; JSON as its text, for that of the data is there already.
_VALUES: Mapping[str, Callable[[Event], Any]] = {
    **{name: attrgetter(name) for name in EMISSION},
    "to": lambda event: to_json(audience_json(event.to)),
    "severity": lambda event: None if event.severity is None else int(event.severity),
    "tags": _json_of("tags"),
    "channels": _json_of("channels"),
    "data": lambda event: event.data_json or to_json(event.data),
    "trace_context": _json_of("trace_context"),
}


@cache
def _types(to_outbox: bool) -> dict[str, Any]:
    """The columns of a row, in its order."""
    table = outbox if to_outbox else events
    types = {name: table.c[name].type for name in (EMISSION if to_outbox else (*EMISSION, "due_at"))}
    return {name: sa.Text() if isinstance(kind, Json) else kind for name, kind in types.items()}


@cache
def _insert_one(name: str, to_outbox: bool) -> sa.Insert:
    values = {name: sa.bindparam(name, type_=kind) for name, kind in _types(to_outbox).items()}
    return _or_first(_dialect_insert(name, to_outbox).values(values))


@cache
def _insert_all(name: str, to_outbox: bool) -> sa.Insert:
    """With the rows as parameters: SQLAlchemy would need longer to write it than the database to run it."""
    types = _types(to_outbox)
    batch = dialect.batch_of_parameters(name, types)
    chosen = sa.select(*batch.c).where(sa.true())
    return _or_first(_dialect_insert(name, to_outbox).from_select(list(types), chosen))


def _dialect_insert(name: str, to_outbox: bool) -> Any:
    table = outbox if to_outbox else events
    return postgresql.insert(table) if name == "postgresql" else sqlite_dialect.insert(table)


def _or_first(insert: Any) -> sa.Insert:
    """On a used key, touch the first row so that it is returned: an error would end a host's transaction."""
    table = insert.table
    statement: sa.Insert = insert.on_conflict_do_update(
        index_elements=[table.c.tenant, table.c.key],
        index_where=sa.text("key IS NOT NULL"),
        set_={"key": insert.excluded.key},
    ).returning(table.c.tenant, table.c.id, table.c.key, table.c.body_hash)
    return statement


def _take_back(conn: object, inserted: Sequence[Event], to_outbox: bool) -> None:
    if not inserted:
        return
    table = outbox if to_outbox else events
    keys = [(event.tenant, event.id) for event in inserted]

    def build(made_for: Dialect) -> tuple[sa.Executable, Mapping[str, Any]]:
        batch = dialect.batch(made_for, {"tenant": table.c.tenant.type, "id": table.c.id.type}, keys)
        there = sa.tuple_(table.c.tenant, table.c.id).in_(sa.select(*batch.c))
        return sa.delete(table).where(there).returning(table.c.id), {}

    host.execute(conn, build)


# ── Moving ───────────────────────────────────────────────────────────────────────────────────────────────


def move(conn: object, tenant: str, id: UUID, at: datetime) -> None:
    """Let an event be due at another time, inside the caller's transaction.

    Raises `InvalidInput` for one that a worker has begun with or that was cancelled, and for a time that `emit`
    would have refused.
    """
    its = (events.c.tenant == tenant, events.c.id == id)
    must_be = _movable(at)
    statement = (
        sa.update(events).where(*its, *must_be.values()).values(at=at, due_at=at).returning(events.c.id)
    )
    if host.execute(conn, lambda _: (statement, {})):
        return
    found = host.execute(conn, lambda _: (sa.select(*must_be.values()).where(*its), {}))
    if not found:
        raise NotFound(f"there is no event {id} in tenant {tenant!r}")
    why = next((why for why, holds in zip(must_be, found[0], strict=True) if not holds), "it has changed")
    raise InvalidInput(f"event {id} cannot be moved to {at.isoformat()}: {why}")


_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # before any event; from the year 1 nothing can be taken away


def _movable(at: datetime) -> dict[str, sa.ColumnElement[bool]]:
    """What must be so of an event that is moved, by what is said where it is not."""
    taken_back = (withdrawals.c.tenant == events.c.tenant, withdrawals.c.event_id == events.c.id)
    cancelled = sa.select(withdrawals.c.id).where(*taken_back).correlate(events).exists()
    earliest = max(at, _LONG_AGO) - FURTHEST
    return {
        "its time has come already": sa.and_(events.c.due_at.is_not(None), events.c.walks == 0),
        "it was cancelled": ~cancelled,
        f"that is more than {FURTHEST.days} days after it was emitted": events.c.emitted_at >= earliest,
        "it expires before": sa.or_(events.c.expires_at.is_(None), events.c.expires_at > at),
    }
