"""Fan-out: everybody once, with the strongest reason, page by page, and nobody waits for a slow one."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Address, Clarion, Event, Policy, Retries
from clarion.store.schema import events, notifications
from tests.support.working import (
    Wire,
    count,
    done,
    emit,
    emit_many,
    gate,
    people,
    subscribed,
    until,
    working,
)
from tests.workers.conftest import SOON, Make

pytestmark = pytest.mark.anyio


def reasons(clarion: Clarion, event: Any) -> dict[str, str]:
    return {told.recipient: told.reason for told in clarion.status(event)}


def failure(clarion: Clarion, event: Any) -> str | None:
    chosen = sa.select(events.c.failure).where(events.c.id == event)
    return clarion.database.read(lambda conn: conn.execute(chosen).scalar())


def follow(clarion: Clarion, topic: str, number: int, prefix: str = "p") -> list[str]:
    """A topic with so many followers, without rows of their own."""
    ids = [f"{prefix}{n:05}" for n in range(number)]

    def write(conn: sa.Connection) -> None:
        subscribed(conn, topic, ids)

    clarion.database.run(write)
    return ids


async def test_the_strongest_reason_wins_across_sources_and_pages(make: Make) -> None:
    clarion = make(page=7)

    @clarion.type("cl.updated", channels=["inbox"])
    def audience(event: Event, _app: object) -> Iterator[tuple[str, list[str]]]:
        yield "participant", [f"p{n:05}" for n in range(10, 40)]
        yield "mention", ["p00012", "p00033", "only-mentioned"]

    follow(clarion, "repo", 50)
    event = emit(
        clarion,
        "cl.updated",
        actor="p00001",
        to={"reviewer": ["p00005", "p00012", "p00045"], "author": ["p00045", "p00020"]},
        topic="repo",
    )
    async with working(clarion):
        await until(lambda: done(clarion))
    found = reasons(clarion, event)
    assert len(found) == 51
    expected = dict.fromkeys((f"p{n:05}" for n in range(50)), "subscribed")
    expected |= dict.fromkeys((f"p{n:05}" for n in range(10, 40)), "participant")
    expected |= {"p00020": "author", "p00005": "reviewer", "p00045": "reviewer"}
    expected |= {"p00012": "mention", "p00033": "mention", "only-mentioned": "mention"}
    assert found == expected


async def test_everybody_in_the_audience_has_a_decision(make: Make, wire: Wire) -> None:
    """Also who is unknown, inactive, has no address, or did it; and an actor where the type tells them."""
    clarion = make(wire)
    clarion.type("own", channels=["inbox"], policy=Policy(tell_actor=True))
    people(clarion, "alice", "bob")
    clarion.recipients.upsert("gone", active=False, addresses={"wire": "g@a.test"})
    clarion.recipients.upsert("mute")
    to = ["alice", "bob", "gone", "mute", "nobody", Address("wire", "new@x.test")]
    event, own = emit_many(
        clarion, [("note", {"actor": "alice", "to": to}), ("own", {"actor": "alice", "to": ["alice"]})]
    )
    async with working(clarion):
        await until(lambda: done(clarion))
    found = {
        who: (gate(clarion, event, who, "inbox"), gate(clarion, event, who))
        for who in reasons(clarion, event)
    }
    assert found == {
        "alice": ("actor", "actor"),
        "bob": ("told", "told"),
        "gone": ("active", "active"),
        "mute": ("told", "reachable"),
        "nobody": ("active", "active"),
        "wire:new@x.test": ("reachable", "told"),
    }
    assert "no recipient of this id" in clarion.why(event, "nobody").channels[0].sentence
    assert gate(clarion, own, "alice", "inbox") == "told"


async def test_a_huge_topic_does_not_delay_a_small_event(make: Make) -> None:
    clarion = make(page=50)
    follow(clarion, "everything", 3000)
    people(clarion, "bob")
    huge = [emit(clarion, "note", topic="everything") for _ in range(2)]
    async with working(clarion):
        await until(lambda: len(clarion.status(huge[0])) > 50)
        small = emit(clarion, "note", to=["bob"])
        topical = emit(clarion, "note", to=["bob"], topic="nobody-follows")
        await until(lambda: clarion.status(small) and clarion.status(topical))
        assert not any(len(clarion.status(event)) == 3000 for event in huge), "too quick to show anything"
        await until(lambda: done(clarion), within=40)
    assert [len(clarion.status(event)) for event in huge] == [3000] * 2


async def test_an_event_is_resumed_where_it_was_given_back(make: Make) -> None:
    """Stopped between pages: the next worker goes on behind the cursor at once, and tells nobody twice."""
    first, second = make(page=20), make(page=20)
    follow(first, "everything", 1500)
    event = emit(first, "note", topic="everything")
    async with working(first):
        await until(lambda: len(first.status(event)) >= 60)
    had = len(first.status(event))
    assert had < 1500
    cursor = first.database.read(lambda conn: conn.execute(sa.select(events.c.cursor)).scalar())
    assert json.loads(cursor) == {"topic everything": f"p{had - 1:05}"}
    async with working(second):
        await until(lambda: done(second))
    assert len(second.status(event)) == 1500
    lost = second.database.read(lambda conn: conn.execute(sa.select(events.c.losses)).scalar())
    assert lost == 0


class Resolvers:
    """An application whose resolvers can be held, or made to fail."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.at_once: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.release = threading.Event()

    def declare(self, clarion: Clarion) -> Clarion:
        policy = Policy(retries=SOON)

        @clarion.type("hanging", channels=["inbox"], policy=policy)
        def hanging(event: Event, _app: object) -> list[tuple[str, list[str]]]:
            self.calls["hanging"] += 1
            self.at_once["hanging"] += 1
            self.most["hanging"] = max(self.most["hanging"], self.at_once["hanging"])
            self.release.wait(30)
            self.at_once["hanging"] -= 1
            return [("direct", ["bob"])]

        @clarion.type("raising", channels=["inbox"], policy=policy)
        def raising(event: Event, _app: object) -> list[tuple[str, list[str]]]:
            self.calls["raising"] += 1
            raise event.data.get("error") or LookupError(f"no team {event.data['team']!r}")

        @clarion.type("late", channels=["inbox"], policy=policy)
        def late(event: Event, _app: object) -> Iterator[tuple[str, Iterator[str]]]:
            def one_by_one() -> Iterator[str]:
                for n in range(4):
                    time.sleep(0.4)
                    yield f"late{n}"

            yield "direct", one_by_one()

        @clarion.type("plainly", channels=["inbox"], policy=policy)
        def plainly(event: Event, _app: object) -> list[tuple[str, list[str]]]:
            return [("direct", ["bob"])]

        return clarion


