"""The whole way of an event by hand: emitted in a commit of its own, walked with a hundred others, its deliveries claimed and settled.

The least that our tables ask for: nothing is decided, nothing asked again, no question kept, and whoever dies in the
middle is not noticed. `Floor` has the rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks import history as past
from benchmarks.floors import Floor
from clarion import ids
from clarion.store import schema as s
from clarion.store.types import to_micros

BATCH = 100

_PG_DUE = """
UPDATE clarion_events SET due_at = NULL, walked_at = now(), walks = walks + 1
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM clarion_events WHERE tenant = 'default' AND due_at <= now() AND losses = 0
    ORDER BY due_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED))
RETURNING id, "to", thread"""

_PG_TELL = """
WITH made AS (
    SELECT b.*, a.id AS address
    FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::uuid[]) AS b(event, recipient, thread, told, delivery)
    JOIN clarion_addresses a ON a.tenant = 'default' AND a.recipient = b.recipient AND a.channel = 'email'),
told AS (
    INSERT INTO clarion_notifications
        (tenant, id, event_id, recipient, thread, place, reason, severity, question, visible, gates, created_at)
    SELECT 'default', told, event, recipient, thread, told, 'direct', 0, 0, FALSE, 0, now() FROM made),
sent AS (
    INSERT INTO clarion_deliveries (tenant, id, notification_id, channel, address_id, created_at, expires_at)
    SELECT 'default', delivery, told, 'email', address, now(), now() + interval '3 days' FROM made)
INSERT INTO clarion_queue (tenant, delivery_id, channel, lane, priority, due_at, claims, attempts, losses, cancelled)
SELECT 'default', delivery, 'email', %s, 0, now(), 0, 0, 0, FALSE FROM made"""

_LITE_DUE = (
    'SELECT id, "to", thread FROM clarion_events'
    " WHERE tenant = 'default' AND due_at <= ? AND due_at IS NOT NULL AND losses = 0 ORDER BY due_at LIMIT ?"
)
_LITE_ADDRESS = (
    "SELECT id FROM clarion_addresses WHERE tenant = 'default' AND recipient = ? AND channel = 'email'"
)
_LITE_TELL = (
    """INSERT INTO clarion_notifications
        (tenant, id, event_id, recipient, thread, place, reason, severity, question, visible, gates, created_at)
    VALUES ('default', ?, ?, ?, ?, ?, 'direct', 0, 0, 0, 0, ?)""",
    """INSERT INTO clarion_deliveries (tenant, id, notification_id, channel, address_id, created_at, expires_at)
    VALUES ('default', ?, ?, 'email', ?, ?, ?)""",
    """INSERT INTO clarion_queue
        (tenant, delivery_id, channel, lane, priority, due_at, claims, attempts, losses, cancelled)
    VALUES ('default', ?, 'email', ?, 0, ?, 0, 0, 0, 0)""",
    "UPDATE clarion_events SET due_at = NULL, walked_at = ?, walks = walks + 1 WHERE tenant = 'default' AND id = ?",
)


def emit(floor: Floor, *recipients: str) -> None:
    """One event to these recipients, in a transaction of its own."""
    floor.insert(s.events, [event_row(floor.on.postgresql, recipients)])


def event_row(postgresql: bool, recipients: Sequence[str]) -> dict[str, Any]:
    """As an emit of a little data stores it."""
    now, id = datetime.now(UTC), ids.uuid7()
    at: Any = now if postgresql else to_micros(now)
    return {
        "tenant": "default",
        "id": id if postgresql else id.hex,
        "type": "bench.happened",
        "subject": "cl/1",
        "thread": "cl/1",
        "to": json.dumps([["direct", list(recipients)]]),
        "tags": "[]",
        "data": '{"text": "Looks good to me"}',
        "emitted_at": at,
        "at": at,
        "due_at": at,
        "correlation_id": id.hex,
        "body_hash": id.hex,
    }


def walk(floor: Floor) -> int:
    """Tell whom a batch of due events is for, in one transaction; how many events."""
    return _walk_postgresql(floor) if floor.on.postgresql else _walk_sqlite(floor)


def send(floor: Floor) -> int:
    """Claim and settle a batch; how many deliveries."""
    claimed = floor.claim(past.LANE, BATCH)
    if claimed:
        floor.settle(claimed)
    return len(claimed)


def _walk_postgresql(floor: Floor) -> int:
    with floor.conn.transaction():
        due = floor.conn.execute(_PG_DUE, (BATCH,)).fetchall()
        made = [(id, who, thread, ids.uuid7(), ids.uuid7()) for id, to, thread in due for who in _whom(to)]
        if made:
            floor.conn.execute(_PG_TELL, (*map(list, zip(*made, strict=True)), past.LANE))
    return len(due)


def _walk_sqlite(floor: Floor) -> int:
    now = to_micros(datetime.now(UTC))
    later = now + 3 * 86_400_000_000
    conn = floor.conn
    conn.execute("BEGIN IMMEDIATE")
    due = conn.execute(_LITE_DUE, (now, BATCH)).fetchall()
    rows: tuple[list[Sequence[Any]], ...] = ([], [], [], [])
    for event, to, thread in due:
        for recipient in _whom(to):
            told, delivery = ids.uuid7().hex, ids.uuid7().hex
            (address,) = conn.execute(_LITE_ADDRESS, (recipient,)).fetchone()
            rows[0].append((told, event, recipient, thread, told, now))
            rows[1].append((delivery, told, address, now, later))
            rows[2].append((delivery, past.LANE, now))
        rows[3].append((now, event))
    for statement, some in zip(_LITE_TELL, rows, strict=True):
        conn.executemany(statement, some)
    conn.execute("COMMIT")
    return len(due)


def _whom(to: str) -> list[str]:
    """The recipients of an audience as it is stored."""
    return [who for _, people in json.loads(to) for who in people]
