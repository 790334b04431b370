"""Recipients in bulk, by two processes from both ends, beside fan-outs with a cooldown to the very same people."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from clarion import Clarion
from clarion.gates import names_in
from clarion.store.schema import addresses, events, notifications, preference_changes, preferences
from tests.support import enrolling
from tests.support.working import await_true, count, done, emit, no_duplicates, subscribed

PEOPLE, TURNS, THREADS, EVENTS = 5000, 2, 2, 4


def test_bulk_upserts_and_charging_fan_outs_side_by_side(
    database: str, database_url: str, tmp_path: Path
) -> None:
    """Nobody waits for another in a circle; everybody is as written last, and told once for each thread."""
    clarion = enrolling.application(database_url)
    clarion.start()
    ids = [f"p{n:05}" for n in range(PEOPLE)]
    clarion.database.run(lambda conn: subscribed(conn, "repo", ids))
    clarion.recipients.upsert_many({"id": id} for id in ids[: PEOPLE // 2])
    before = _deadlocks(clarion.database.engine) if database == "postgresql" else 0

    with enrolling.beside(
        database_url, writers=2, workers=2, count=PEOPLE, turns=TURNS, logs=tmp_path
    ) as writing:
        for n in range(EVENTS):
            emit(clarion, "told", topic="repo", thread=f"cl/{n % THREADS}")
        for process in writing:
            process.join(enrolling.PATIENCE)
            assert process.exitcode == 0
        await_true(lambda: done(clarion), within=enrolling.PATIENCE)

    assert [(path.name, path.read_text()) for path in tmp_path.glob("*.log") if path.read_text()] == []
    if database == "postgresql":
        assert _deadlocks(clarion.database.engine) == before, "retried, but it was one"

    last = TURNS - 1
    assert count(clarion, addresses) == 2 * PEOPLE
    assert count(clarion, preferences) == PEOPLE
    assert count(clarion, preference_changes) == PEOPLE, "what changes nothing is no history"
    for n in range(0, PEOPLE, 499):
        said = clarion.recipients.said(ids[n])
        assert said.recipient.name == f"{ids[n]} of turn {last}"
        assert said.addresses == {"wire": (f"{ids[n]}-{last}@a.test", f"{ids[n]}@a.test")}
        assert said.roles == ("everybody", f"turn-{last}")

    assert count(clarion, notifications) == PEOPLE * EVENTS
    told, gates = _told(clarion)
    assert set(told.values()) == {1}, "once for each thread"
    assert {(id, f"cl/{n}") for id in ids[: PEOPLE // 2] for n in range(THREADS)} <= set(told)
    assert gates <= {"cooldown", "active", "reachable"}
    no_duplicates(clarion)
    clarion.close()


def _told(clarion: Clarion) -> tuple[Counter[tuple[str, str]], set[str]]:
    """How often each recipient has an item of each thread, and every gate that refused somebody."""
    chosen = sa.select(
        notifications.c.recipient, events.c.thread, notifications.c.visible, notifications.c.gates
    ).join(events, events.c.id == notifications.c.event_id)
    rows = clarion.database.read(lambda conn: conn.execute(chosen).all())
    gates = {name for bits in {row.gates for row in rows} for name in names_in(bits)}
    return Counter((row.recipient, row.thread) for row in rows if row.visible), gates


def _deadlocks(engine: sa.Engine) -> int:
    """How many the server has resolved in this database; it counts them within a second or so."""
    import time

    time.sleep(1.5)
    asked = sa.text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    with engine.connect() as conn:
        return int(conn.execute(asked).scalar_one())
