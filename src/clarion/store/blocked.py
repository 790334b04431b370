"""Notifications that found no room at a slot: finding those of one key, and writing what was decided on them again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion import ids, question
from clarion.change import CREATED
from clarion.event import Event
from clarion.plan import Planned, verdicts_json
from clarion.question import INBOX, Question
from clarion.severity import Severity
from clarion.slot import OWES
from clarion.store import changes, dialect, inserting
from clarion.store.notifications import QUESTION, next_question
from clarion.store.schema import BLOCKED, deliveries, events, notifications, questions, queue
from clarion.store.vacancies import Vacancy
from clarion.store.walks import event_from

_AT_ONCE = 200
_CLOCKS_APART = timedelta(minutes=10)  # ids are made by machines, instants of decisions by the database
_WOKEN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A notification for which there was no room, on one channel or more, and what became of it."""

    id: UUID
    event_id: UUID
    recipient: str
    reason: str
    severity: Severity
    created_at: datetime
    read: bool
    withdrawn: bool
    resolved: bool
    keys: frozenset[str]  # of the slots that stopped it
    told_on: frozenset[str] = frozenset()  # channels on which it was told, or will be


def find(
    conn: Connection, vacancy: Vacancy, *, above: Severity | None, before: UUID | None, most: int
) -> list[Blocked]:
    """Those that this key stopped, the newest first, at most so many; fewer at the end of them.

    `above`: those of a higher severity only. `before`: the id behind which to go on. What is looked at is bounded by
    when the first of them was stopped, and not by the length of history.
    """
    tenant, recipient, key = vacancy.key
    oldest = ids.from_parts(int((vacancy.since - _CLOCKS_APART).timestamp() * 1000), 0)
    found: list[Blocked] = []
    while len(found) < most:
        mine = sa.select(*notifications.c).where(
            notifications.c.tenant == tenant,
            notifications.c.recipient == recipient,
            sa.text(BLOCKED),
            notifications.c.id >= oldest,
            notifications.c.created_at >= vacancy.since,
        )
        if above is not None:
            mine = mine.where(notifications.c.severity > int(above))
        if before is not None:
            mine = mine.where(notifications.c.id < before)
        rows = conn.execute(mine.order_by(notifications.c.id.desc()).limit(_AT_ONCE)).all()
        found += [blocked for row in rows if key in (blocked := _blocked(row)).keys]
        if len(rows) < _AT_ONCE:
            break
        before = rows[-1].id
    return found[:most]


def lock(conn: Connection, vacancy: Vacancy, of: Collection[UUID]) -> dict[UUID, Blocked]:
    """Those of these that are still stopped by this key, with where they were told; locked in the order of their ids."""
    tenant, _, key = vacancy.key
    rows = conn.execute(
        sa.select(*notifications.c)
        .where(notifications.c.tenant == tenant, notifications.c.id.in_(sorted(of)))
        .order_by(notifications.c.id)
        .with_for_update(key_share=True)
    ).all()
    told: dict[UUID, set[str]] = {row.id: {INBOX} if row.visible else set() for row in rows}
    for row in conn.execute(
        sa.select(deliveries.c.notification_id, deliveries.c.channel).where(
            deliveries.c.tenant == tenant, deliveries.c.notification_id.in_(sorted(told))
        )
    ):
        told[row.notification_id].add(row.channel)
    still = [_blocked(row, told[row.id]) for row in rows]
    return {blocked.id: blocked for blocked in still if key in blocked.keys}


def _blocked(row: Row[Any], told_on: Collection[str] = ()) -> Blocked:
    stopped = [verdict[1].get("key") for verdict in (row.verdicts or {}).values() if len(verdict) == 2]
    return Blocked(
        id=row.id,
        event_id=row.event_id,
        recipient=row.recipient,
        reason=row.reason,
        severity=Severity(row.severity),
        created_at=row.created_at,
        read=row.read_at is not None,
        withdrawn=row.withdrawn_at is not None,
        resolved=row.resolved_at is not None,
        keys=frozenset(key for key in stopped if key is not None),
        told_on=frozenset(told_on),
    )


def lock_events(conn: Connection, tenant: str, of: Collection[UUID]) -> dict[UUID, Event]:
    """These events, so that nobody else numbers their questions until the transaction ends."""
    batch = dialect.batch(
        conn,
        {"tenant_": sa.Text, "id_": sa.Uuid},
        [(tenant, id) for id in sorted(set(of), key=lambda id: id.bytes)],
    )
    found = sa.select(*events.c).where(events.c.tenant == batch.c.tenant_, events.c.id == batch.c.id_)
    return {row.id: event_from(row) for row in conn.execute(dialect.look_up(conn, batch, found, lock=True))}


def rewrite(
    conn: Connection,
    event: Event,
    id: UUID,
    asked: Question,
    answer: Planned,
    now: datetime,
) -> None:
    """Keep what was decided this time, with its question; what is in the inbox stays there, what is new comes on top."""
    n = next_question(conn, event)
    inserting.many(conn, questions, QUESTION, [(event.tenant, event.id, n, question.to_json(asked))])
    its = (notifications.c.tenant == event.tenant, notifications.c.id == id)
    kept = {"question": n, "gates": answer.gates, "verdicts": verdicts_json(answer.decisions)}
    conn.execute(sa.update(notifications).where(*its).values(**kept, decided_at=now))
    if answer.visible:
        hidden = (*its, sa.not_(notifications.c.visible))
        comes = sa.update(notifications).where(*hidden).values(visible=True, place=ids.uuid7())
        for row in conn.execute(comes.returning(notifications.c.recipient)):
            changes.tell(conn, CREATED, [(event.tenant, row.recipient, id)], now)


def wake(conn: Connection, vacancy: Vacancy) -> None:
    """Let some deliveries of this recipient that wait for room look for it now, the most severe and oldest first."""
    tenant, recipient, _ = vacancy.key
    oldest = ids.from_parts(int((vacancy.since - _CLOCKS_APART).timestamp() * 1000), 0)
    rows: Sequence[Row[Any]] = conn.execute(
        sa.select(queue.c.delivery_id)
        .select_from(
            notifications.join(
                deliveries,
                sa.and_(
                    deliveries.c.tenant == notifications.c.tenant,
                    deliveries.c.notification_id == notifications.c.id,
                ),
            ).join(
                queue,
                sa.and_(queue.c.tenant == deliveries.c.tenant, queue.c.delivery_id == deliveries.c.id),
            )
        )
        .where(
            notifications.c.tenant == tenant,
            notifications.c.recipient == recipient,
            sa.text(BLOCKED),
            notifications.c.id >= oldest,
            queue.c.slots == OWES,
            queue.c.lease_until.is_(None),
            queue.c.due_at > dialect.now(conn),
        )
        .order_by(queue.c.priority.desc(), deliveries.c.id)
        .limit(_WOKEN)
    ).all()
    if rows:
        conn.execute(
            sa.update(queue)
            .where(
                queue.c.tenant == tenant,
                queue.c.delivery_id == sa.bindparam("id_", type_=queue.c.delivery_id.type),
                queue.c.lease_until.is_(None),
            )
            .values(due_at=dialect.now(conn)),
            [{"id_": row.delivery_id} for row in sorted(rows, key=lambda row: row.delivery_id.bytes)],
        )
