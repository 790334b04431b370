"""What was sent leaves the queue and is written down, fenced, however many there are."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.delivery import Claim, Outcome
from clarion.delivery import sent as sent_outcome
from clarion.store import queue, sent
from clarion.store.database import Database
from clarion.store.schema import outcomes
from clarion.store.schema import queue as queue_table
from tests.store.make import CHANNEL, person, queued, told, wait_for_a_lock

LEASE = timedelta(seconds=30)


def claimed(db: Database, number: int, tenant: str = "default") -> list[Claim]:
    def write(conn: Connection) -> None:
        who = [f"p{n:03}" for n in range(number)]
        for id in who:
            person(conn, id, tenant)
        told(conn, *who, tenant=tenant)

    db.run(write)
    return db.run(lambda conn: queue.claim_due(conn, CHANNEL, most=number, each=number, lease=LEASE))


def outcome(n: int) -> Outcome:
    return sent_outcome(f'250 "queued" as \\{n}' if n % 2 else None, timedelta(milliseconds=1.9 + n))


def written(conn: Connection) -> dict[object, sa.Row[tuple[object, ...]]]:
    return {row.delivery_id: row for row in conn.execute(sa.select(outcomes))}


def test_all_are_taken_out_and_written(db: Database) -> None:
    claims = claimed(db, 20) + claimed(db, 3, "other")
    ended = [(claim, outcome(n)) for n, claim in enumerate(claims)]
    kept, at = db.run(lambda conn: sent.write(conn, ended[::-1]))
    assert sorted(kept) == list(range(23))
    assert db.read(queued) == {}
    rows = db.read(written)
    for claim, came in ended:
        row = rows[claim.delivery_id]
        assert (row.tenant, row.claim, row.attempt) == (claim.tenant, 1, 1)
        assert (row.result, row.final) == ("sent", True)
        assert (row.receipt, row.code, row.detail, row.at) == (came.receipt, None, None, at)
        assert row.duration_ms == int(came.duration.total_seconds() * 1000)


def test_what_is_under_a_later_claim_stays(db: Database) -> None:
    claims = claimed(db, 4)
    later = sa.update(queue_table).where(queue_table.c.delivery_id == claims[1].delivery_id)
    db.run(lambda conn: conn.execute(later.values(claims=queue_table.c.claims + 1)))
    kept, _ = db.run(lambda conn: sent.write(conn, [(claim, outcome(0)) for claim in claims]))
    assert sorted(kept) == [0, 2, 3]
    assert set(db.read(queued)) == {claims[1].delivery_id}
    assert set(db.read(written)) == {claims[n].delivery_id for n in (0, 2, 3)}
    both = [(claims[1], outcome(0)), (claims[1]._replace(fence=2), outcome(1))]
    assert db.run(lambda conn: sent.write(conn, both))[0] == [1], "of two claims of one, the newer"


def test_nothing_that_is_still_there_is_nothing(db: Database) -> None:
    claims = claimed(db, 2)
    gone = [(claim._replace(fence=9), outcome(0)) for claim in claims]
    assert db.run(lambda conn: sent.write(conn, gone))[0] == []
    assert db.read(written) == {}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_somebody_else_is_just_changing_is_waited_for(db: Database) -> None:
    claims = claimed(db, 3)
    marked, go_on = threading.Event(), threading.Event()

    def mark(conn: Connection) -> None:
        its = queue_table.c.delivery_id == claims[1].delivery_id
        conn.execute(sa.update(queue_table).where(its).values(cancelled=True))
        marked.set()
        assert go_on.wait(60)

    changing = threading.Thread(target=db.run, args=(mark,))
    changing.start()
    assert marked.wait(60)
    kept: list[int] = []
    ending = threading.Thread(
        target=lambda: kept.extend(
            db.run(lambda conn: sent.write(conn, [(claim, outcome(0)) for claim in claims]))[0]
        )
    )
    ending.start()
    wait_for_a_lock(db)
    go_on.set()
    changing.join(60)
    ending.join(60)
    assert sorted(kept) == [0, 1, 2]
    assert db.read(queued) == {}
    assert set(db.read(written)) == {claim.delivery_id for claim in claims}
