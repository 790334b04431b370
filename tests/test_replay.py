"""Replaying and reviving, as an application or an operator does it, beside a worker that sends what comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from clarion import Clarion, Cooldown, Email, Gone, InvalidInput, Reject, Retry, UnknownName
from clarion.store.schema import events as events_table
from clarion.store.schema import outcomes
from tests.support.acme import Plan, application, sends
from tests.support.children import children
from tests.support.moody import Make, Moody, making
from tests.support.replayers import replay_together
from tests.support.smtp import FaultServer, say
from tests.support.working import (
    Wire,
    await_true,
    count,
    crowd,
    done,
    emit,
    ends,
    limits,
    no_duplicates,
    people,
    results,
    until,
    working,
)

DAY = timedelta(days=1)


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    with making(database_url) as make:
        yield make


def history(clarion: Clarion, event: UUID, recipient: str = "bob") -> list[tuple[str, int]]:
    (delivery,) = clarion.why(event, recipient).deliveries
    return [(attempt.result, attempt.n) for attempt in delivery.attempts]


# ── The story ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.anyio
async def test_failed_for_good_then_replayed_it_arrives_as_the_same_mail(database_url: str) -> None:
    async with FaultServer() as server:
        clarion = Clarion(
            database_url,
            channels=[Email(server.url, sender="Acme <hello@acme.test>")],
            limits=limits(),
        )
        clarion.type("note", channels=["email"])
        people(clarion, "bob", channel="email")
        server.at("dot", say("554 5.6.0 refused"))
        event = emit(clarion, "note", to=["bob"])
        async with working(clarion):
            await until(lambda: done(clarion))
            assert ends(clarion, event, "bob", "email") == ("failed", "smtp_554")
            (delivery,) = clarion.why(event, "bob").deliveries
            found = clarion.replay(delivery.id, by="alice", dry_run=True)
            assert (found.ready, found.replayed, len(server.mails)) == (1, 0, 0)
            assert clarion.replay(delivery.id, by="alice").replayed == 1
            await until(lambda: done(clarion))
        assert ends(clarion, event, "bob", "email")[0] == "sent"
        (mail,) = server.mails
        assert f"Message-ID: <{delivery.id}@acme.test>".encode() in mail.raw
        assert history(clarion, event) == [("failed", 1), ("replayed", 0), ("sent", 1)]
        (after,) = clarion.why(event, "bob").deliveries
        assert [(a.detail, a.final) for a in after.attempts if a.result == "replayed"] == [
            ("by alice", False)
        ]
        assert clarion.counts(event).sent == 1
        no_duplicates(clarion)
        clarion.close()


@pytest.mark.anyio
async def test_a_replayed_delivery_has_its_whole_schedule_again(make: Make, moody: Moody) -> None:
    clarion = make(moody.wire)
    people(clarion, "bob")
    moody.error = Retry("busy")
    event = emit(clarion, "note", to=["bob"])
    async with working(clarion):
        await until(lambda: done(clarion))
        assert history(clarion, event) == [("retry", 1), ("failed", 2)]
        clarion.replay(event=event)
        await until(lambda: results(clarion, final=False)["failed"] == 2)
        moody.error = None
        clarion.replay(event=event)
        await until(lambda: done(clarion))
    assert history(clarion, event) == [
        *[("retry", 1), ("failed", 2), ("replayed", 0)] * 2,
        ("sent", 1),
    ]
    assert len(moody.ids()) == 1, "the same id on the wire"
    no_duplicates(clarion)


@pytest.mark.anyio
async def test_by_filter_and_by_time_and_what_is_reported(make: Make, moody: Moody, travel: Any) -> None:
    clarion = make(moody.wire)
    people(clarion, "bob", "eve")
    first = emit(clarion, "note", to=["bob", "eve"], key="first")
    async with working(clarion):
        await until(lambda: done(clarion))
        travel(timedelta(hours=2))
        between = datetime.now(UTC) + timedelta(hours=1)
        moody.error = Reject("other")
        second = emit(clarion, "note", to=["bob"])
        await until(lambda: done(clarion))
        moody.error = None
        before = len(moody.wire.taken)
        found = clarion.replay(since=between, dry_run=True)
        assert [(group.code, group.deliveries) for group in found.groups] == [("other", 1)]
        assert clarion.replay(until=between, recipient="eve").replayed == 1
        assert clarion.replay(event="first").replayed == 1, "by its key; the other one waits, or was sent"
        await until(lambda: done(clarion))
        assert len(moody.wire.taken) == before + 2
    assert clarion.counts(first).sent == 2
    assert clarion.counts(second).failed == 1
    assert clarion.replay(code="refused").replayed == 0


@pytest.mark.anyio
async def test_what_is_past_its_max_age_only_where_that_is_said(
    make: Make, moody: Moody, travel: Any
) -> None:
    clarion = make(moody.wire, max_age=DAY)
    people(clarion, "bob")
    event = emit(clarion, "note", to=["bob"])
    async with working(clarion):
        await until(lambda: done(clarion))
        travel(3 * DAY)
        moody.error = None
        found = clarion.replay(event=event)
        assert (found.ready, found.replayed, found.refused) == (0, 0, {"past_max_age": 1})
        assert ends(clarion, event, "bob")[0] == "failed"
        assert clarion.replay(event=event, past_max_age=True).replayed == 1
        await until(lambda: done(clarion))
        assert ends(clarion, event, "bob")[0] == "sent"


@pytest.mark.anyio
async def test_a_max_age_that_counts_anew_ends_as_well(make: Make, moody: Moody, travel: Any) -> None:
    clarion = make(moody.wire, max_age=DAY)
    people(clarion, "bob")
    event = emit(clarion, "note", to=["bob"])
    async with working(clarion):
        await until(lambda: done(clarion))
    travel(3 * DAY)
    clarion.replay(event=event, past_max_age=True)
    travel(2 * DAY)
    async with working(clarion):
        await until(lambda: done(clarion))
    assert ends(clarion, event, "bob") == ("suppressed", "expired")


@pytest.mark.anyio
async def test_a_cooldown_stays_exact(make: Make, moody: Moody) -> None:
    """Its slot went to somebody else, who was told: then it is not told as well."""
    clarion = make(moody.wire, policy={"cooldown": Cooldown(minutes=15)})
    people(clarion, "bob")
    first = emit(clarion, "note", to=["bob"], data={"n": 1})
    async with working(clarion):
        await until(lambda: done(clarion))
        moody.error = None
        second = emit(clarion, "note", to=["bob"], data={"n": 2})
        await until(lambda: done(clarion))
        assert ends(clarion, second, "bob")[0] == "sent"
        assert clarion.replay(event=first).replayed == 1
        await until(lambda: done(clarion))
        assert ends(clarion, first, "bob") == ("suppressed", "cooldown")
    assert len(moody.wire.taken) == 1


@pytest.mark.anyio
async def test_a_replayed_one_that_finds_room_holds_its_window(make: Make, moody: Moody) -> None:
    clarion = make(moody.wire, policy={"cooldown": Cooldown(minutes=15)})
    people(clarion, "bob")
    first = emit(clarion, "note", to=["bob"], data={"n": 1})
    async with working(clarion):
        await until(lambda: done(clarion))
        moody.error = None
        clarion.replay(event=first)
        await until(lambda: done(clarion))
        second = emit(clarion, "note", to=["bob"], data={"n": 2})
        await until(lambda: done(clarion))
    assert ends(clarion, first, "bob")[0] == "sent"
    (why,) = clarion.why(second, "bob").channels
    assert why.gate == "cooldown"
    assert len(moody.wire.taken) == 1


@pytest.mark.anyio
async def test_what_was_suppressed_is_replayed_when_that_is_said(make: Make) -> None:
    wire = Wire()
    clarion, elsewhere = make(wire), make()
    people(clarion, "bob")
    clarion.start()
    elsewhere.types["note"] = clarion.types["note"]
    event = emit(clarion, "note", to=["bob"])
    async with working(elsewhere):  # decides, and has nothing to send with
        await until(lambda: not count(clarion, events_table, events_table.c.due_at.is_not(None)))
    clarion.recipients.deactivate("bob")
    async with working(clarion):
        await until(lambda: done(clarion))
        assert ends(clarion, event, "bob") == ("suppressed", "active")
        assert clarion.replay(event=event).replayed == 0, "it has not failed"
        clarion.recipients.upsert("bob", active=True)
        assert clarion.replay(event=event, state=["suppressed"]).replayed == 1
        await until(lambda: done(clarion))
    assert ends(clarion, event, "bob")[0] == "sent"


def test_what_makes_no_sense_is_refused(make: Make) -> None:
    clarion = make(Wire())
    clarion.start()
    with pytest.raises(InvalidInput, match="say which deliveries"):
        clarion.replay()
    with pytest.raises(InvalidInput, match="say which deliveries"):
        clarion.replay(state="suppressed", past_max_age=True)
    with pytest.raises(UnknownName, match="did you mean 'failed'"):
        clarion.replay(channel="wire", state="fialed")
    with pytest.raises(InvalidInput, match="aware datetime"):
        clarion.replay(since=datetime(2025, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidInput, match="there is no event with the key 'k'"):
        clarion.replay(event="k")
    with pytest.raises(InvalidInput, match="there is no event with the id"):
        clarion.replay(event=UUID(int=1))
    with pytest.raises(InvalidInput, match="named by its id"):
        clarion.replay(["x"])  # type: ignore[list-item]
    assert clarion.replay([UUID(int=1)]).missing == (UUID(int=1),)
    assert clarion.replay([]).groups == ()


# ── Two at once, beside a worker ─────────────────────────────────────────────────────────────────────────


def test_two_replays_beside_workers_send_each_once_more(database_url: str, tmp_path: Path) -> None:
    """Two processes replay the same while two workers send: each delivery is sent once, none is lost."""
    wire = tmp_path / "wire"
    plan = Plan(database=database_url, wire=str(wire), limits={"concurrency": 8, "batch": 20})
    clarion = application(plan)
    clarion.start()
    number = 120
    emit(clarion, "wired", to=crowd(clarion, number))
    refusing = application(Plan(database=database_url))
    failed = _fail_all(refusing, database_url)
    assert failed == number
    with children() as started:
        for _ in range(2):
            started.start_ready(plan)
        replayed = replay_together(database_url, 2, "wire")
        assert sum(replayed) == number
        await_true(lambda: done(clarion))
    taken = [note["id"] for note in sends(wire)]
    assert len(taken) == len(set(taken)) == number
    assert results(clarion) == {"sent": number}
    assert count(clarion, outcomes, outcomes.c.result == "replayed") == number
    no_duplicates(clarion)
    refusing.close()
    clarion.close()


def _fail_all(clarion: Clarion, url: str) -> int:
    """Let everything fail, in this process."""
    moody = Moody()
    failing = Clarion(url, channels=[moody.wire], limits=limits())
    failing.type("wired", channels=["wire"])

    async def run() -> None:
        async with working(failing):
            await until(lambda: done(failing))

    asyncio.run(run())
    failing.close()
    return results(clarion)["failed"]


# ── The health of addresses ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.anyio
async def test_a_dead_address_is_marked_aloud_seen_and_revived(
    make: Make, moody: Moody, caplog: pytest.LogCaptureFixture
) -> None:
    clarion = make(moody.wire)
    people(clarion, "bob", "eve")
    moody.error = Gone("550", "no such user: bob@a.test")
    event = emit(clarion, "note", to=["bob"])
    async with working(clarion):
        with caplog.at_level(logging.WARNING):
            await until(lambda: done(clarion))
            await until(lambda: "is dead" in caplog.text)
        (dead,) = clarion.addresses(gone=True)
        assert (dead.recipient, dead.channel, dead.value) == ("bob", "wire", "bob@a.test")
        assert (dead.gone_reason, dead.gone_at is None) == ("no such user: bob@a.test", False)
        assert f"address {dead.id} of tenant default on wire is dead" in caplog.text
        assert "bob@a.test" not in caplog.text
        assert [one.recipient for one in clarion.addresses(gone=False)] == ["eve"]
        (delivery,) = clarion.why(event, "bob").deliveries
        assert (delivery.address_id, delivery.address_gone_at) == (dead.id, dead.gone_at)

        assert clarion.replay(event=event).refused == {"address_gone": 1}
        assert clarion.revive(dead.id) is True
        assert clarion.revive(dead.id) is False
        caplog.clear()
        assert clarion.replay(event=event).replayed == 1
        await until(lambda: done(clarion))
        await until(lambda: "is dead" in caplog.text)
        assert clarion.addresses(gone=True)[0].id == dead.id, "marked again"

        moody.error = None
        clarion.recipients.upsert("bob", addresses={"wire": "bob@a.test"})
        assert clarion.addresses(gone=True) == [], "written again, it lives"
        assert clarion.replay(event=event).replayed == 1
        await until(lambda: done(clarion))
    assert ends(clarion, event, "bob")[0] == "sent"
    with pytest.raises(InvalidInput, match="there is no address"):
        clarion.revive(UUID(int=1))
    with pytest.raises(InvalidInput, match="there is no address"):
        clarion.revive(dead.id, tenant="other")
