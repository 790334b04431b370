"""Who holds slots, and what becomes of a slot when its holder's deliveries end.

A slot concerns the deliveries of one notification on some channels. The first that is sent begins its window; when
the last has ended and none was sent, the slot is free: at once where it stopped nobody, else once those were
decided on again, whom it had stopped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.delivery import Result
from clarion.store import dialect
from clarion.store.schema import deliveries, outcomes, queue, slots

_PLACE = {
    "tenant_": sa.Text,
    "recipient_": sa.Text,
    "key_": sa.Text,
    "severity_": sa.Integer,
    "n_": sa.Integer,
}


class Holder(NamedTuple):
    """A notification."""

    tenant: str
    id: UUID


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery that has come to its end, sent or not."""

    of: Holder
    channel: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A slot that is held, locked until the transaction ends."""

    place: tuple[str, str, str, int, int]  # tenant, recipient, key, severity, n
    by: Holder
    channels: tuple[str, ...] | None
    window: timedelta
    until: datetime | None
    blocked: bool

    def concerns(self, channel: str) -> bool:
        return self.channels is None or channel in self.channels


def origins(conn: Connection, of: Collection[tuple[str, UUID]]) -> dict[tuple[str, UUID], tuple[Holder, str]]:
    """The notification and the channel of each of these deliveries, (tenant, id)."""
    batch = _ids(conn, of)
    found = sa.select(deliveries.c.notification_id, deliveries.c.channel).where(
        deliveries.c.tenant == batch.c.tenant_, deliveries.c.id == batch.c.id_
    )
    return {
        (row.tenant_, row.id_): (Holder(row.tenant_, row.notification_id), row.channel)
        for row in conn.execute(dialect.look_up(conn, batch, found))
    }


def lock(conn: Connection, of: Collection[Holder]) -> list[Held]:
    """The slots that these notifications hold, locked in the order of their keys, as planning locks them.

    To be called before anything of the queue is locked.
    """
    if not of:
        return []
    batch = _ids(conn, of)
    named = sa.select(*(slots.c[name] for name in ("recipient", "key", "severity", "n"))).where(
        slots.c.tenant == batch.c.tenant_, slots.c.holder == batch.c.id_, slots.c.freed_at.is_(None)
    )
    rows = conn.execute(dialect.look_up(conn, batch, named)).all()
    places = sorted((row.tenant_, row.recipient, row.key, row.severity, row.n) for row in rows)
    if not places:
        return []
    batch = dialect.batch(conn, _PLACE, places)
    found = sa.select(*(slots.c[name] for name in _READ)).where(
        *(slots.c[name.rstrip("_")] == batch.c[name] for name in _PLACE), slots.c.freed_at.is_(None)
    )
    held = [_held(row) for row in conn.execute(dialect.look_up(conn, batch, found, lock=True))]
    return [slot for slot in held if slot.by in of]  # what was over may have been taken meanwhile


_READ = ("holder", "channels", "window_ms", "until", "blocked_since")


def _held(row: Row[Any]) -> Held:
    return Held(
        place=(row.tenant_, row.recipient_, row.key_, row.severity_, row.n_),
        by=Holder(row.tenant_, row.holder),
        channels=None if row.channels is None else tuple(row.channels),
        window=timedelta(milliseconds=row.window_ms),
        until=row.until,
        blocked=row.blocked_since is not None,
    )


def conclude(conn: Connection, held: Collection[Held], ended: Collection[Ended], now: datetime) -> bool:
    """Begin the windows of what was sent, and free what nobody holds any more; whether somebody waited for it.

    To be called under `lock`, once `ended` is out of the queue: of two siblings that end at the same time in two
    processes, the later one sees that it is the last.
    """
    until: dict[Held, datetime] = {}
    unsent: list[Held] = []
    for slot in held:
        mine = [one for one in ended if one.of == slot.by and slot.concerns(one.channel)]
        if any(one.sent for one in mine):
            until[slot] = now + slot.window
        elif mine and slot.until is None:
            unsent.append(slot)
    free: list[Held] = []
    siblings = _siblings(conn, {slot.by for slot in unsent})
    for slot in unsent:
        others = [row for row in siblings.get(slot.by, ()) if slot.concerns(row.channel)]
        if any(row.queued for row in others):
            continue
        sent_at = max((row.sent_at for row in others if row.sent_at is not None), default=None)
        if sent_at is None:
            free.append(slot)
        else:  # before it took this one
            until[slot] = sent_at + slot.window
    _begin(conn, until)
    _free(conn, free, now)
    return any(slot.blocked for slot in free)


def _siblings(conn: Connection, of: Collection[Holder]) -> Mapping[Holder, list[Row[Any]]]:
    """All deliveries of these: (channel, queued, sent_at)."""
    found: dict[Holder, list[Row[Any]]] = {}
    if not of:
        return found
    batch = _ids(conn, of)
    waits = sa.exists().where(queue.c.tenant == deliveries.c.tenant, queue.c.delivery_id == deliveries.c.id)
    sent = sa.select(sa.func.max(outcomes.c.at)).where(
        outcomes.c.tenant == deliveries.c.tenant,
        outcomes.c.delivery_id == deliveries.c.id,
        outcomes.c.result == Result.SENT.value,
    )
    of_each = sa.select(
        deliveries.c.channel, waits.label("queued"), sent.scalar_subquery().label("sent_at")
    ).where(deliveries.c.tenant == batch.c.tenant_, deliveries.c.notification_id == batch.c.id_)
    for row in conn.execute(dialect.look_up(conn, batch, of_each)):
        found.setdefault(Holder(row.tenant_, row.id_), []).append(row)
    return found


def _begin(conn: Connection, until: Mapping[Held, datetime]) -> None:
    """Windows count from what reached them last: a second channel that is late makes its window no shorter."""
    later = {slot: at for slot, at in until.items() if slot.until is None or slot.until < at}
    if later:
        conn.execute(
            sa.update(slots)
            .where(*_at_place())
            .values(until=sa.bindparam("until_", type_=slots.c.until.type)),
            [{**_named(slot), "until_": at} for slot, at in later.items()],
        )


def _free(conn: Connection, free: Collection[Held], now: datetime) -> None:
    if waited_for := [_named(slot) for slot in free if slot.blocked]:
        conn.execute(sa.update(slots).where(*_at_place()).values(freed_at=now), waited_for)
    if unnoticed := [_named(slot) for slot in free if not slot.blocked]:
        conn.execute(sa.delete(slots).where(*_at_place()), unnoticed)


def _at_place() -> list[sa.ColumnElement[bool]]:
    return [slots.c[name.rstrip("_")] == sa.bindparam(name) for name in _PLACE]


def _named(slot: Held) -> dict[str, Any]:
    return dict(zip(_PLACE, slot.place, strict=True))


def _ids(conn: Connection, of: Collection[tuple[str, UUID]]) -> sa.FromClause:
    ordered = sorted(of, key=lambda key: (key[0], key[1].bytes))
    return dialect.batch(conn, {"tenant_": sa.Text, "id_": sa.Uuid}, ordered)
