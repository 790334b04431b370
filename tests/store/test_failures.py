"""Reading what failed costs as much as is looked at, however much has failed, and whatever the planners know."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
import sqlalchemy as sa

from clarion import clock
from clarion.ids import uuid7
from clarion.store import failures, inserting
from clarion.store.database import Database
from clarion.store.schema import deliveries, outcomes

NUMBER = 3000


def failed(db: Database) -> None:
    """Deliveries that failed or were sent, one of them gone since."""
    now = clock.now()
    ids = [uuid7() for _ in range(NUMBER)]
    names = ("tenant", "id", "notification_id", "channel", "address_id", "created_at", "expires_at")
    told = [("default", id, uuid7(), "email", uuid7(), now, now) for id in ids[1:]]
    columns = ("tenant", "delivery_id", "claim", "attempt", "at", "result", "final", "code")
    ended = [
        ("default", id, 1, 1, now - timedelta(seconds=n), "sent" if n % 2 else "failed", True, None)
        for n, id in enumerate(ids)
    ]
    db.run(lambda conn: inserting.many(conn, deliveries, names, told))
    db.run(lambda conn: inserting.many(conn, outcomes, columns, ended))


@pytest.mark.parametrize("analysed", [False, True])
def test_the_newest_are_found_by_their_index_and_channels_by_their_keys(db: Database, analysed: bool) -> None:
    failed(db)
    if analysed:
        db.run(lambda conn: conn.execute(sa.text("ANALYZE")))
    plans: list[str] = []

    def explaining(
        conn: sa.Connection, _cursor: object, statement: str, parameters: object, *_: object
    ) -> tuple[str, object]:
        words = "EXPLAIN" if conn.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        with closing(conn.connection.cursor()) as cursor:
            cursor.execute(f"{words} {statement}", parameters)
            plans.extend(str(row) for row in cursor.fetchall())
        return statement, parameters

    def read(conn: sa.Connection) -> failures.Failures:
        sa.event.listen(conn, "before_cursor_execute", explaining, retval=True)
        now = clock.now()
        return failures.read(conn, "default", now - timedelta(hours=2), now, channel=None, most=50)

    found = db.read(read)
    assert (found.looked_at, found.more) == (50, True)
    assert [(group.channel, group.number) for group in found.groups] == [("email", 49), ("", 1)]
    plan = "\n".join(plans)
    assert "Seq Scan" not in plan, plan
    assert "SCAN clarion" not in plan, plan
    assert "ix_clarion_outcomes_failed" in plan, plan
    assert "Sort" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan
