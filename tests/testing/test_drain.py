"""Draining: everything that is due, in order, to an end; from wherever it is called."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clarion import Cap, Clarion, Console, Cooldown, Down, Escalation, Event, Policy, Reject
from clarion.errors import ConfigError
from clarion.message import Message
from clarion.recipient import Address
from clarion.testing import StillDue, Testing
from tests.support.working import settled


def emit(testing: Testing, type: str, **fields: Any) -> Any:
    with testing.transaction() as conn:
        return testing.clarion.emit(conn, type, **fields)


def test_what_is_due_later_waits(testing: Testing) -> None:
    emit(testing, "shipped", to=["bob"])
    emit(testing, "shipped", to=["carol"], at=testing.now + timedelta(hours=2))
    testing.drain()
    testing.assert_told("bob", "shipped", "email", times=1)
    testing.assert_silent("carol")
    testing.travel(hours=1, minutes=59)
    testing.drain()
    testing.assert_silent("carol")
    testing.travel(minutes=1)
    testing.drain()
    assert testing.assert_told("carol", "shipped", "email").at == testing.now
    assert settled(testing.clarion)


def test_no_event_with_code_of_the_application_is_put_off(testing: Testing) -> None:
    """A worker would put off what is beyond ten of one type; nothing here is due a moment later."""
    batch: list[Any] = [("found", {"data": {"people": ["bob"]}}) for _ in range(60)]
    with testing.transaction() as conn:
        testing.clarion.emit_many(conn, batch)
    testing.drain()
    assert len(testing.told("bob", "found", "email")) == 60
    assert settled(testing.clarion)


def test_more_than_one_batch_of_deliveries(testing: Testing) -> None:
    people = [f"p{n}" for n in range(350)]
    testing.clarion.recipients.upsert_many(
        {"id": id, "addresses": {"email": f"{id}@shop.test"}} for id in people
    )
    emit(testing, "shipped", to=people)
    testing.drain()
    assert {told.recipient for told in testing.told(channel="email")} == set(people)
    assert len(testing.told()) == 2 * len(people)


def test_the_order_is_the_same_each_time(shop: Clarion) -> None:
    def told() -> list[str]:
        with Testing(shop) as testing:
            for id in "abcdefgh":
                shop.recipients.upsert(id, addresses={"email": f"{id}@shop.test"})
            for id in "hgfedcba":
                emit(testing, "shipped", to=[id])
                emit(testing, "found", data={"people": [id]})
                testing.travel(seconds=1)
            testing.drain()
            return [str(one) for one in testing.told()]

    first = told()
    assert len(first) == 24
    assert told() == first


def test_what_a_failure_made_room_for_is_told_in_the_same_go(testing: Testing) -> None:
    testing.fail("email", Reject)
    first = emit(testing, "late", to=["bob"])
    second = emit(testing, "late", to=["bob"])
    testing.drain()
    (mail,) = testing.told("bob", "late", "email")
    assert mail.event.id in {first, second}
    assert testing.tried("email") == 2
    assert settled(testing.clarion)


def test_taking_back_and_escalating(testing: Testing, shop: Clarion) -> None:
    steps = (Escalation(after=timedelta(minutes=30), severity="urgent"),)  # type: ignore[arg-type]  # names are understood
    shop.type("down", channels=["email"], policy=Policy(escalation=steps, cooldown=Cooldown(hours=1)))
    shop.start()
    emit(testing, "down", to=["bob"], condition="db/1")
    emit(testing, "shipped", subject="order/7", to=["carol"])
    testing.drain()
    assert [t.severity.label for t in testing.told("bob", "down")] == ["info"]
    testing.travel(minutes=31)
    with testing.transaction() as conn:
        shop.withdraw(conn, "order/7")
    testing.drain()
    assert [t.severity.label for t in testing.told("bob", "down")] == ["info", "urgent"]
    testing.assert_told("carol", "shipped", "email")
    testing.assert_silent("carol", "shipped", "inbox")
    with testing.transaction() as conn:
        shop.resolve(conn, "db/1")
    testing.drain()
    assert shop.open_conditions() == []


def test_a_type_that_is_declared_in_the_test(testing: Testing, shop: Clarion) -> None:
    shop.type("new", channels=["email"])
    emit(testing, "new", to=["bob"])
    testing.travel(hours=1)
    testing.drain()
    testing.assert_told("bob", "new", "email")


def test_each_destination_is_paused_by_itself(shop: Clarion) -> None:
    class Hook:
        name = "hook"

        def destination(self, address: str) -> str:
            return address.partition("/")[0]

        async def send(self, message: Message, address: Address) -> None:
            raise AssertionError

    shop.channels["hook"] = Hook()
    shop.type("called", channels=["hook"])
    with Testing(shop) as testing:
        for id in ("bob", "carol"):
            shop.recipients.upsert(id, addresses={"hook": f"{id}.test/x"})
        testing.fail("hook", Down, recipient="bob")
        emit(testing, "called", to=["bob"])
        testing.drain()
        emit(testing, "called", to=["bob", "carol"])
        testing.drain()
        testing.assert_silent("bob")
        testing.assert_told("carol", "called", "hook")
        testing.travel(minutes=1)
        testing.drain()
        testing.assert_told("bob", "called", "hook", times=2)


def test_a_cap_holds_up_no_test(tmp_path: Path) -> None:
    capped = Clarion(
        f"sqlite:///{tmp_path / 'real.db'}",
        channels=[Console()],
        caps=[Cap("console", per_second=0.1, at_once=1)],
    )
    capped.type("shipped", channels=["console"])
    with Testing(capped) as testing:
        capped.recipients.upsert("bob", addresses={"console": "bob"})
        for _ in range(20):
            emit(testing, "shipped", to=["bob"])
        testing.drain()
        testing.assert_told("bob", channel="console", times=20)
    capped.close()


def test_without_an_end_it_says_what_is_due(testing: Testing, shop: Clarion) -> None:
    @shop.type("echo", channels=["inbox"])
    def audience(event: Event, _app: object) -> Iterator[tuple[str, list[str]]]:
        shop.database.run(lambda conn: shop.emit(conn, "echo"))
        yield "direct", ["bob"]

    emit(testing, "echo")
    with pytest.raises(StillDue, match=r"after 20 rounds .* Due are: 1 event of echo\. Does a resolver emit"):
        testing.drain(rounds=20)


def test_a_transaction_that_is_not_committed(testing: Testing) -> None:
    with testing.transaction(), pytest.raises(ConfigError, match="commit first"):
        testing.drain()
    testing.drain()


@pytest.mark.anyio
async def test_in_an_event_loop(testing: Testing) -> None:
    emit(testing, "shipped", to=["bob"])
    testing.drain()
    emit(testing, "found", data={"people": ["carol"]})
    await testing.adrain()
    testing.assert_told("bob", "shipped", "email", times=1)
    testing.assert_told("carol", "found", "email", times=1)


def test_what_a_part_raises_is_raised(testing: Testing) -> None:
    """A worker would try again for ever; a test is to end."""
    with testing.transaction() as conn:
        conn.exec_driver_sql("ALTER TABLE clarion_queue RENAME TO clarion_q")
    with pytest.raises(Exception, match="no such table: clarion_queue"):
        testing.drain()


def test_a_resolver_that_raises_is_tried_again_later(
    testing: Testing, shop: Clarion, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    @shop.type("shaky", channels=["inbox"])
    def audience(event: Event, _app: object) -> Iterator[tuple[str, list[str]]]:
        asked.append(event.id)
        if len(asked) == 1:
            raise RuntimeError("not now")
        yield "direct", ["bob"]

    emit(testing, "shaky")
    with caplog.at_level(logging.WARNING):
        testing.drain()
    assert "not now" in caplog.text
    testing.assert_silent("bob")
    testing.travel(minutes=1)
    testing.drain()
    testing.assert_told("bob", "shaky", "inbox")
    assert len(asked) == 2
