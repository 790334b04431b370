"""Sending: how many at once, in how many transactions, within which lease, and what a channel may say."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Down, Gone, Policy, Reject, Retries, Retry
from clarion.message import Message
from clarion.recipient import Address
from clarion.store.schema import outcomes, queue
from clarion.workers import sender as sending
from tests.support.working import (
    Wire,
    count,
    crowd,
    done,
    emit,
    emit_many,
    ends,
    no_duplicates,
    people,
    results,
    until,
    working,
)
from tests.workers.conftest import Make

pytestmark = pytest.mark.anyio


def attempts(clarion: Any, event: Any, recipient: str) -> list[tuple[str, str | None]]:
    (delivery,) = clarion.why(event, recipient).deliveries
    return [(attempt.result, attempt.code) for attempt in delivery.attempts]


async def test_what_is_emitted_is_sent_within_a_second(make: Make, wire: Wire) -> None:
    clarion = make(wire, poll=timedelta(milliseconds=100), settle_within=timedelta(milliseconds=50))
    people(clarion, "bob")
    async with working(clarion):
        took = []
        for n in range(5):
            began = time.monotonic()
            emit(clarion, "note", to=["bob"], data={"n": n})
            await until(lambda n=n: len(wire.taken) == n + 1)
            took.append(time.monotonic() - began)
        await until(lambda: done(clarion))
    assert sorted(took)[2] < 1
    assert results(clarion) == {"sent": 5}
    assert clarion.inbox.count_unread("bob") == 5


async def test_sends_at_once_are_bounded_and_settled_together(make: Make, monkeypatch: Any) -> None:
    async def takes_its_time(_message: Message, _address: Address) -> str:
        await asyncio.sleep(0.01)
        return "taken"

    wire = Wire(takes_its_time)
    clarion = make(wire, concurrency=20, batch=50, settle_within=timedelta(milliseconds=50))
    emit(clarion, "note", to=crowd(clarion, 300))
    async with working(clarion):
        await until(lambda: done(clarion))
    assert wire.most_at_once == 20
    assert results(clarion) == {"sent": 300}
    assert count(clarion, outcomes, outcomes.c.receipt == "taken") == 300
    assert set(wire.times().values()) == {1}
    together = sa.select(sa.func.count(outcomes.c.at.distinct()))  # an instant for each transaction
    settles = clarion.database.read(lambda conn: conn.execute(together).scalar_one())
    assert settles < 300 / 2, "settled one by one"


async def test_a_lease_is_checked_before_each_send(make: Make) -> None:
    """One at a time and slow: those whose lease would run out are given back, not sent beyond it."""

    async def slow(_message: Message, _address: Address) -> None:
        await asyncio.sleep(0.15)

    wire = Wire(slow)
    clarion = make(wire, concurrency=1, batch=20, lease=timedelta(seconds=1))
    emit(clarion, "note", to=crowd(clarion, 12))
    async with working(clarion):
        await until(lambda: done(clarion))
    assert set(wire.times().values()) == {1}
    assert results(clarion) == {"sent": 12}
    every = results(clarion, final=False)
    assert every["given_back"] >= 1
    assert "lost" not in every
    assert every["retry"] == 0, "none is begun that has not enough time to end"


async def test_hanging_past_the_lease_is_an_unknown_outcome_and_tried_again(make: Make) -> None:
    async def hangs_once(message: Message, _address: Address) -> None:
        if message.attempt == 1:
            await asyncio.Event().wait()

    wire = Wire(hangs_once)
    clarion = make(wire, lease=timedelta(seconds=1))
    people(clarion, "bob")
    event = emit(clarion, "note", to=["bob"])
    async with working(clarion):
        await until(lambda: done(clarion))
    assert attempts(clarion, event, "bob") == [("retry", "unknown_outcome"), ("sent", None)]
    assert len({message.id for message in wire.begun}) == 1
    assert "lost" not in results(clarion, final=False)


async def test_retries_follow_the_schedule_and_end(make: Make, travel: Any) -> None:
    async def never(_message: Message, _address: Address) -> None:
        raise Retry("smtp_451", "greylisted")

    wire = Wire(never)
    clarion = make(wire)
    schedule = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=2))
    clarion.type("slowly", channels=["wire"], policy=Policy(retries=Retries(schedule, jitter=0.2)))
    recipients = crowd(clarion, 40)
    event = emit(clarion, "slowly", to=recipients)
    async with working(clarion):
        for n, wait in enumerate(schedule, start=1):
            await until(lambda n=n: results(clarion, final=False)["retry"] == 40 * n)
            rows = clarion.database.read(
                lambda conn, n=n: conn.execute(
                    sa.select(queue.c.due_at, outcomes.c.at)
                    .join(outcomes, outcomes.c.delivery_id == queue.c.delivery_id)
                    .where(outcomes.c.attempt == n, outcomes.c.result == "retry")
                ).all()
            )
            waits = [(row.due_at - row.at) / wait for row in rows]
            assert len(waits) == 40
            assert all(0.79 < share < 1.21 for share in waits)
            assert max(waits) - min(waits) > 0.1, "what failed together comes back together"
            travel(wait * 0.75)
            assert len(wire.begun) == 40 * n, "nothing early"
            travel(wait * 0.5)
        await until(lambda: done(clarion))
    assert results(clarion) == {"failed": 40}
    spent = [one for one in attempts(clarion, event, recipients[0]) if one[0] != "given_back"]  # by the jump
    assert spent == [("retry", "smtp_451")] * 3 + [("failed", "smtp_451")]
    assert len(wire.begun) == 160


async def test_retry_after_is_advice_between_the_schedule_and_its_longest(make: Make) -> None:
    asked = {"least": timedelta(milliseconds=1), "some": timedelta(minutes=5), "absurd": timedelta(days=400)}

    async def busy(_message: Message, address: Address) -> None:
        raise Retry("http_429", after=asked[address.value.split("@")[0]])

    clarion = make(Wire(busy))
    waits = (timedelta(minutes=1), timedelta(minutes=30))
    clarion.type("hook", channels=["wire"], policy=Policy(retries=Retries(waits, jitter=0)))
    event = emit(clarion, "hook", to=people(clarion, *asked))
    async with working(clarion):
        await until(lambda: count(clarion, outcomes) == 3)
    due = {}
    for who in asked:
        (delivery,) = clarion.why(event, who).deliveries
        assert delivery.due_at is not None
        due[who] = delivery.due_at - delivery.attempts[-1].at
    expected = {"least": waits[0], "some": asked["some"], "absurd": waits[1]}
    assert all(abs(due[who] - wait) < timedelta(seconds=1) for who, wait in expected.items()), due


async def test_rejected_and_gone_fail_at_once_and_the_dead_address_is_remembered(make: Make) -> None:
    async def refuses(_message: Message, address: Address) -> None:
        if address.value.startswith("gone"):
            raise Gone("smtp_550", "no such user")
        if address.value.startswith("reject"):
            raise Reject("too_large", "10 MB")

    wire = Wire(refuses)
    clarion = make(wire)
    people(clarion, "gone", "reject", "fine")
    first = emit(clarion, "note", to=["gone", "reject", "fine"])
    async with working(clarion):
        await until(lambda: done(clarion))
        second = emit(clarion, "note", to=["gone", "reject", "fine"])
        await until(lambda: done(clarion))
    assert [ends(clarion, first, who) for who in ("gone", "reject", "fine")] == [
        ("failed", "smtp_550"),
        ("failed", "too_large"),
        ("sent", None),
    ]
    why = {channel.channel: channel for channel in clarion.why(second, "gone").channels}
    assert (why["wire"].gate, why["wire"].values["gone"]) == ("reachable", 1)
    assert why["inbox"].told
    assert ends(clarion, second, "reject") == ("failed", "too_large")
    assert len(wire.begun) == 5


async def test_a_provider_that_is_down_costs_no_attempt(make: Make) -> None:
    up = False

    async def down(_message: Message, _address: Address) -> None:
        if not up:
            raise Down("connect", "refused")

    wire = Wire(down)
    clarion = make(wire)
    clarion.type("once", channels=["wire"], policy=Policy(retries=Retries(())))
    emit(clarion, "once", to=people(clarion, "bob", "eve"))
    async with working(clarion):
        await until(lambda: len(wire.begun) >= 4, within=10)
        up = True
        await until(lambda: done(clarion))
    every = results(clarion, final=False)
    assert (every["sent"], every["failed"]) == (2, 0)
    assert every["down"] >= 4 - 2
    assert {message.attempt for message in wire.begun} == {1}


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("what?"),
        TimeoutError("of the channel's own"),
        OSError(104, "reset"),
        RuntimeError("\0 and \ud800"),
        type("Mute", (Exception,), {"__str__": lambda self: 1 / 0})(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_anything_else_that_is_raised_is_a_retry(make: Make, raised: Exception) -> None:
    async def raises(message: Message, _address: Address) -> None:
        if message.attempt < 3:
            raise raised

    clarion = make(Wire(raises))
    people(clarion, "bob")
    event = emit(clarion, "note", to=["bob"])
    async with working(clarion):
        await until(lambda: done(clarion))
    assert attempts(clarion, event, "bob") == [("retry", "error")] * 2 + [("sent", None)]
    (delivery,) = clarion.why(event, "bob").deliveries
    assert type(raised).__name__ in (delivery.attempts[0].detail or "")


@pytest.mark.parametrize("receipt", ["x" * 5000, "nul \0 and \ud800", 7, b"octets", {"id": 1}], ids=repr)
async def test_whatever_a_channel_returns_was_sent_once(make: Make, receipt: Any) -> None:
    async def returns(_message: Message, _address: Address) -> Any:
        return receipt

    wire = Wire(returns)
    clarion = make(wire)
    emit(clarion, "note", to=people(clarion, "bob", "eve"))
    async with working(clarion):
        await until(lambda: done(clarion))
    assert results(clarion, final=False) == {"sent": 2}
    assert len(wire.taken) == 2


async def test_what_cannot_be_rendered_fails_at_once_and_its_neighbours_arrive(
    make: Make, wire: Wire, tmp_path: Any
) -> None:
    from clarion.templates import Renderer

    clarion = make(wire)
    clarion.type("cl.shout", channels=["wire"], policy=Policy(retries=Retries()))
    (tmp_path / "templates" / "cl.shout").mkdir(parents=True)
    (tmp_path / "templates" / "cl.shout" / "wire.text.j2").write_text(
        "{{ data.words | upper }} {{ 1 / data.n }}"
    )
    clarion.renderer = Renderer(directory=tmp_path / "templates")
    people(clarion, "bob")
    bad, good = emit_many(
        clarion,
        [
            ("cl.shout", {"to": ["bob"], "data": {"words": "a", "n": 0}}),
            ("cl.shout", {"to": ["bob"], "data": {"words": "b", "n": 1}}),
        ],
    )
    async with working(clarion):
        await until(lambda: done(clarion))
    assert ends(clarion, bad, "bob") == ("failed", "render")
    assert ends(clarion, good, "bob") == ("sent", None)
    assert [message.content.text.split()[0] for message in wire.taken] == ["B"]


async def test_a_late_settle_is_refused_and_logged(
    make: Make, caplog: pytest.LogCaptureFixture, travel: Any
) -> None:
    """While this worker sends, another finds its lease expired: its own outcome then changes nothing."""
    hold, sent = asyncio.Event(), asyncio.Event()

    async def waits(message: Message, _address: Address) -> None:
        if not sent.is_set():
            sent.set()
            await hold.wait()

    wire = Wire(waits)
    clarion = make(wire, lease=timedelta(seconds=60))
    people(clarion, "bob")
    emit(clarion, "note", to=["bob"])
    async with working(clarion):
        await sent.wait()
        clarion.database.run(
            lambda conn: conn.execute(sa.update(queue).values(claims=queue.c.claims + 1, lease_until=None))
        )
        with caplog.at_level(logging.WARNING):
            hold.set()
            await until(lambda: done(clarion))
            await until(lambda: "was lost before its outcome was written" in caplog.text)
    assert results(clarion, final=False) == {"sent": 1}
    assert len(wire.taken) == 2
    assert len({message.id for message in wire.taken}) == 1
    no_duplicates(clarion)


@pytest.mark.parametrize("batch", [1, 2])
async def test_tiny_batches_do_not_end_the_worker(make: Make, batch: int) -> None:
    async def slow(_message: Message, _address: Address) -> None:
        await asyncio.sleep(0.01)

    clarion = make(Wire(slow), batch=batch, concurrency=1)
    emit(clarion, "note", to=crowd(clarion, 8))
    async with working(clarion):
        await until(lambda: done(clarion))
    assert results(clarion, final=False) == {"sent": 8}


async def test_a_lane_beyond_hundreds_that_wait_gets_its_turn(make: Make, wire: Wire) -> None:
    """What is scheduled for later in many tenants hides nobody."""
    from datetime import UTC, datetime

    clarion = make(wire)
    later = datetime.now(UTC) + timedelta(days=1)
    emit_many(clarion, [("note", {"tenant": f"t{n:04}", "to": ["bob"], "at": later}) for n in range(300)])
    clarion.recipients.upsert("bob", tenant="zz", addresses={"wire": "bob@a.test"})
    emit(clarion, "note", tenant="zz", to=["bob"])
    async with working(clarion):
        await until(lambda: wire.taken)
    assert [message.tenant for message in wire.taken] == ["zz"]


async def test_hundreds_of_lanes_are_all_served(make: Make, wire: Wire) -> None:
    clarion = make(wire)
    clarion.start()
    for n in range(300):
        clarion.recipients.upsert("bob", tenant=f"t{n:04}", addresses={"wire": "bob@a.test"})
    emit_many(clarion, [("note", {"tenant": f"t{n:04}", "to": ["bob"]}) for n in range(300)])
    async with working(clarion):
        await until(lambda: done(clarion))
    assert len(wire.taken) == 300


async def test_deliveries_that_lost_a_lease_do_not_keep_new_ones_waiting(make: Make) -> None:
    """Lost ones go alone, one after another, with turns of the others in between."""

    async def slow(_message: Message, _address: Address) -> None:
        await asyncio.sleep(0.1)

    wire = Wire(slow)
    clarion = make(wire)
    recipients = crowd(clarion, 12)
    people(clarion, "new")
    clarion.start()
    emit(clarion, "note", to=recipients, data={"old": True})
    other = make()
    async with working(other):  # decides, and has nothing to send with
        await until(lambda: count(clarion, queue) == 12)
    clarion.database.run(lambda conn: conn.execute(sa.update(queue).values(losses=1)))
    async with working(clarion):
        await until(lambda: wire.taken)
        emit(clarion, "note", to=["new"], data={"old": False})
        await until(lambda: any(not message.event.data["old"] for message in wire.taken))
        assert len(wire.taken) < 12, "it waited for all of them"
        await until(lambda: done(clarion))
    assert wire.most_at_once == 1
    assert set(wire.times().values()) == {1}


async def test_an_error_while_sending_a_lost_one_does_not_stop_the_channel(
    make: Make, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    clarion = make(wire)
    people(clarion, "bob")
    clarion.start()
    emit(clarion, "note", to=["bob"])
    async with working(make()):
        await until(lambda: count(clarion, queue) == 1)
    clarion.database.run(lambda conn: conn.execute(sa.update(queue).values(losses=1)))
    broken = [sa.exc.OperationalError("read", {}, Exception("gone away"))]
    read = sending.asking.read

    def read_or_break(*arguments: Any) -> Any:
        if broken:
            raise broken.pop()
        return read(*arguments)

    monkeypatch.setattr(sending.asking, "read", read_or_break)
    async with working(clarion):
        await until(lambda: done(clarion))
    assert results(clarion, final=False) == {"given_back": 1, "sent": 1}


async def test_one_unreadable_delivery_does_not_fail_its_neighbours(make: Make, wire: Wire) -> None:
    clarion = make(wire)
    people(clarion, "cursed", "fine")
    clarion.start()
    emit(clarion, "note", to=["cursed", "fine"])
    async with working(make()):
        await until(lambda: count(clarion, queue) == 2)
    clarion.recipients.prefer("cursed", "*", min_severity="info")
    clarion.database.run(lambda conn: conn.execute(sa.text("UPDATE clarion_preferences SET channels = '5'")))
    async with working(clarion):
        await until(lambda: count(clarion, outcomes) == 2)
    assert results(clarion, final=False) == {"sent": 1, "retry": 1}
    assert [message.recipient.id for message in wire.taken] == ["fine"]
