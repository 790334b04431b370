"""Counts of an event: true at every moment, in one statement, whatever its size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from clarion import Active, Clarion, Everyone, InvalidInput, Reject, Role, clock, ids
from clarion.store import counts
from clarion.store.counts import Counts
from clarion.store.database import Database
from clarion.store.schema import events, notifications, outcomes, queue
from tests.store.make import delivery_ids, person, told
from tests.support.groups import settle
from tests.support.working import Wire, done, emit, limits, until, working


def plain(counted: Counts | None) -> dict[str, Any]:
    """What is not nothing."""
    assert counted is not None
    return {name: value for name, value in dataclasses.asdict(counted).items() if value}


def holds_together(counted: Counts) -> None:
    assert counted.total == counted.told + counted.suppressed
    assert counted.inbox <= counted.told
    assert counted.held <= counted.waiting
    ends = counted.sent + counted.failed + counted.dropped + counted.cancelled
    assert counted.deliveries == counted.waiting + counted.sending + ends


def end(conn: sa.Connection, delivery: UUID, result: str, *, claim: int = 1) -> None:
    """This delivery has come to its end."""
    conn.execute(sa.delete(queue).where(queue.c.delivery_id == delivery))
    row = {"tenant": "default", "delivery_id": delivery, "claim": claim, "attempt": 1, "at": clock.now()}
    conn.execute(sa.insert(outcomes).values(**row, result=result, final=True))


def test_every_state_of_a_delivery_is_counted_once(db: Database) -> None:
    states = ["waiting", "held", "sending", "lost", "sent", "failed", "dropped", "cancelled"]

    def write(conn: sa.Connection) -> Any:
        for who in states:
            person(conn, who)
        event = told(conn, *states)
        told(conn, "sent", "failed")  # another event's are not counted
        by_name = dict(zip(states, sorted(delivery_ids(conn, event)), strict=True))
        hour = timedelta(hours=1)
        for who, changed in {
            "held": {"due_at": clock.now() + hour},
            "sending": {"lease_until": clock.now() + hour},
            "lost": {"lease_until": clock.now() - hour},
        }.items():
            conn.execute(sa.update(queue).where(queue.c.delivery_id == by_name[who]).values(**changed))
        tried = {"tenant": "default", "delivery_id": by_name["sent"], "attempt": 1, "at": clock.now()}
        conn.execute(sa.insert(outcomes).values(**tried, claim=1, result="retry", final=False))
        for who, result in (("sent", "sent"), ("failed", "failed"), ("cancelled", "cancelled")):
            end(conn, by_name[who], result, claim=2)
        end(conn, by_name["dropped"], "suppressed")
        return event

    event = db.run(write)
    counted = db.read(lambda conn: counts.read(conn, "default", event.id))
    assert plain(counted) == {
        "complete": True,
        "total": 8,
        "told": 8,
        "inbox": 8,
        "deliveries": 8,
        "waiting": 3,
        "held": 1,
        "sending": 1,
        "sent": 1,
        "failed": 1,
        "dropped": 1,
        "cancelled": 1,
    }
    assert counted is not None
    holds_together(counted)
    assert str(counted) == (
        "8 told (8 in the inbox), 0 suppressed; "
        "8 deliveries: 3 waiting (1 held), 1 sending, 1 sent, 1 failed, 1 dropped, 1 cancelled"
    )


def test_who_is_reached_by_nothing_is_suppressed(db: Database) -> None:
    """Whether that was so from the beginning, or came out when it was to be sent."""

    def write(conn: sa.Connection) -> Any:
        for who in ("a-sent", "b-failed", "c-dropped", "d-inbox", "e-taken-back"):
            person(conn, who)
        event = told(conn, "a-sent", "b-failed", "c-dropped", "d-inbox", "e-taken-back", "f-unknown")
        shown = sa.update(notifications).where(
            notifications.c.recipient.in_(["a-sent", "b-failed", "c-dropped"])
        )
        conn.execute(shown.values(visible=False))
        gone = sa.update(notifications).where(notifications.c.recipient == "e-taken-back")
        conn.execute(gone.values(withdrawn_at=clock.now()))
        results = ("sent", "failed", "suppressed", "suppressed", "cancelled")
        for id, result in zip(sorted(delivery_ids(conn, event)), results, strict=True):
            end(conn, id, result)
        return event

    event = db.run(write)
    counted = db.read(lambda conn: counts.read(conn, "default", event.id))
    ends = {"deliveries": 5, "sent": 1, "failed": 1, "dropped": 2, "cancelled": 1}
    people = {"total": 6, "told": 4, "suppressed": 2, "inbox": 1}
    assert plain(counted) == {"complete": True, **people, **ends}


def test_an_event_that_waits_or_has_failed_is_not_complete(db: Database) -> None:
    event = db.run(lambda conn: told(conn, "nobody"))
    so_far = {"total": 1, "suppressed": 1}
    assert plain(db.read(lambda conn: counts.read(conn, "default", event.id))) == {"complete": True, **so_far}
    for changed in ({"due_at": clock.now()}, {"due_at": None, "failure": "no team"}):
        db.run(lambda conn, values=changed: conn.execute(sa.update(events).values(**values)))  # type: ignore[misc]
        assert plain(db.read(lambda conn: counts.read(conn, "default", event.id))) == so_far


def test_one_statement_whatever_the_size(db: Database) -> None:
    event = db.run(lambda conn: told(conn, *(f"p{n}" for n in range(300))))
    statements: list[str] = []

    def read(conn: sa.Connection) -> Counts | None:
        sa.event.listen(conn, "before_cursor_execute", lambda *a: statements.append(a[2]))
        return counts.read(conn, "default", event.id)

    counted = db.read(read)
    assert counted is not None
    assert (counted.total, counted.suppressed, len(statements)) == (300, 300, 1)


@pytest.fixture
def clarion(database_url: str) -> Iterator[Clarion]:
    async def refuses(_message: object, address: Any) -> None:
        if address.value.startswith("bad"):
            raise Reject("no")

    made = Clarion(database_url, channels=[Wire(refuses)], limits=limits(page=50, batch=10, concurrency=2))
    made.type("system.notice", channels=["inbox", "wire"])
    yield made
    made.close()


def test_an_event_of_nobody_is_refused(clarion: Clarion) -> None:
    event = emit(clarion, "system.notice")
    with pytest.raises(InvalidInput, match=f"there is no event {event} in tenant 'other'"):
        clarion.counts(event, tenant="other")
    with pytest.raises(InvalidInput, match="there is no event"):
        clarion.counts(ids.uuid7())


@pytest.mark.anyio
async def test_a_broadcast_counts_truthfully_at_every_moment(clarion: Clarion) -> None:
    """To chosen people, a role and everyone active in 30 days; some refuse, some cannot be reached."""
    names = [f"p{n:03}" for n in range(200)]
    for name in names[:60]:
        clarion.recipients.upsert(name, addresses={"wire": f"{'bad' if name < 'p010' else 'good'}-{name}"})
    settle(clarion, names[60:], seen=timedelta(days=1))
    settle(clarion, ["old"], seen=timedelta(days=31))
    settle(clarion, ["root"], roles=["admin"])
    for name in names[:60]:
        clarion.recipients.seen(name)
    clarion.recipients.upsert("mute", enabled=False)
    to: list[Any] = ["mute", "nobody", Role("admin"), Active(days=30)]
    event = emit(clarion, "system.notice", to=to)
    seen = [clarion.counts(event)]
    async with working(clarion):
        while not done(clarion):
            seen.append(clarion.counts(event))
            await until(lambda: clarion.counts(event) != seen[-1] or done(clarion))
    seen.append(clarion.counts(event))
    for counted in seen:
        holds_together(counted)
    assert plain(seen[0]) == {}
    assert len({counted.total for counted in seen}) > 2, "too quick to see anything"
    people = {"total": 203, "told": 201, "suppressed": 2, "inbox": 201}
    assert plain(seen[-1]) == {"complete": True, **people, "deliveries": 60, "sent": 50, "failed": 10}
    assert clarion.counts(emit(clarion, "system.notice", to=[Everyone()])).complete is False
