from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import (
    Address,
    Clarion,
    Cooldown,
    Down,
    Email,
    Event,
    Gone,
    InvalidInput,
    Policy,
    Reject,
    UnknownName,
)
from clarion.clock import now
from clarion.message import Message
from clarion.store.schema import addresses, metadata
from clarion.trial import sending
from tests.support.working import Wire

NOTE = "This is a test: nothing has happened, and there is nothing to do."


@pytest.fixture
def wire() -> Wire:
    async def takes(_message: Message, address: Address) -> str:
        if error := ERRORS.get(address.value):
            raise error
        return "receipt 1"

    return Wire(takes)


ERRORS: dict[str, Exception] = {
    "gone@a.test": Gone("550", "no such user"),
    "down@a.test": Down("auth", "535 wrong password"),
    "refused@a.test": Reject("too_large", "10 MB"),
    "broken@a.test": ValueError("a mistake"),
}


@pytest.fixture
def app(database_url: str, wire: Wire) -> Iterator[Clarion]:
    made = Clarion(database_url, channels=[wire, Wire(name="other")])
    policy = Policy(cooldown=Cooldown(minutes=15))

    def resolver(_event: Event, _app: object) -> Any:
        raise AssertionError("a trial asks nobody else")

    made.type("note", category="talk", channels=["inbox", "wire"], policy=policy, resolver=resolver)
    made.start()
    made.recipients.upsert("bob", name="Bob", addresses={"wire": "bob@a.test"})
    yield made
    made.close()


def rows(app: Clarion) -> list[Any]:
    """All that is stored."""
    return app.database.read(
        lambda conn: [conn.execute(sa.select(table)).all() for table in metadata.sorted_tables]
    )


def test_a_few_words_to_an_address(app: Clarion, wire: Wire) -> None:
    before = rows(app)
    trial = app.try_out(Address("wire", "me@a.test"))
    (one,) = trial.messages
    assert trial.passed
    assert (one.sent, one.receipt, one.code, one.remedy) == (True, "receipt 1", None, None)
    (message,) = wire.taken
    assert message.content.title == "Test message"
    assert NOTE in message.content.text
    assert rows(app) == before, "nothing is written"
    dry = app.try_out(Address("wire", "me@a.test", locale="de"), dry_run=True)
    assert (dry.messages[0].sent, dry.messages[0].locale, dry.passed) == (None, "de", True)
    assert len(wire.taken) == 1


def test_a_few_words_to_a_recipient_whatever_they_prefer(app: Clarion, wire: Wire) -> None:
    app.recipients.configure("bob", enabled=False)
    app.recipients.silence("bob")
    app.recipients.upsert("bob", addresses={"wire": ["bob@a.test", "b@a.test"], "other": "x"})
    trial = app.try_out("bob")
    assert {(one.channel, one.address) for one in trial.messages} == {
        ("other", "x"),
        ("wire", "b@a.test"),
        ("wire", "bob@a.test"),
    }
    assert trial.passed
    assert {message.recipient.name for message in wire.taken} == {"Bob"}
    assert {one.channel for one in app.try_out("bob", channels=["other"]).messages} == {"other"}
    app.recipients.upsert("bob", addresses={"wire": "bob@a.test"})
    half = app.try_out("bob", channels=["wire", "other"])
    assert ([one.sent for one in half.messages], half.passed) == ([True], False), "one was asked for in vain"


def test_by_a_type_as_it_is_decided_and_without_a_trace(app: Clarion, wire: Wire) -> None:
    before = rows(app)
    for _ in range(2):  # the cooldown is charged by neither
        trial = app.try_out("bob", type="note", data={"text": "Hello"}, thread="t/1", reason="mention")
        assert trial.passed
        assert trial.explanation is not None
        assert [(c.channel, c.told) for c in trial.explanation.channels] == [("inbox", True), ("wire", True)]
    first, second = wire.taken
    assert first.id != second.id
    assert (first.content.title, first.content.text) == ("[Test] Note", f"{NOTE}\n\nHello")
    assert (first.reason, first.event.thread) == ("mention", None)
    assert rows(app) == before


