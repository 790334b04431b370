"""What the database of a test says: what has been emitted, what is still to be done, who has what in the inbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.app import Clarion
from clarion.event import Event
from clarion.question import INBOX
from clarion.recipient import Recipient
from clarion.store import applying, dialect, escalations, pauses, people, records
from clarion.store.records import Decided
from clarion.store.schema import deliveries, events, notifications, queue
from clarion.store.walks import event_from
from clarion.testing.told import Told

_MOST = 100_000  # items of one tenant, in one test


def emitted(conn: Connection, tenant: str, type: str | None, *, most: int) -> list[Event]:
    """The newest events, of this type or of any; at most so many."""
    found = sa.select(*events.c).where(events.c.tenant == tenant).order_by(events.c.id.desc()).limit(most)
    if type is not None:
        found = found.where(events.c.type == type)
    return [event_from(row) for row in conn.execute(found)]


def types_emitted(conn: Connection, tenant: str) -> list[str]:
    found = sa.select(events.c.type).where(events.c.tenant == tenant).distinct().order_by(events.c.type)
    return list(conn.execute(found).scalars())


# ── What is due ──────────────────────────────────────────────────────────────────────────────────────────


def due(conn: Connection, channels: Collection[str]) -> list[str]:
    """What a worker would do now, in words: `2 events of cl.merged`, `1 delivery to bob on email`."""
    found = [_counted(n, "event", "events", f"of {type}") for type, n in _events_due(conn)]
    found += [
        _counted(n, "delivery", "deliveries", f"of {type} to {recipient} on {channel}")
        for type, recipient, channel, n in _deliveries_due(conn, channels)
    ]
    if withdrawn := len(applying.pending(conn, most=_MOST)):
        found.append(_counted(withdrawn, "withdrawal or resolution", "withdrawals and resolutions"))
    if steps := len(escalations.due(conn, most=_MOST)):
        found.append(_counted(steps, "condition that escalates", "conditions that escalate"))
    return found


def _events_due(conn: Connection) -> list[tuple[str, int]]:
    found = (
        sa.select(events.c.type, sa.func.count())
        .where(events.c.due_at <= dialect.now(conn))
        .group_by(events.c.type)
        .order_by(events.c.type)
    )
    return [(type, n) for type, n in conn.execute(found)]


def _deliveries_due(conn: Connection, channels: Collection[str]) -> list[tuple[str, str, str, int]]:
    """By type, recipient and channel; what is paused is not due."""
    standing, now = pauses.standing(conn)
    paused = {(pause.channel, pause.lane) for pause in standing if pause.until > now}
    delivery = sa.and_(queue.c.tenant == deliveries.c.tenant, queue.c.delivery_id == deliveries.c.id)
    notification = sa.and_(
        notifications.c.tenant == deliveries.c.tenant, notifications.c.id == deliveries.c.notification_id
    )
    event = sa.and_(events.c.tenant == notifications.c.tenant, events.c.id == notifications.c.event_id)
    found = (
        sa.select(events.c.type, notifications.c.recipient, queue.c.channel, queue.c.lane)
        .select_from(queue.join(deliveries, delivery).join(notifications, notification).join(events, event))
        .where(queue.c.due_at <= now, queue.c.channel.in_(sorted(channels)))
    )
    counted = Counter(
        (type, recipient, channel)
        for type, recipient, channel, lane in conn.execute(found)
        if not {(channel, ""), (channel, lane)} & paused
    )
    return [(*about, n) for about, n in sorted(counted.items())]


def _counted(number: int, one: str, many: str, what: str = "") -> str:
    return f"{number} {one if number == 1 else many} {what}".rstrip()


# ── The inbox ────────────────────────────────────────────────────────────────────────────────────────────


def items(conn: Connection, tenant: str, since: datetime) -> list[Decided]:
    """What everybody has in the inbox of what was emitted since, read or not, the oldest first."""
    found = records.decided(conn, tenant, None, since, None, _MOST)
    return [one for one in found if one.record.visible and one.record.withdrawn_at is None]


def in_inboxes(clarion: Clarion, tenant: str, since: datetime, *, but: Collection[UUID]) -> list[Told]:
    """The same, in words; `but` these items."""

    def read(conn: Connection) -> tuple[list[Decided], dict[str, Recipient]]:
        shown = [one for one in items(conn, tenant, since) if one.record.id not in but]
        whose = {(tenant, one.record.recipient) for one in shown}
        return shown, people.read(conn, sorted(whose), ())[tenant].recipients if shown else {}

    shown, known = clarion.database.read(read)
    return [_told(clarion, one, known.get(one.record.recipient)) for one in shown]


def _told(clarion: Clarion, one: Decided, recipient: Recipient | None) -> Told:
    event, record = one.event, one.record
    recipient = recipient or Recipient(id=record.recipient, known=False)
    locale = clarion.renderer.locale(recipient.locale)
    content = clarion.renderer.render(
        event,
        clarion.types[event.type],
        channel=INBOX,
        reason=record.reason,
        locale=locale,
        severity=record.severity,
        recipient=recipient,
    )
    return Told(
        id=record.id,
        recipient=record.recipient,
        type=event.type,
        channel=INBOX,
        address=None,
        title=content.title,
        text=content.text,
        html=content.html,
        url=clarion.renderer.url(event),
        reason=record.reason,
        severity=record.severity,
        locale=locale,
        attempt=1,
        at=record.decided_at or record.created_at,
        event=event,
    )
