"""F6 and the good path: what each behaviour of a mail server does to a delivery, and to the connections kept open."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from clarion.channels.email import Email
from clarion.channels.mail import body_text
from clarion.errors import ConfigError, Down, Gone, Reject, Retry, SendError
from clarion.recipient import Address
from tests.channels.make import BOB, message
from tests.support.smtp import Fault, FaultServer, dribble, drop, garbage, hang, say, say_and_drop
from tests.support.tls import contexts

pytestmark = pytest.mark.anyio

PIPELINES = pytest.mark.parametrize("abilities", [(), ("PIPELINING",)], ids=["step by step", "pipelined"])
SHORT = timedelta(seconds=0.3)
BIG = "x" * 60 + "\n"


@asynccontextmanager
async def opened(server: FaultServer | str, **options: Any) -> AsyncIterator[Email]:
    email = Email(
        server if isinstance(server, str) else server.url, sender="Acme <hello@acme.test>", **options
    )
    try:
        yield email
    finally:
        await email.close()


async def failure(email: Email, **words: Any) -> SendError:
    with pytest.raises(SendError) as caught:
        await email.send(message(**words), BOB)
    return caught.value


# The good path


@PIPELINES
async def test_a_mail_arrives(abilities: tuple[str, ...]) -> None:
    sent = message("Grüße", "one\n.\n..two\nthree", "<p>one</p>")
    async with FaultServer(*abilities, "SIZE 100000") as server, opened(server) as email:
        assert await email.send(sent, BOB) == "2.0.0 queued as Q0"
    (mail,) = server.mails
    assert (mail.sender, mail.to) == ("hello@acme.test", ["bob@b.test"])
    parsed = message_from_bytes(mail.raw, policy=policy.default)
    assert parsed["Subject"] == "Grüße"
    assert parsed["Message-ID"] == f"<{sent.id}@acme.test>"
    body = parsed.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == "one\n.\n..two\nthree\n"
    assert server.heard[1] == f"MAIL FROM:<hello@acme.test> SIZE={len(mail.raw)}"


@pytest.mark.parametrize(
    "text",
    [
        "a\n.\nb",
        "a\r.\rb",
        "a\r\n.\r\nMAIL FROM:<eve@e.test>\r\n",
        ".\n.\n",
        "\n.\r\n",
        "x" * 100_000,
        ".\n" * 60_000,
    ],
)
@PIPELINES
async def test_one_message_arrives_with_an_equal_body(text: str, abilities: tuple[str, ...]) -> None:
    async with FaultServer(*abilities) as server, opened(server) as email:
        await email.send(message(text=text), BOB)
        await email.send(message(text="next"), BOB)
    assert len(server.mails) == 2
    parsed = message_from_bytes(server.mails[0].raw, policy=policy.default)
    assert parsed.get_content().replace("\r\n", "\n") == body_text(text)


@PIPELINES
async def test_connections_are_kept_and_bounded(abilities: tuple[str, ...]) -> None:
    async with FaultServer(*abilities) as server, opened(server, size=3) as email:
        sent = [message() for _ in range(60)]
        await asyncio.gather(*(email.send(each, BOB) for each in sent))
        assert server.connections == server.most_open == 3
    ids = {message_from_bytes(mail.raw)["Message-ID"] for mail in server.mails}
    assert ids == {f"<{each.id}@acme.test>" for each in sent}


async def test_a_connection_has_its_number_of_messages() -> None:
    async with FaultServer() as server, opened(server, messages_per_connection=2) as email:
        for _ in range(5):
            await email.send(message(), BOB)
        assert server.connections == 3
    assert server.heard.count("QUIT") == 3


async def test_an_idle_connection_is_closed() -> None:
    async with FaultServer() as server, opened(server, idle=timedelta(seconds=0.05)) as email:
        await email.send(message(), BOB)
        await asyncio.wait_for(server.passed["quit"].wait(), 5)
        await email.send(message(), BOB)
        assert server.connections == 2


async def test_close_says_goodbye_may_be_repeated_and_is_not_the_end() -> None:
    async with FaultServer() as server, opened(server) as email:
        await email.close()
        await email.send(message(), BOB)
        await email.close()
        await email.close()
        assert server.heard[-1] == "QUIT"
        await email.send(message(), BOB)
        assert server.connections == 2


async def test_close_waits_for_no_server_that_hangs() -> None:
    async with FaultServer() as server, opened(server) as email:
        server.at("quit", hang)
        await email.send(message(), BOB)
        async with asyncio.timeout(10):
            await email.close()


# TLS and login


@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "implicit"])
async def test_tls(implicit: bool, tmp_path: Path) -> None:
    for_server, for_client = contexts(tmp_path)
    async with FaultServer("AUTH PLAIN", tls=for_server, implicit=implicit) as server:
        scheme = "smtps" if implicit else "smtp+starttls"
        url = f"{scheme}://bob:secret@127.0.0.1:{server.port}"
        async with opened(url, tls=for_client) as email:
            await email.send(message(text=BIG * 5000), BOB)
            await email.send(message(), BOB)
        assert server.connections == 1
        assert len(server.mails) == 2


@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "implicit"])
async def test_a_certificate_that_nobody_trusts_is_refused(implicit: bool, tmp_path: Path) -> None:
    for_server, _ = contexts(tmp_path)
    scheme = "smtps" if implicit else "smtp+starttls"
    async with FaultServer(tls=for_server, implicit=implicit) as server:
        url = f"{scheme}://127.0.0.1:{server.port}"
        async with opened(url) as email:
            error = await failure(email)
    assert (type(error), error.code) == (Down, "tls")
    assert "certificate" in error.detail


async def test_opportunistic_tls_on_this_machine_trusts_any_certificate(tmp_path: Path) -> None:
    for_server, _ = contexts(tmp_path)
    async with FaultServer(tls=for_server) as server, opened(server) as email:
        await email.send(message(), BOB)
    assert "STARTTLS" in server.heard
    async with FaultServer(tls=for_server) as server, opened(f"{server.url}?tls=none") as email:
        await email.send(message(), BOB)
    assert "STARTTLS" not in server.heard


@pytest.mark.parametrize(
    "fault",
    [say("454 4.7.0 not now"), drop, garbage(), say("220 go", "250 injected")],
    ids=["refused", "dropped", "garbage", "injected"],
)
async def test_starttls_that_fails_is_never_passed_over(fault: Fault, tmp_path: Path) -> None:
    for_server, for_client = contexts(tmp_path)
    async with FaultServer(tls=for_server) as server:
        server.at("starttls", fault)
        async with opened(f"smtp+starttls://127.0.0.1:{server.port}", tls=for_client) as email:
            assert isinstance(await failure(email), Down)
    assert not any(line.startswith("MAIL") for line in server.heard)


async def test_starttls_that_is_not_offered() -> None:
    async with FaultServer() as server, opened(f"smtp+starttls://127.0.0.1:{server.port}") as email:
        error = await failure(email)
    assert (type(error), error.code) == (Down, "tls")


async def test_a_handshake_that_hangs_ends_in_time(tmp_path: Path) -> None:
    _, for_client = contexts(tmp_path)
    async with FaultServer() as server:  # speaks in clear where TLS is expected
        server.at("connect", hang)
        async with opened(f"smtps://127.0.0.1:{server.port}", tls=for_client, timeout=SHORT) as email:
            error = await failure(email)
    assert (type(error), error.code) == (Down, "timeout")


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN", "CRAM-MD5 LOGIN PLAIN"])
async def test_login(mechanisms: str) -> None:
    async with FaultServer(f"AUTH {mechanisms}") as server:
        if mechanisms == "LOGIN":
            server.at("auth", say("334 VXNlcm5hbWU6"))
        async with opened(f"smtp://bob:secret@127.0.0.1:{server.port}") as email:
            if mechanisms == "LOGIN":  # the raw server knows no answers, so each is an unknown command
                assert (await failure(email)).code == "auth"
                assert server.heard[1:3] == ["AUTH LOGIN", "Ym9i"]
            else:
                await email.send(message(), BOB)
                assert server.heard[1] == "AUTH PLAIN AGJvYgBzZWNyZXQ="


async def test_a_refused_login_shows_no_secret() -> None:
    async with FaultServer("AUTH PLAIN") as server:
        server.at("auth", say("535 5.7.8 what is AGJvYgBzZWNyZXQ= or secret?"), always=True)
        async with opened(f"smtp://bob:secret@127.0.0.1:{server.port}") as email:
            error = await failure(email)
            shown = f"{error} {error!r} {error.detail} {email!r} {vars(email)}"
    assert (type(error), error.code, error.detail) == (Down, "auth", "535 5.7.8")
    assert "secret" not in shown
    assert "AGJvYgBzZWNyZXQ=" not in shown
    assert repr(email) == f"Email('smtp://bob:***@127.0.0.1:{server.port}', sender='hello@acme.test')"


async def test_no_known_way_to_log_in() -> None:
    async with FaultServer("AUTH GSSAPI") as server, opened(f"smtp://b:s@127.0.0.1:{server.port}") as email:
        assert (await failure(email)).code == "auth"


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


# Limits


async def test_waiting_for_a_connection_is_within_the_deadline_and_costs_no_attempt() -> None:
    async with FaultServer() as server, opened(server, size=1, timeout=SHORT) as email:
        server.at("dot", hang)
        first = asyncio.create_task(failure(email))
        await server.passed["dot"].wait()
        server.at(
            "connect", hang
        )  # where the second ends up if the first gives way a moment before the deadline
        second = await failure(email)
        assert (type(second), second.code) == (Down, "timeout")
        assert (await first).code == "unknown_outcome"


async def test_a_cancelled_send_leaves_a_working_pool() -> None:
    async with FaultServer() as server, opened(server, size=1) as email:
        server.at("rcpt", hang)
        sending = asyncio.create_task(email.send(message(), BOB))
        await server.passed["rcpt"].wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await email.send(message(), BOB)
        assert server.connections == 2


@pytest.mark.parametrize(
    ("announced", "fits"), [("SIZE 300", False), ("SIZE 0", True), ("SIZE", True), ("SIZE 100000", True)]
)
async def test_size(announced: str, fits: bool) -> None:
    async with FaultServer(announced) as server, opened(server) as email:
        if fits:
            await email.send(message(), BOB)
        else:
            error = await failure(email)
            assert (type(error), error.code) == (Reject, "too_large")
            assert not any(line.startswith("MAIL") for line in server.heard)


async def test_international_addresses_need_smtputf8() -> None:
    address = Address("email", "jörg@bücher.test")
    async with FaultServer() as server, opened(server) as email:
        with pytest.raises(Reject, match="smtputf8"):
            await email.send(message(), address)
    async with FaultServer("SMTPUTF8", "8BITMIME") as server, opened(server) as email:
        await email.send(message(), address)
    assert server.mails[0].to == ["jörg@xn--bcher-kva.test"]
    assert "To: jörg@xn--bcher-kva.test\r\n".encode() in server.mails[0].raw
    assert any(line.endswith("BODY=8BITMIME SMTPUTF8") for line in server.heard)


@pytest.mark.parametrize("value", ["a@b.test,c@d.test", "a@b.test>\r\nRCPT TO:<eve@e.test", "nobody", ""])
async def test_an_address_that_is_none_is_gone_without_a_connection(value: str) -> None:
    async with FaultServer() as server, opened(server) as email:
        with pytest.raises(Gone, match="invalid_address"):
            await email.send(message(), Address("email", value))
        assert server.connections == 0


async def test_a_server_of_the_old_kind() -> None:
    async with FaultServer() as server, opened(server) as email:
        server.at("ehlo", say("502 5.5.1 what?"))
        await email.send(message(), BOB)
    assert [line[:4] for line in server.heard[:2]] == ["EHLO", "HELO"]


@pytest.mark.parametrize(
    "options",
    [{"size": 0}, {"messages_per_connection": 0}, {"timeout": timedelta()}, {"idle": timedelta(-1)}, {"reply_to": "x"}],
)  # fmt: skip
def test_options_that_cannot_work(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Email("smtp://localhost", sender="hello@acme.test", **options)


def test_tls_is_not_loaded_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(*_: object, **__: object) -> ssl.SSLContext:
        raise AssertionError

    monkeypatch.setattr(ssl, "create_default_context", loaded)
    Email("smtps://mail.acme.com", sender="hello@acme.test")
