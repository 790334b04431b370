"""The good path, TLS and login, and limits, against a raw server."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from clarion.channels.email import Email
from clarion.channels.mail import body_text
from clarion.errors import ConfigError, Down, Gone, Reject
from clarion.recipient import Address
from tests.channels.make import BIG, BOB, PIPELINES, SHORT, failure, message, opened
from tests.support.smtp import Fault, FaultServer, drop, garbage, hang, say
from tests.support.tls import contexts

pytestmark = pytest.mark.anyio

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
