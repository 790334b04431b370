"""F6 and F7, through a worker: what each trouble of a mail server costs a delivery, and that it costs nobody else anything."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion, Email, Policy, Retries
from clarion.channels import Channel
from clarion.store import pauses
from clarion.store.schema import addresses, outcomes, queue
from tests.support.smtp import Fault, FaultServer, dribble, drop, hang, say, say_and_drop
from tests.support.working import (
    Wire,
    count,
    crowd,
    done,
    emit,
    ends,
    limits,
    people,
    results,
    until,
    working,
)

pytestmark = pytest.mark.anyio

SENDER = "Acme <hello@acme.test>"
NUMBER, OTHERS = 8, 40
HANGS = timedelta(seconds=1)  # how long the channel waits for a server that hangs
PATIENT = timedelta(seconds=30)
NO_WAIT = Retries(waits=(timedelta(milliseconds=50),) * 3, jitter=0)
AUTH = "AUTH PLAIN"
TAKEN_UNSAID = Fault(b"250 2.0.0 tak")  # the server keeps the mail, and never ends its sentence
PAUSING = "clarion.workers.pausing"

Travel = Callable[[timedelta], None]
Make = Callable[..., Clarion]


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    made: list[Clarion] = []

    def application(*channels: Channel) -> Clarion:
        clarion = Clarion(database_url, channels=channels, limits=limits())
        made.append(clarion)
        clarion.type("mailed", channels=["email"], policy=Policy(retries=NO_WAIT))
        clarion.type("wired", channels=["wire"])
        return clarion

    yield application
    for clarion in made:
        clarion.close()


def email(url: str, timeout: timedelta = PATIENT) -> Email:
    return Email(url, sender=SENDER, timeout=timeout)


def url(server: FaultServer) -> str:
    """With a login, where the server knows of any."""
    return server.url.replace("//", "//olga:secret@") if AUTH in server.abilities else server.url


def pause(clarion: Clarion) -> pauses.Pause | None:
    found, _ = clarion.database.read(lambda conn: pauses.standing(conn, "email"))
    return found[0] if found else None


def spent(clarion: Clarion) -> int:
    """The most attempts that one of the deliveries has used up."""
    waiting = sa.select(sa.func.max(queue.c.attempts))
    over = sa.select(sa.func.max(outcomes.c.attempt)).where(outcomes.c.final)
    return max(
        clarion.database.read(lambda conn: [conn.execute(one).scalar() or 0 for one in (waiting, over)])
    )


def said(caplog: pytest.LogCaptureFixture, *words: str) -> int:
    """How many warnings about pauses have these words."""
    lines = [r.getMessage() for r in caplog.records if r.name == PAUSING and r.levelno >= logging.WARNING]
    return len([line for line in lines if all(word in line for word in words)])


@asynccontextmanager
async def outage(clarion: Clarion, wire: Wire, code: str, travel: Travel) -> AsyncIterator[None]:
    """Mail to some, which finds the server down for `code`. On leaving, the trouble must be over, and all flows."""
    emit(clarion, "mailed", to=crowd(clarion, NUMBER, channel="email"))
    emit(clarion, "wired", to=crowd(clarion, OTHERS, prefix="w"))
    async with working(clarion):
        began = await until(lambda: pause(clarion))
        assert (began.by, began.code) == ("clarion", code)
        emit(clarion, "wired", to=people(clarion, "late"))
        await until(lambda: len(wire.taken) == OTHERS + 1)
        assert pause(clarion) is not None, "all of this beside the outage"
        assert count(clarion, queue, queue.c.channel == "email") == NUMBER
        assert spent(clarion) <= 1  # those of the wire
        assert count(clarion, queue, queue.c.attempts > 0) == 0
        yield
        travel(timedelta(seconds=5))  # past the wait before the next probe
        await until(lambda: done(clarion))
    assert results(clarion) == {"sent": NUMBER + OTHERS + 1}
    assert spent(clarion) == 1
    assert pause(clarion) is None
    ended_down = sa.select(outcomes.c.code).where(outcomes.c.result == "down").distinct()
    assert code in clarion.database.read(lambda conn: conn.execute(ended_down).scalars().all())


async def test_the_name_of_the_server_is_unknown(
    make: Make, travel: Travel, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire()
    async with FaultServer() as server:
        clarion = make(email(f"smtp://mail.acme.test:{server.port}?tls=none"), wire)
        names = Names(monkeypatch)
        async with outage(clarion, wire, "dns", travel):
            assert said(caplog, "email is down", "dns", "mail.acme.test") == 1
            names.known["mail.acme.test"] = "127.0.0.1"
        assert len(server.mails) == NUMBER
    assert said(caplog, "email is back") == 1


async def test_nobody_listens(make: Make, travel: Travel, caplog: pytest.LogCaptureFixture) -> None:
    wire, server = Wire(), FaultServer()
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        server.port = taken.getsockname()[1]
        clarion = make(email(server.url), wire)
        async with outage(clarion, wire, "connect", travel):
            assert said(caplog, "email is down", "connect") == 1
            taken.close()
            await server.__aenter__()
    await server.__aexit__(None, None, None)
    assert len(server.mails) == NUMBER
    assert said(caplog, "email is back") == 1


@pytest.mark.parametrize(
    ("stage", "fault", "code"),
    [
        ("connect", hang, "timeout"),
        ("connect", dribble("220 fault.test ESMTP", 0.3), "timeout"),
        ("connect", drop, "connect"),
        ("connect", say_and_drop("421 4.3.2 too busy"), "smtp_421"),
        ("ehlo", hang, "timeout"),
        ("auth", hang, "timeout"),
        ("auth", say("535 5.7.8 wrong password"), "auth"),
        ("mail", say_and_drop("421 4.3.2 closing"), "smtp_421"),
        ("rcpt", say_and_drop("421 4.3.2 closing"), "smtp_421"),
        ("data", say_and_drop("421 4.3.2 closing"), "smtp_421"),
    ],
)
async def test_a_server_that_is_down_costs_no_attempt(
    make: Make, travel: Travel, caplog: pytest.LogCaptureFixture, stage: str, fault: Fault, code: str
) -> None:
    wire = Wire()
    async with FaultServer(*([AUTH] if stage == "auth" else [])) as server:
        server.at(stage, fault, always=True)
        clarion = make(email(url(server), HANGS if code == "timeout" else PATIENT), wire)
        async with outage(clarion, wire, code, travel):
            assert said(caplog, "email is down", code) == 1
            assert server.mails == []
            server.well()
        assert sorted(mail.to[0] for mail in server.mails) == sorted(f"p{n:05}@a.test" for n in range(NUMBER))
    assert "secret" not in caplog.text
    if code != "timeout":  # where a busy machine may be late for a deadline that is this short
        assert (said(caplog, "email is down"), said(caplog, "email is back")) == (1, 1)


@pytest.mark.parametrize(
    ("stage", "fault", "code", "copies"),
    [
        ("mail", hang, "timeout", 1),
        ("rcpt", hang, "timeout", 1),
        ("data", hang, "timeout", 1),
        ("dot", hang, "unknown_outcome", 1),
        ("mail", say("451 4.3.0 later"), "smtp_451", 1),
        ("rcpt", say("450 4.2.0 greylisted"), "smtp_450", 1),
        ("dot", say("451 4.3.0 later"), "smtp_451", 1),
        ("dot", say_and_drop("421 4.3.2 closing"), "smtp_421", 1),
        ("rcpt", drop, "connection_lost", 1),
        ("data", drop, "connection_lost", 1),
        ("dot", drop, "unknown_outcome", 1),
        ("dot", TAKEN_UNSAID, "unknown_outcome", 2),
    ],
)
async def test_what_may_have_left_costs_an_attempt_and_is_tried_again(
    make: Make,
    caplog: pytest.LogCaptureFixture,
    stage: str,
    fault: Fault,
    code: str,
    copies: int,
) -> None:
    async with FaultServer() as server:
        server.at(stage, fault)
        clarion = make(email(server.url, HANGS if fault in (hang, TAKEN_UNSAID) else PATIENT))
        event = emit(clarion, "mailed", to=people(clarion, "bob", channel="email"))
        async with working(clarion):
            await until(lambda: done(clarion))
        (delivery,) = clarion.why(event, "bob").deliveries
        assert [(a.n, a.result, a.code) for a in delivery.attempts] == [(1, "retry", code), (2, "sent", None)]
        assert len(server.mails) == copies
        ids = {message_from_bytes(mail.raw)["Message-ID"] for mail in server.mails}
    assert ids == {f"<{delivery.id}@acme.test>"}, "by which the receiver can drop the repeat"
    assert pause(clarion) is None
    assert said(caplog) == 0, "nobody is woken for one message"


@pytest.mark.parametrize(
    ("words", "gone"), [("550 5.1.1 no such user", True), ("552 5.2.2 mailbox is full", False)]
)
async def test_a_recipient_who_is_refused_concerns_nobody_else(
    make: Make, caplog: pytest.LogCaptureFixture, words: str, gone: bool
) -> None:
    async with FaultServer() as server:
        server.at("rcpt", say(words))
        clarion = make(email(server.url))
        people(clarion, "bob", "carol", channel="email")
        async with working(clarion):
            event = emit(clarion, "mailed", to=["bob"])
            await until(lambda: done(clarion))
            emit(clarion, "mailed", to=["carol"])
            await until(lambda: done(clarion))
        assert [mail.to for mail in server.mails] == [["carol@a.test"]]
    assert ends(clarion, event, "bob") == ("absent", None)
    assert ends(clarion, event, "bob", "email") == ("failed", f"smtp_{words[:3]}")
    assert spent(clarion) == 1
    assert count(clarion, addresses, addresses.c.gone_at.is_not(None)) == int(gone)
    assert pause(clarion) is None
    assert said(caplog) == 0


# ── F7: names ────────────────────────────────────────────────────────────────────────────────────────────


class Names:
    """The resolver of this machine, which knows what is in `known`, and may be told to keep everybody waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: dict[str, str] = {}
        self.error = socket.EAI_NONAME
        self.asked = 0
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._answer)

    def _answer(self, host: Any, *rest: Any, **options: Any) -> Any:
        if not str(host).endswith(".acme.test"):
            return self._real(host, *rest, **options)
        self.asked += 1
        self.keep_waiting()
        if host not in self.known:
            raise socket.gaierror(self.error, "no such name, says the test")
        return self._real(self.known[host], *rest, **options)

    def keep_waiting(self) -> None:
        pass


