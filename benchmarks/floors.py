"""What the driver alone does on the same tables: the floors that our own functions are compared with.

Statements written by hand, without lanes, types or values of ours; just as durable.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from benchmarks.common import Opened
from clarion import ids
from clarion.event import Event
from clarion.store import schema as s
from clarion.store.types import to_micros

_PG_CLAIM = """
UPDATE clarion_queue SET claims = claims + 1, lease_until = now() + interval '30 s'
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM clarion_queue WHERE channel = 'email' AND losses = 0 AND lane = %s AND priority = 0
    AND due_at <= now() AND (lease_until IS NULL OR lease_until <= now())
    ORDER BY due_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED))
RETURNING tenant, delivery_id, claims, attempts"""

_PG_SETTLE = """
WITH gone AS (
    DELETE FROM clarion_queue q USING unnest(%s::uuid[], %s::int[]) AS b(id, fence)
    WHERE q.tenant = 'default' AND q.delivery_id = b.id AND q.claims = b.fence RETURNING q.*)
INSERT INTO clarion_outcomes (tenant, delivery_id, claim, attempt, at, result, final, duration_ms, receipt)
SELECT tenant, delivery_id, claims, attempts + 1, now(), 'sent', true, 12, '250 queued' FROM gone"""

_LITE_CLAIM = """
UPDATE clarion_queue SET claims = claims + 1, lease_until = :lease
WHERE rowid IN (
    SELECT rowid FROM clarion_queue WHERE channel = 'email' AND losses = 0 AND lane = :lane AND priority = 0
    AND due_at <= :now AND (lease_until IS NULL OR lease_until <= :now) ORDER BY due_at LIMIT :most)
RETURNING tenant, delivery_id, claims, attempts"""

_LITE_DELETE = "DELETE FROM clarion_queue WHERE tenant = ? AND delivery_id = ? AND claims = ?"
_LITE_OUTCOME = (
    "INSERT INTO clarion_outcomes (tenant, delivery_id, claim, attempt, at, result, final, duration_ms, receipt)"
    " VALUES (?, ?, ?, ?, ?, 'sent', 1, 12, '250 queued')"
)


class Floor:
    """Claim, settle, emit and write rows with one raw connection."""

    def __init__(self, on: Opened) -> None:
        self.on = on
        self.conn = on.raw()

    def close(self) -> None:
        self.conn.close()

    def claim(self, lane: str, most: int) -> list[tuple[Any, ...]]:
        if self.on.postgresql:
            with self.conn.transaction():
                rows: list[tuple[Any, ...]] = self.conn.execute(_PG_CLAIM, (lane, most)).fetchall()
            return rows
        now = datetime.now(UTC)
        values = {
            "now": to_micros(now),
            "lease": to_micros(now + timedelta(seconds=30)),
            "lane": lane,
            "most": most,
        }
        self.conn.execute("BEGIN IMMEDIATE")
        rows = self.conn.execute(_LITE_CLAIM, values).fetchall()
        self.conn.execute("COMMIT")
        return rows

    def settle(self, claimed: Sequence[tuple[Any, ...]]) -> None:
        if self.on.postgresql:
            with self.conn.transaction():
                self.conn.execute(_PG_SETTLE, ([row[1] for row in claimed], [row[2] for row in claimed]))
            return
        now = to_micros(datetime.now(UTC))
        self.conn.execute("BEGIN IMMEDIATE")
        self.conn.executemany(_LITE_DELETE, [row[:3] for row in claimed])
        self.conn.executemany(_LITE_OUTCOME, [(*row[:3], row[3] + 1, now) for row in claimed])
        self.conn.execute("COMMIT")

    def insert(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        """Rows of the driver's own values, in a transaction of their own, one statement."""
        names = list(rows[0])
        quoted = ", ".join(f'"{name}"' for name in names)
        if self.on.postgresql:
            marks = ", ".join(["%s"] * len(names))
            with self.conn.transaction():
                self.conn.execute(
                    f"INSERT INTO {table.name} ({quoted}) VALUES ({marks})", list(rows[0].values())
                )
            return
        marks = ", ".join("?" * len(names))
        self.conn.execute("BEGIN IMMEDIATE")
        self.conn.execute(f"INSERT INTO {table.name} ({quoted}) VALUES ({marks})", list(rows[0].values()))
        self.conn.execute("COMMIT")

    def copy(self, tables: Sequence[tuple[sa.Table, Sequence[str], Sequence[Sequence[Any]]]]) -> None:
        """Many rows of several tables in one transaction, by COPY or a prepared statement."""
        if self.on.postgresql:
            with self.conn.transaction(), self.conn.cursor() as cursor:
                for table, names, rows in tables:
                    quoted = ", ".join(f'"{name}"' for name in names)
                    with cursor.copy(f"COPY {table.name} ({quoted}) FROM STDIN") as copy:
                        for row in rows:
                            copy.write_row(row)
            return
        self.conn.execute("BEGIN IMMEDIATE")
        for table, names, rows in tables:
            quoted, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
            self.conn.executemany(f"INSERT INTO {table.name} ({quoted}) VALUES ({marks})", rows)
        self.conn.execute("COMMIT")


def again(floor: Floor, event: Event, page: int) -> float:
    """The seconds that the driver takes to write the rows that this event made once more, in pages: made
    beforehand, nothing is read."""
    lite = not floor.on.postgresql
    if not lite:  # of tables that were never analysed it would look up each row in all of the others
        floor.conn.execute("SET enable_nestloop = off")
    written = [_rows_of(floor, table, event) for table in _WRITTEN]
    if not lite:
        floor.conn.commit()
    minted: dict[Any, Any] = {}

    def mint(old: Any) -> Any:
        if old not in minted:
            minted[old] = ids.uuid7().hex if lite else ids.uuid7()
        return minted[old]

    for _, names, rows in written:
        for name in _MINTED & set(names):
            at = names.index(name)
            for row in rows:
                row[at] = mint(row[at])
        if "key" in names:
            for row in rows:
                row[names.index("key")] += f" {event.id}"
    begun = time.perf_counter()
    for start in range(0, len(written[0][2]), page):
        floor.copy([(table, names, rows[start : start + page]) for table, names, rows in written])
    return time.perf_counter() - begun


_WRITTEN = (s.notifications, s.deliveries, s.queue, s.slots, s.unnumbered_changes)
_MINTED = {"id", "place", "notification_id", "delivery_id", "event_id", "holder", "row_id"}


def _rows_of(floor: Floor, table: sa.Table, event: Event) -> tuple[sa.Table, list[str], list[list[Any]]]:
    """The rows of this event in one of the tables that fan-out writes."""
    n, d = s.notifications, s.deliveries
    ours = sa.select(n.c.id).where(n.c.tenant == event.tenant, n.c.event_id == event.id)
    of_event = {
        n: sa.and_(n.c.tenant == event.tenant, n.c.event_id == event.id),
        d: d.c.notification_id.in_(ours),
        s.queue: s.queue.c.delivery_id.in_(sa.select(d.c.id).where(d.c.notification_id.in_(ours))),
        s.slots: s.slots.c.holder.in_(ours),
        s.unnumbered_changes: s.unnumbered_changes.c.row_id.in_(ours),
    }[table]
    columns = [column for column in table.c if column is not s.unnumbered_changes.c.id]
    statement = sa.select(*columns).where(of_event).order_by(*table.primary_key.columns)
    dialect = floor.on.database.engine
    sql = statement.compile(dialect, compile_kwargs={"literal_binds": True})
    found = floor.conn.execute(str(sql)).fetchall()
    return table, [column.name for column in columns], [list(row) for row in found]
