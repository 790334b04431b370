"""F6: what each behaviour of a mail server does to a delivery, and to the connections kept open."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta

import pytest

from clarion.errors import Down, Gone, Reject, Retry, SendError
from tests.channels.make import BIG, BOB, PIPELINES, SHORT, failure, message, opened
from tests.support.smtp import Fault, FaultServer, dribble, drop, garbage, hang, say, say_and_drop

pytestmark = pytest.mark.anyio

# F6: faults


async def test_nobody_listens() -> None:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        async with opened(f"smtp://127.0.0.1:{taken.getsockname()[1]}") as email:
            error = await failure(email)
    assert (type(error), error.code) == (Down, "connect")


async def test_a_name_that_is_none() -> None:
    async with opened("smtp://mail.invalid?tls=none") as email:
        error = await failure(email)
    assert (type(error), error.code) == (Down, "dns")


@PIPELINES
@pytest.mark.parametrize(
    ("stage", "fault", "kind", "code"),
    [
        ("connect", say("554 5.7.1 not you"), Down, "smtp_554"),
        ("connect", say("421 4.3.2 too busy"), Down, "smtp_421"),
        ("connect", drop, Down, "connect"),
        ("connect", hang, Down, "timeout"),
        ("connect", garbage(), Down, "protocol"),
        ("connect", dribble("220 fault.test ESMTP", 0.1), Down, "timeout"),
        ("ehlo", say("421 4.3.2 too busy"), Down, "smtp_421"),
        ("ehlo", say("550 5.7.1 bad name"), Down, "smtp_550"),
        ("ehlo", drop, Down, "connect"),
        ("ehlo", hang, Down, "timeout"),
        ("ehlo", garbage(), Down, "protocol"),
        ("mail", say_and_drop("421 4.3.2 closing"), Down, "smtp_421"),
        ("mail", say("451 4.3.0 later"), Retry, "smtp_451"),
        ("mail", say("530 5.7.0 authenticate first"), Down, "auth"),
        ("mail", say("550 5.7.1 sender refused"), Reject, "smtp_550"),
        ("mail", drop, Retry, "connection_lost"),
        ("mail", hang, Retry, "timeout"),
        ("mail", garbage(), Retry, "protocol"),
        ("rcpt", say_and_drop("421 4.3.2 closing"), Down, "smtp_421"),
        ("rcpt", say("450 4.2.0 greylisted"), Retry, "smtp_450"),
        ("rcpt", say("550 5.1.1 no such user"), Gone, "smtp_550"),
        ("rcpt", say("550-5.7.1 you are", "550 5.7.1 blocked"), Reject, "smtp_550"),
        ("rcpt", say("552 5.2.2 full"), Reject, "smtp_552"),
        ("rcpt", drop, Retry, "connection_lost"),
        ("rcpt", hang, Retry, "timeout"),
        ("rcpt", garbage(), Retry, "protocol"),
        ("data", say_and_drop("421 4.3.2 closing"), Down, "smtp_421"),
        ("data", say("452 4.3.1 full"), Retry, "smtp_452"),
        ("data", say("554 5.5.1 no"), Reject, "smtp_554"),
        ("data", drop, Retry, "connection_lost"),
        ("data", hang, Retry, "timeout"),
        ("data", garbage(), Retry, "protocol"),
        ("dot", say_and_drop("421 4.3.2 closing"), Retry, "smtp_421"),
        ("dot", say("451 4.3.0 later"), Retry, "smtp_451"),
        ("dot", say("550 5.7.1 spam"), Reject, "smtp_550"),
        ("dot", drop, Retry, "unknown_outcome"),
        ("dot", hang, Retry, "unknown_outcome"),
        ("dot", garbage(), Retry, "unknown_outcome"),
        ("dot", dribble("250 2.0.0 taken", 0.1), Retry, "unknown_outcome"),
    ],
)
async def test_a_fault_has_its_outcome_and_the_next_message_goes_through(
    stage: str, fault: Fault, kind: type[SendError], code: str, abilities: tuple[str, ...]
) -> None:
    async with FaultServer(*abilities) as server, opened(server, timeout=SHORT) as email:
        server.at(stage, fault)
        error = await failure(email)
        assert (type(error), error.code) == (kind, code)
        assert server.mails == []
        await email.send(message(), BOB)
        assert len(server.mails) == 1


@PIPELINES
async def test_a_refused_recipient_does_not_cost_the_connection(abilities: tuple[str, ...]) -> None:
    async with FaultServer(*abilities) as server, opened(server) as email:
        server.at("rcpt", say("550 5.1.1 no such user"))
        assert isinstance(await failure(email), Gone)
        await email.send(message(), BOB)
        assert server.connections == 1
        assert "RSET" in server.heard


async def test_a_reset_that_fails_costs_a_connection_and_no_message() -> None:
    async with FaultServer() as server, opened(server) as email:
        server.at("rcpt", say("550 5.1.1 no such user"))
        server.at("rset", say("500 5.5.1 what?"))
        assert isinstance(await failure(email), Gone)
        await email.send(message(), BOB)
        assert server.connections == 2


async def test_content_is_not_sent_to_a_server_that_refused_and_yet_wants_it() -> None:
    async with FaultServer("PIPELINING") as server, opened(server) as email:
        server.at(
            "mail", say("550 5.7.1 sender refused")
        )  # RCPT and DATA are then answered as if nothing were
        assert isinstance(await failure(email), Reject)
        await email.send(message(), BOB)
        assert server.connections == 2
        assert len(server.mails) == 1


@pytest.mark.parametrize("words", ["552 5.3.4 too much", None])
async def test_a_connection_lost_before_the_final_dot(words: str | None) -> None:
    async with FaultServer() as server, opened(server, timeout=timedelta(seconds=5)) as email:
        server.at("content", say_and_drop(words) if words else drop)
        with pytest.raises(SendError) as caught:
            await email.send(message(text=BIG * 400_000), BOB)
    assert caught.value.code in ({"smtp_552", "connection_lost"} if words else {"connection_lost"})
    assert server.mails == []


async def test_a_server_that_stops_reading_before_the_final_dot() -> None:
    async with FaultServer() as server, opened(server, timeout=timedelta(seconds=1)) as email:
        server.at("content", hang)
        error = await failure(email, text=BIG * 400_000)
    assert (type(error), error.code) == (Retry, "timeout")


@PIPELINES
async def test_a_slow_server_within_the_deadline_is_no_fault(abilities: tuple[str, ...]) -> None:
    async with FaultServer(*abilities) as server, opened(server, timeout=timedelta(seconds=5)) as email:
        server.at("mail", dribble("250 2.1.0 ok", 0.005))
        server.at("dot", dribble("250 2.0.0 ok", 0.005))
        await email.send(message(), BOB)


# Kept connections that have ended


@PIPELINES
@pytest.mark.parametrize("farewell", [drop, say_and_drop("421 4.4.2 idle for too long")])
async def test_a_kept_connection_that_ended_costs_nothing(
    farewell: Fault, abilities: tuple[str, ...]
) -> None:
    async with FaultServer(*abilities) as server, opened(server) as email:
        await email.send(message(), BOB)
        server.at("mail", farewell)
        await email.send(message(), BOB)
        assert (server.connections, len(server.mails)) == (2, 2)


async def test_a_whole_pool_that_ended_costs_nothing() -> None:
    async with FaultServer() as server, opened(server, size=4) as email:
        await asyncio.gather(*(email.send(message(), BOB) for _ in range(20)))
        await server.drop_all()
        await asyncio.gather(*(email.send(message(), BOB) for _ in range(20)))
        assert len(server.mails) == 40


async def test_a_connection_lost_later_than_its_first_answer_costs_the_attempt() -> None:
    async with FaultServer() as server, opened(server) as email:
        await email.send(message(), BOB)
        server.at("rcpt", drop)
        assert (await failure(email)).code == "connection_lost"


async def test_a_server_that_is_gone_for_good_is_down() -> None:
    async with FaultServer() as server, opened(server) as email:
        await email.send(message(), BOB)
        await server.__aexit__(None, None, None)
        error = await failure(email)
    assert (type(error), error.code) == (Down, "connect")


async def test_unasked_for_words_make_a_connection_unfit() -> None:
    async with FaultServer() as server, opened(server) as email:
        server.at("dot", say("250 2.0.0 taken", "250 2.0.0 taken twice"))
        await email.send(message(), BOB)
        await email.send(message(), BOB)
        assert server.connections == 2