class Slow(Names):
    """Answers only once it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch)
        self.release = threading.Event()

    def keep_waiting(self) -> None:
        self.release.wait(60)


async def test_a_resolver_that_hangs_costs_no_attempt_and_holds_up_nobody(
    make: Make, travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not another channel that wants a thread of the event loop's few, which a look-up takes by default."""
    names = Slow(monkeypatch)

    async def in_a_thread(_message: Any, _address: Any) -> None:
        await asyncio.to_thread(time.sleep, 0.001)

    wire = Wire(in_a_thread)
    async with FaultServer() as server:
        clarion = make(email(f"smtp://mail.acme.test:{server.port}?tls=none", HANGS), wire)
        async with outage(clarion, wire, "timeout", travel):
            assert names.asked >= 1
            names.known["mail.acme.test"] = "127.0.0.1"
            names.release.set()
        assert len(server.mails) == NUMBER


async def test_a_name_that_fails_for_a_while_is_never_final(
    make: Make, travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch)
    names.error = socket.EAI_AGAIN
    async with FaultServer() as server:
        clarion = make(email(f"smtp://mail.acme.test:{server.port}?tls=none"))
        event = emit(clarion, "mailed", to=people(clarion, "bob", channel="email"))
        async with working(clarion):
            for probes in range(4):
                await until(lambda n=probes: (p := pause(clarion)) and p.probes >= n)
                await until(lambda: not count(clarion, queue, queue.c.lease_until.is_not(None)))
                travel(timedelta(minutes=1))
            names.known["mail.acme.test"] = "127.0.0.1"
            travel(timedelta(minutes=2))
            await until(lambda: done(clarion))
    assert ends(clarion, event, "bob", "email") == ("sent", None)
    assert spent(clarion) == 1