async def test_a_hanging_resolver_ends_failed_and_delays_nobody(make: Make) -> None:
    app = Resolvers()
    clarion = app.declare(make(application=timedelta(milliseconds=500)))
    clarion.recipients.upsert("bob")
    hanging = emit_many(clarion, [("hanging", {"to": ["bob"], "data": {"n": n}}) for n in range(25)])
    async with working(clarion):
        await until(lambda: app.calls["hanging"] >= 10)
        small, other = emit(clarion, "note", to=["bob"]), emit(clarion, "plainly")
        await until(lambda: clarion.status(small) and clarion.status(other))
        assert app.calls["hanging"] < 25 * 3 - 10, "decided while most were still to be called"
        await until(lambda: done(clarion), within=20)
        app.release.set()
    assert {failure(clarion, event) for event in hanging} == {"took longer than 0.5 s"}
    assert app.calls["hanging"] == 25 * 3
    assert "took longer than" in clarion.why(hanging[0], "bob").sentence
    assert not clarion.status(hanging[0])


async def test_a_hanging_resolver_does_not_keep_a_worker_from_stopping(make: Make) -> None:
    app = Resolvers()
    clarion = app.declare(make())
    clarion.recipients.upsert("bob")
    event = emit(clarion, "hanging")
    async with working(clarion):
        await until(lambda: app.calls["hanging"])
        began = time.monotonic()
    assert time.monotonic() - began < 5
    app.release.set()
    async with working(clarion):
        await until(lambda: done(clarion))
    assert reasons(clarion, event) == {"bob": "direct"}
    assert app.calls["hanging"] == 2


