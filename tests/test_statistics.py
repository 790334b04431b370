"""Statistics over time, as workers write them beside what they do, and what stands now, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion, Cooldown, Down, InvalidInput, Policy, Reject, Retries, Retry, clock, tally
from clarion.delivery import Claim, Outcome, given_back, held, not_sent, sent
from clarion.ids import uuid7
from clarion.message import Message
from clarion.recipient import Address
from clarion.severity import Severity
from clarion.slot import FREE
from clarion.store import inserting, outcomes, pruning, queue, tallies, waiting
from clarion.store.notifications import QUEUE
from clarion.store.notifications import waiting as waiting_row
from clarion.store.outcomes import Settlement
from clarion.store.pruning import Round, Tally
from clarion.store.schema import queue as queue_table
from clarion.store.schema import tallies as folded
from clarion.store.schema import unfolded_tallies
from clarion.tally import Numbers
from tests.store import make as make_
from tests.store.make import CHANNEL
from tests.support.working import Wire, count, done, emit, limits, people, until, working

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
LEASE = timedelta(seconds=30)
SENT = sent("ok", timedelta(milliseconds=3))
ONCE = Policy(retries=Retries(waits=()))
Travel = Callable[[timedelta], None]


@pytest.fixture
def make(database_url: str, request: pytest.FixtureRequest) -> Callable[..., Clarion]:
    def application(*channels: Any, **limited: Any) -> Clarion:
        clarion = Clarion(database_url, channels=channels, limits=limits(**limited))
        request.addfinalizer(clarion.close)
        return clarion

    return application


def lately(clarion: Clarion, **more: Any) -> Any:
    return clarion.statistics(since=clock.now() - HOUR, **more)


def claims(clarion: Clarion, most: int = 100) -> list[Claim]:
    return clarion.database.run(
        lambda conn: queue.claim_due(conn, CHANNEL, most=most, each=most, lease=LEASE)
    )


def settle(clarion: Clarion, claims: Sequence[Claim], outcome: Outcome) -> None:
    assert claims
    ended = [Settlement(claim, outcome) for claim in claims]
    assert not clarion.database.run(lambda conn: outcomes.settle(conn, ended)).lost


def _waits(clarion: Clarion, *who: str) -> None:
    """Deliveries that are due, to these."""

    def write(conn: sa.Connection) -> None:
        for id in who:
            make_.person(conn, id)
        make_.told(conn, *who)

    clarion.start()
    clarion.database.run(write)


async def test_what_workers_do_is_counted_exactly(make: Callable[..., Clarion]) -> None:
    refusals = {"bob@a.test": Reject("refused", "not today"), "carol@a.test": Retry("busy")}

    async def does(_message: Message, address: Address) -> str:
        if error := refusals.pop(address.value, None):
            raise error
        return "ok"

    clarion = make(Wire(does))
    clarion.type("note", channels=["inbox", "wire"], policy=Policy(retries=Retries(waits=(timedelta(milliseconds=20),))))  # fmt: skip
    clarion.type("quiet", channels=["inbox", "wire"])
    people(clarion, "ann", "bob", "carol")
    clarion.recipients.prefer("ann", "type:quiet", channels=["inbox"])
    async with working(clarion):
        emit(clarion, "note", to=["ann", "bob", "carol"])
        emit(clarion, "quiet", to=["ann", "nobody"])
        await until(lambda: done(clarion))
        await until(lambda: not count(clarion, unfolded_tallies))  # the worker folds
        emit(clarion, "note", to=["ann"])
        await until(lambda: done(clarion))
    found = lately(clarion)
    assert found.totals.events == 3
    assert (found.totals.sent, found.totals.failed) == (3, 1)
    assert (found.totals.attempts, found.totals.retries) == (5, 1)
    assert found.latency.number == 3
    assert [(one.name, one.number) for one in found.codes] == [("busy", 1), ("refused", 1)]
    (wire,) = [one for one in found.channels if one.channel == "wire"]
    assert (wire.totals.told, wire.totals.sent, wire.totals.failed) == (4, 3, 1)
    assert {one.name: one.number for one in wire.gates} == {"active": 1, "consent": 1}
    (inbox,) = [one for one in found.channels if one.channel == "inbox"]
    assert inbox.totals == Numbers(told=5, refused=1)
    assert {one.type: one.totals.events for one in found.types} == {"note": 2, "quiet": 1}
    assert sum(point.numbers.sent for point in found.points) == 3
    assert sum(point.latency.number for point in wire.points) == 3
    only = lately(clarion, type="quiet")
    assert (only.totals.events, only.totals.sent, only.latency.number) == (1, 0, 0)
    assert lately(clarion, channel="inbox").totals == Numbers(told=5, refused=1)
    assert lately(clarion, tenant="other").totals == Numbers()


async def test_a_gate_that_refuses_is_counted_and_what_it_blocked_is_when_it_is_told(
    make: Callable[..., Clarion],
) -> None:
    """The first takes the slot and fails; whom it had stopped is told instead."""
    gate = asyncio.Event()

    async def does(message: Message, _address: Address) -> None:
        if not gate.is_set():
            await gate.wait()
            raise Reject("refused")

    clarion = make(Wire(does))
    policy = Policy(retries=Retries(waits=()), cooldown=Cooldown(minutes=15, channels=("wire",)))
    clarion.type("note", channels=["wire"], policy=policy)
    people(clarion, "ann")
    async with working(clarion):
        emit(clarion, "note", to=["ann"])
        await until(lambda: lately(clarion).totals.told == 1)
        emit(clarion, "note", to=["ann"])
        await until(lambda: lately(clarion).totals.refused == 1)
        gate.set()
        await until(lambda: lately(clarion).totals.sent == 1)
    found = lately(clarion).totals
    assert (found.told, found.refused, found.sent, found.failed) == (2, 1, 1, 1)
    assert [one.name for one in lately(clarion).gates] == ["cooldown"]


def test_time_to_delivery_counts_from_when_it_was_due_first(
    make: Callable[..., Clarion], travel: Travel
) -> None:
    """Tries that came to nothing delay it; what a gate holds is due anew."""
    clarion = make(Wire(name=CHANNEL))
    for outcome, least, most in (
        (not_sent(Down("connect"), attempt=1, claim=1, retries=Retries()), 15 * MINUTE, HOUR),
        (given_back(), 15 * MINUTE, HOUR),
        (held("quiet_hours", 40 * MINUTE), timedelta(), MINUTE),
    ):
        _waits(clarion, "ann")
        settle(clarion, claims(clarion), outcome)
        travel(40 * MINUTE + SECOND)
        settle(clarion, claims(clarion), SENT)
        point = clarion.statistics(since=clock.now() - SECOND, until=clock.now() + SECOND).latency
        assert point.number == 1
        assert point.p50 is not None
        assert least < point.p50 < most, outcome
    assert clarion.statistics(since=clock.now() - 3 * HOUR).latency.number == 3


def test_a_lost_lease_delays_it_too(make: Callable[..., Clarion], travel: Travel) -> None:
    clarion = make(Wire(name=CHANNEL))
    _waits(clarion, "ann")
    assert len(claims(clarion)) == 1
    travel(20 * MINUTE)
    assert claims(clarion) == []  # it rests
    for _ in range(2):  # and loses another one
        travel(MINUTE)
        claim = clarion.database.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=LEASE))
        assert claim is not None
        travel(MINUTE)
        assert clarion.database.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=LEASE)) is None
    travel(MINUTE)
    claim = clarion.database.run(lambda conn: queue.claim_one_lost(conn, CHANNEL, lease=LEASE))
    assert claim is not None
    settle(clarion, [claim], SENT)
    found = lately(clarion).latency
    assert found.number == 1
    assert found.p50 is not None
    assert found.p50 > 15 * MINUTE


def test_two_who_fold_at_once_fold_each_once(make: Callable[..., Clarion]) -> None:
    clarion = make()
    clarion.start()
    key = ("default", 29_000_000, "sent", "wire", "note", "")
    for _ in range(30):
        clarion.database.run(lambda conn: tallies.add(conn, tallies.Counts({key: 1})))

    def beside(conn: sa.Connection) -> int:
        mine = tallies.fold(conn, 10)
        if conn.dialect.name == "sqlite":  # it has one writer at a time
            return mine
        # What both add to is locked here, so that the other may only look for what is left to it.
        with clarion.database.engine.connect() as other:
            left = sa.select(sa.func.count()).select_from(
                sa.select(unfolded_tallies.c.id).with_for_update(skip_locked=True).subquery()
            )
            assert other.execute(left).scalar_one() == 20
        return mine

    assert clarion.database.run(beside) == 10
    assert clarion.database.run(tallies.fold) == 20
    assert clarion.database.run(tallies.fold) == 0
    rows = clarion.database.read(
        lambda conn: conn.execute(sa.select(folded.c.minutes, folded.c.minute, folded.c.number)).all()
    )
    assert sorted(map(tuple, rows)) == [
        (1, 29_000_000, 30),
        (15, 28_999_995, 30),
        (60, 28_999_980, 30),
        (1440, 28_998_720, 30),
    ]


def test_what_is_old_goes_grain_by_grain(make: Callable[..., Clarion], travel: Travel) -> None:
    clarion = make()
    clarion.start()
    key = ("default", tally.minute_of(clock.now()), "sent", "wire", "note", "")
    clarion.database.run(lambda conn: tallies.add(conn, tallies.Counts({key: 1})))
    clarion.database.run(tallies.fold)
    for days, left in (
        (2, {1, 15, 60, 1440}),
        (4, {15, 60, 1440}),
        (20, {60, 1440}),
        (100, {1440}),
        (1200, set()),
    ):
        travel(timedelta(days=days))
        pruning.run(clarion.database, Round(before=clarion.retention).steps(Tally()), lambda: None)
        travel(-timedelta(days=days))
        kept = clarion.database.read(lambda conn: set(conn.execute(sa.select(folded.c.minutes)).scalars()))
        assert kept == left, days


def test_a_range_must_make_sense(make: Callable[..., Clarion]) -> None:
    clarion = make()
    clarion.start()
    now = clock.now()
    for wrong, said in (
        ({"since": now + HOUR}, "not after since"),
        ({"since": now, "until": now - HOUR}, "not after since"),
        ({"since": now - HOUR, "step": timedelta(seconds=90)}, "whole minutes"),
        ({"since": now - HOUR, "step": timedelta()}, "whole minutes"),
        ({"since": now - 48 * HOUR, "step": MINUTE}, "more than 1500 steps"),
        ({"since": datetime(1, 1, 1, tzinfo=UTC)}, "1972 to 2999"),
        ({"since": datetime(2026, 1, 1)}, "aware datetime"),  # noqa: DTZ001 - that is what is wrong
    ):
        with pytest.raises(InvalidInput, match=said):
            clarion.statistics(**wrong)  # type: ignore[arg-type]  # any of them


# ── What stands now ──────────────────────────────────────────────────────────────────────────────────────


def test_an_overview_tells_what_waits_and_when_it_is_through(
    make: Callable[..., Clarion], travel: Travel
) -> None:
    clarion = make(Wire(name=CHANNEL), Wire(name="beside"))
    clarion.start()
    assert [one.channel for one in clarion.overview().channels] == ["beside", CHANNEL]
    _waits(clarion, *(f"p{n}" for n in range(30)))
    settle(clarion, claims(clarion, 10), SENT)
    other, wire = clarion.overview().channels
    assert (wire.backlog.waiting, wire.backlog.due, wire.backlog.waiting_more) == (20, 20, False)
    assert wire.backlog.oldest is not None
    assert 10 / 6 <= wire.sent_per_minute <= 2
    assert wire.drain is not None
    assert 10 * MINUTE <= wire.drain <= 12 * MINUTE
    assert not wire.stalled
    assert (other.backlog.waiting, other.drain, other.stalled) == (0, None, False)
    travel(10 * MINUTE)
    _, wire = clarion.overview().channels
    assert (wire.drain, wire.stalled) == (None, True)
    assert clarion.overview(tenant="other").channels[1].backlog.waiting == 0


def test_a_huge_backlog_is_counted_up_to_a_bound(
    make: Callable[..., Clarion], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each channel for itself, where an index leads to its rows, so that one hides no other."""
    monkeypatch.setattr(waiting, "MOST", 10)
    apart = Wire(name="apart")
    apart.destination = lambda address: address  # type: ignore[attr-defined]  # as a webhook has
    clarion = make(Wire(name=CHANNEL), Wire(name="few"), apart)
    _waits(clarion, *(f"p{n}" for n in range(30)))
    now = clock.now()
    few = [waiting_row("default", uuid7(), "few", "default", Severity.INFO, now, FREE) for _ in range(2)]
    others = [waiting_row("b", uuid7(), "few", "b", Severity.INFO, now, FREE) for _ in range(20)]
    clarion.database.run(lambda conn: inserting.many(conn, queue_table, QUEUE, [*few, *others]))
    found = {one.channel: one.backlog for one in clarion.overview().channels}
    assert (found[CHANNEL].waiting, found[CHANNEL].waiting_more, found[CHANNEL].due_more) == (10, True, True)
    assert (found["few"].waiting, found["few"].waiting_more) == (2, False)
    assert found["apart"].waiting == 0