async def test_a_name_that_moves_is_followed(
    make: Make, travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old address is dead when mail is due; nothing is restarted."""
    names = Names(monkeypatch)
    async with FaultServer() as server:
        names.known["mail.acme.test"] = "127.0.0.1"
        clarion = make(email(f"smtp://mail.acme.test:{server.port}?tls=none"))
        people(clarion, "bob", "carol", channel="email")
        async with working(clarion):
            names.known["mail.acme.test"] = "127.0.0.2"
            emit(clarion, "mailed", to=["bob"])
            assert (await until(lambda: pause(clarion))).code == "connect"
            names.known["mail.acme.test"] = "127.0.0.1"
            travel(timedelta(seconds=5))
            await until(lambda: done(clarion))
        assert [mail.to for mail in server.mails] == [["bob@a.test"]]
    assert spent(clarion) == 1


def test_a_worker_ends_although_a_look_up_hangs(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    names = Slow(monkeypatch)
    clarion = make(email("smtp://mail.acme.test?tls=none", HANGS))
    emit(clarion, "mailed", to=people(clarion, "bob", channel="email"))

    async def run() -> None:
        async with working(clarion):
            await until(lambda: pause(clarion))

    began = time.monotonic()
    asyncio.run(run())
    assert not names.release.is_set()
    assert time.monotonic() - began < 45, "the look-up would have taken a minute"
    names.release.set()