def test_what_is_decided_against_or_for_later_is_not_sent(app: Clarion, wire: Wire) -> None:
    app.recipients.prefer("bob", "category:talk", channel="wire", enabled=False)
    trial = app.try_out("bob", type="note")
    assert (trial.messages, trial.passed, wire.begun) == ((), False, [])
    assert trial.explanation is not None
    why = trial.explanation.channel("wire")
    assert why is not None
    assert why.gate == "consent"
    app.recipients.prefer("bob", "category:talk", channel="wire", enabled=None)
    today = now()
    around = f"{today - timedelta(hours=2):%H:%M}-{today + timedelta(hours=2):%H:%M}"
    app.recipients.configure("bob", quiet_hours={"daily": [around]})
    held = app.try_out("bob", type="note")
    assert held.explanation is not None
    later = held.explanation.channel("wire")
    assert later is not None
    assert (later.gate, later.told, held.messages) == ("quiet_hours", True, ())
    assert app.try_out("bob", type="note", severity="urgent").passed


def test_to_somebody_without_an_account(app: Clarion, wire: Wire) -> None:
    trial = app.try_out(Address("wire", "me@a.test"), type="note")
    assert trial.passed
    assert trial.recipient == "wire:me@a.test"
    elsewhere = app.try_out(Address("other", "x"), type="note")
    assert not elsewhere.passed
    assert "does not go out there" in elsewhere.left_out["other"]


@pytest.mark.parametrize(
    ("address", "code", "remedy"),
    [
        ("gone@a.test", "550", "correct the address"),
        ("down@a.test", "auth", "correct user and password"),
        ("refused@a.test", "too_large", "what the provider objects to"),
        ("broken@a.test", "error", "try again"),
    ],
)
def test_what_fails_comes_with_a_remedy(app: Clarion, address: str, code: str, remedy: str) -> None:
    app.recipients.upsert("bob", addresses={"wire": [address, "bob@a.test"]})
    before = rows(app)
    trial = app.try_out("bob")
    failed = next(one for one in trial.messages if one.address == address)
    assert (failed.sent, failed.code) == (False, code)
    assert failed.detail
    assert remedy in (failed.remedy or "")
    assert not trial.passed
    assert sum(one.sent is True for one in trial.messages) == 1, "the others are sent"
    assert rows(app) == before, "no address is marked dead"


