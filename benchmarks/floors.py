"""What the driver alone does on the same tables: the floors that our own functions are compared with.

Statements written by hand, without lanes, types or values of ours; just as durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from benchmarks.common import Opened
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
        self._on = on
        self.conn = on.raw()

    def close(self) -> None:
        self.conn.close()

    def claim(self, lane: str, most: int) -> list[tuple[Any, ...]]:
        if self._on.postgresql:
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
        if self._on.postgresql:
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
        if self._on.postgresql:
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
        if self._on.postgresql:
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