async def test_a_raising_resolver_fails_with_its_reason_and_its_neighbours_arrive(make: Make) -> None:
    app = Resolvers()
    clarion = app.declare(make())
    clarion.recipients.upsert("bob")
    batch: list[tuple[str, Any]] = [
        ("raising", {"data": {"team": "x"}}),
        ("plainly", {}),
        ("note", {"to": ["bob"]}),
    ]
    bad, good, small = emit_many(clarion, batch)
    async with working(clarion):
        await until(lambda: done(clarion))
    assert failure(clarion, bad) == "LookupError: no team 'x'"
    assert "LookupError: no team 'x'" in clarion.why(bad, "bob").sentence
    assert app.calls["raising"] == 3
    assert reasons(clarion, good) == reasons(clarion, small) == {"bob": "direct"}


@pytest.mark.parametrize(
    ("yields", "why"),
    [
        ([("direct", "bob")], "yield (reason, list of recipient ids)"),
        ([("direct", [7])], "recipients are ids (text), Address or groups"),
        (["bob"], "yield (reason, list of recipient ids)"),
        (SystemExit(3), "SystemExit: 3"),
        (StopIteration("odd"), "StopIteration: odd"),
        (sa.exc.OperationalError("of the application's", {}, Exception("database")), "OperationalError"),
        (RuntimeError("nul \0, surrogate \ud800"), "RuntimeError: nul \\x00, surrogate \\ud800"),
        ([("direct", ["nul\0"])], ""),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_whatever_a_resolver_does_wrong_is_the_events_failure(
    make: Make, yields: Any, why: str
) -> None:
    clarion = make()

    @clarion.type("wrong", channels=["inbox"], policy=Policy(retries=Retries(())))
    def wrong(event: Event, _app: object) -> Any:
        if isinstance(yields, BaseException):
            raise yields
        return yields

    event = emit(clarion, "wrong")
    async with working(clarion):
        await until(lambda: done(clarion))
    said = failure(clarion, event)
    if why:
        assert why in (said or "")
    losses = clarion.database.read(lambda conn: conn.execute(sa.select(events.c.losses)).scalar())
    assert losses == 0


async def test_a_resolver_may_take_longer_than_a_lease_in_all(make: Make) -> None:
    """Each call is bounded, and the lease is renewed between them."""
    app = Resolvers()
    clarion = app.declare(make(page=1, lease=timedelta(seconds=1)))
    event = emit(clarion, "late")
    async with working(clarion):
        await until(lambda: done(clarion))
    assert sorted(reasons(clarion, event)) == ["late0", "late1", "late2", "late3"]
    row = clarion.database.read(lambda conn: conn.execute(sa.select(events)).one())
    assert (row.losses, row.failures, row.walks) == (0, 0, 1)


async def test_many_events_with_a_quick_resolver_are_not_held_up(make: Make) -> None:
    app = Resolvers()
    clarion = app.declare(make())
    emit_many(clarion, [("plainly", {"data": {"n": n}}) for n in range(200)])
    async with working(clarion):
        await until(lambda: done(clarion))
    assert count(clarion, notifications) == 200
    failures = clarion.database.read(
        lambda conn: conn.execute(sa.select(sa.func.sum(events.c.failures))).scalar()
    )
    assert failures == 0


async def test_small_events_share_a_transaction_and_a_poisoned_one_goes_alone(make: Make) -> None:
    clarion = make()
    clarion.type("poisoned", channels=["inbox"], policy=Policy(retries=Retries(())))
    people(clarion, "bob")
    clarion.recipients.upsert("cursed")
    clarion.recipients.prefer("cursed", "*", min_severity="info")
    good = emit_many(clarion, [("note", {"to": ["bob"], "data": {"n": n}}) for n in range(10)])
    async with working(clarion):
        await until(lambda: done(clarion))
    created = {told.recipient for event in good for told in clarion.status(event)}
    assert created == {"bob"}
    written = sa.select(sa.func.count(sa.distinct(notifications.c.created_at)))
    assert clarion.database.read(lambda conn: conn.execute(written).scalar()) == 1, (
        "ten events, one transaction"
    )

    clarion.database.run(lambda conn: conn.execute(sa.text("UPDATE clarion_preferences SET channels = '5'")))
    batch: list[tuple[str, Any]] = [("note", {"to": ["bob"], "data": {"again": n}}) for n in range(10)]
    *good, bad = emit_many(clarion, [*batch, ("poisoned", {"to": ["cursed"]})])
    async with working(clarion):
        await until(lambda: done(clarion))
    assert [reasons(clarion, event) for event in good] == [{"bob": "direct"}] * 10
    assert "TypeError" in (failure(clarion, bad) or "")


def transactions(clarion: Clarion, events: Collection[Any]) -> list[datetime]:
    """When these were decided on: one instant for each transaction, the first one first."""
    written = sa.select(notifications.c.created_at).where(notifications.c.event_id.in_(events)).distinct()
    return sorted(clarion.database.read(lambda conn: conn.execute(written).scalars().all()))


async def test_behind_small_events_come_many_more_at_once(make: Make) -> None:
    clarion = make()
    people(clarion, "bob")
    sent = emit_many(clarion, [("note", {"to": ["bob"], "data": {"n": n}}) for n in range(225)])
    async with working(clarion):
        await until(lambda: done(clarion))
    assert count(clarion, notifications) == 225
    assert len(transactions(clarion, sent)) == 2, "a few to see what they are, and all the others"


async def test_a_loud_tenant_keeps_no_other_waiting(make: Make) -> None:
    clarion = make()
    clarion.recipients.upsert("bob")
    clarion.recipients.upsert("eve", tenant="quiet")
    loud = emit_many(clarion, [("note", {"to": ["bob"], "data": {"n": n}}) for n in range(1200)])
    quiet = emit(clarion, "note", tenant="quiet", to=["eve"])
    async with working(clarion):
        await until(lambda: done(clarion))
    (at,) = transactions(clarion, [quiet])
    assert at < transactions(clarion, loud)[2], "not behind all that is due of the other"


async def test_one_poisoned_event_costs_its_many_neighbours_little(make: Make) -> None:
    clarion = make()
    clarion.type("poisoned", channels=["inbox"], policy=Policy(retries=Retries(())))
    people(clarion, "bob")
    clarion.recipients.upsert("cursed")
    clarion.recipients.prefer("cursed", "*", min_severity="info")
    clarion.database.run(lambda conn: conn.execute(sa.text("UPDATE clarion_preferences SET channels = '5'")))
    batch: list[tuple[str, Any]] = [("note", {"to": ["bob"], "data": {"n": n}}) for n in range(225)]
    batch.insert(150, ("poisoned", {"to": ["cursed"]}))
    sent = emit_many(clarion, batch)
    bad = sent.pop(150)
    async with working(clarion):
        await until(lambda: done(clarion))
    assert count(clarion, notifications) == 225
    assert "TypeError" in (failure(clarion, bad) or "")
    assert len(transactions(clarion, sent)) < 40, "all but its nearest neighbours are decided on together"


async def test_nothing_is_decided_before_it_is_due(make: Make, travel: Any) -> None:
    clarion = make()
    clarion.recipients.upsert("bob")
    event = emit(clarion, "note", to=["bob"], at=datetime.now(UTC) + timedelta(hours=1))
    async with working(clarion):
        now = emit(clarion, "note", to=["bob"])
        await until(lambda: clarion.status(now))
        assert not clarion.status(event)
        travel(timedelta(hours=1))
        await until(lambda: clarion.status(event))