def test_no_answer(app: Clarion, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async def hangs(_message: Message, _address: Address) -> None:
        await asyncio.Event().wait()

    wire._does = hangs
    monkeypatch.setattr(sending, "PATIENCE", timedelta(milliseconds=50))
    (one,) = app.try_out(Address("wire", "x")).messages
    assert (one.sent, one.code, one.detail) == (False, "timeout", "no answer within 0.05 s")


def test_why_nothing_goes_out(app: Clarion, database_url: str) -> None:
    dead = sa.update(addresses).values(gone_at=now(), gone_reason="no such user")
    app.database.run(lambda conn: conn.execute(dead))
    trial = app.try_out("bob")
    assert (trial.messages, trial.passed) == ((), False)
    assert "dead" in trial.left_out["wire"]
    assert app.try_out("bob", channels=["other"]).left_out == {"other": "they have no address there"}
    elsewhere = Clarion(database_url)
    elsewhere.type("note", channels=["wire"])
    elsewhere.type("fresh", channels=["inbox"])
    revived = sa.update(addresses).values(gone_at=None)
    app.database.run(lambda conn: conn.execute(revived))
    assert "not configured" in elsewhere.try_out("bob").left_out["wire"]
    assert "no process has started" in elsewhere.try_out("bob", type="fresh").left_out["inbox"]
    elsewhere.close()


def test_refusals(app: Clarion) -> None:
    with pytest.raises(InvalidInput, match="no recipient 'nobody'"):
        app.try_out("nobody")
    with pytest.raises(UnknownName, match="did you mean 'note'"):
        app.try_out("bob", type="notes")
    with pytest.raises(UnknownName, match="unknown channel 'wier'"):
        app.try_out(Address("wier", "x"))
    with pytest.raises(InvalidInput, match="nothing is sent to the inbox"):
        app.try_out("bob", channels=["inbox"])
    with pytest.raises(InvalidInput, match="say of which type"):
        app.try_out("bob", data={"text": "x"})
    with pytest.raises(UnknownName, match="'key'"):
        app.try_out("bob", type="note", key="k")  # type: ignore[call-arg]


def test_an_access_check_that_fails_says_what_to_do(app: Clarion, wire: Wire) -> None:
    def check(event: Event, of: Any, _app: object) -> Any:
        return of if event.data["project"] else []

    app.type("guarded", channels=["wire"], access=check)
    app.start()
    with pytest.raises(InvalidInput, match=r"access check of 'guarded' failed: KeyError.*give the event"):
        app.try_out("bob", type="guarded")
    assert not app.try_out("bob", type="guarded", data={"project": 0}).passed
    assert app.try_out("bob", type="guarded", data={"project": 1}).passed


def test_a_template_that_cannot_be_written(database_url: str, wire: Wire, tmp_path: Any) -> None:
    (tmp_path / "note").mkdir()
    (tmp_path / "note" / "wire.subject.j2").write_text("{{ data.missing.part }}")
    app = Clarion(database_url, channels=[wire], templates=tmp_path)
    app.type("note", channels=["wire"])
    app.start()
    app.recipients.upsert("bob", addresses={"wire": "bob@a.test"})
    for dry_run in (True, False):
        trial = app.try_out("bob", type="note", dry_run=dry_run)
        (one,) = trial.messages
        assert (one.sent, one.code, one.content, trial.passed) == (False, "render", None, False)
        assert "wire.subject.j2" in (one.detail or "")
        assert "correct the template" in (one.remedy or "")
    assert app.try_out("bob", type="note", data={"missing": {"part": "x"}}).passed
    app.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_real_mail_says_in_every_part_that_it_is_a_test(database_url: str) -> None:
    import asyncio
    from email import message_from_bytes, policy

    from tests.support.smtp import FaultServer

    async def run() -> list[Any]:
        async with FaultServer() as server:
            app = Clarion(database_url, channels=[Email(server.url, sender="Acme <hello@acme.test>")])
            app.type("note", channels=["email"])
            app.start()
            trial = await asyncio.to_thread(
                app.try_out, Address("email", "me@acme.test"), type="note", thread="t"
            )
            assert trial.passed
            assert "queued as Q0" in (trial.messages[0].receipt or "")
            again = await asyncio.to_thread(app.try_out, Address("email", "me@acme.test"))
            assert again.passed, "the channel can be used again, in another loop"
            app.close()
            return server.mails

    first, second = asyncio.run(run())
    mail = message_from_bytes(first.raw, policy=policy.default)
    assert mail["Subject"] == "[Test] Note"
    assert mail["References"] is None
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        assert NOTE in " ".join(part.get_content().split())
    assert message_from_bytes(second.raw, policy=policy.default)["Subject"] == "Test message"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_beside_a_worker_in_its_loop(database_url: str) -> None:
    """The channel's connections are those of the worker, which goes on with them."""
    import asyncio

    from tests.support.smtp import FaultServer
    from tests.support.working import emit, until, working

    async def run() -> None:
        async with FaultServer() as server:
            app = Clarion(database_url, channels=[Email(server.url, sender="Acme <hello@acme.test>")])
            app.type("note", channels=["email"])
            app.recipients.upsert("bob", addresses={"email": "bob@acme.test"})
            async with working(app):
                emit(app, "note", to=["bob"])
                await until(lambda: len(server.mails) == 1)
                here = asyncio.get_running_loop()
                trial = await asyncio.to_thread(app.try_out, "bob", loop=here)
                assert trial.passed
                emit(app, "note", to=["bob"])
                await until(lambda: len(server.mails) == 3)
                assert server.connections == 1
            app.close()

    asyncio.run(run())


def test_what_is_no_mail_address_is_refused_before_anything_is_sent(database_url: str) -> None:
    made = Clarion(database_url, channels=[Wire(name="email")])
    for dry_run in (True, False):
        with pytest.raises(InvalidInput, match="'not an address' is not accepted"):
            made.try_out(Address("email", "not an address"), dry_run=dry_run)
    made.close()