def test_events_wait_too(make: Callable[..., Clarion]) -> None:
    clarion = make()
    clarion.type("note", channels=["inbox"])
    emit(clarion, "note", to=["ann"])
    emit(clarion, "note", to=["ann"], at=clock.now() + HOUR)
    found = clarion.overview().events
    assert (found.waiting, found.due, found.waiting_more) == (2, 1, False)


# ── What failed alike ────────────────────────────────────────────────────────────────────────────────────


async def test_failures_are_grouped_by_what_they_say(make: Callable[..., Clarion]) -> None:
    numbers = iter(range(100))

    async def does(_message: Message, address: Address) -> None:
        if address.value.startswith("gone"):
            raise Reject("smtp_550", f"550 <{address.value}> unknown, ticket {next(numbers)}")
        raise Reject("too_large", "the message has 12 MB")

    clarion = make(Wire(does))
    clarion.type("note", channels=["wire"], policy=ONCE)
    people(clarion, "gone1", "gone2", "gone3", "big")
    async with working(clarion):
        emit(clarion, "note", to=["gone1", "gone2", "gone3", "big"])
        await until(lambda: done(clarion))
    found = clarion.failures()
    assert (found.looked_at, found.more) == (4, False)
    assert [(one.number, one.code, one.pattern) for one in found.groups] == [
        (3, "smtp_550", "550 <<address>> unknown, ticket <n>"),
        (1, "too_large", "the message has <n> MB"),
    ]
    first = found.groups[0]
    assert first.first_at <= first.last_at
    assert len(set(first.sample)) == 3
    assert clarion.failures(most=2).more
    assert clarion.failures(channel="other").groups == ()
    assert clarion.failures(tenant="other").looked_at == 0
    assert clarion.failures(until=clock.now() - HOUR).looked_at == 0
    with pytest.raises(InvalidInput, match="from 1 to"):
        clarion.failures(most=0)
