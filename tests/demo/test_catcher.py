"""The mail catcher as the process that it is; it is also the good path of `Email` against aiosmtpd."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clarion.channels.email import Email
from clarion.demo.catcher import count, newest, one, received
from clarion.errors import SendError
from clarion.message import Message
from clarion.recipient import Address
from tests.channels.make import BOB, message

pytestmark = pytest.mark.anyio

Start = Callable[..., tuple[subprocess.Popen[str], int]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a catcher that keeps its mails in `tmp_path / "mails.db"`; gives the process and its port."""
    running: list[subprocess.Popen[str]] = []

    def run(port: int = 0) -> tuple[subprocess.Popen[str], int]:
        command = [sys.executable, "-m", "clarion.demo.catcher", "--port", str(port)]
        command += ["--store", str(tmp_path / "mails.db"), "--ready-file", str(tmp_path / "ready.json")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert (
            ready
            == json.loads((tmp_path / "ready.json").read_text())
            == {"port": ready["port"], "pid": process.pid}
        )
        return process, ready["port"]

    yield run
    for process in running:
        process.kill()
        process.communicate()


def mailer(port: int) -> Email:
    return Email(f"smtp://127.0.0.1:{port}", sender="Acme <hello@acme.test>")


async def test_mails_are_caught_and_read(start: Start, tmp_path: Path) -> None:
    process, port = start()
    email = mailer(port)
    sent = message("Grüße", "one\n.\n..two", "<p>één</p>")
    assert await email.send(sent, BOB) == "2.0.0 kept as 1"
    await email.send(message(), Address("email", "jörg@b.test"))
    await email.close()
    first, second = received(tmp_path / "mails.db")
    assert (first.message_id, first.sender, first.to) == (
        f"<{sent.id}@acme.test>",
        "hello@acme.test",
        ("bob@b.test",),
    )
    assert (first.subject, first.text.splitlines(), first.html.strip()) == (
        "Grüße",
        ["one", ".", "..two"],
        "<p>één</p>",
    )
    assert second.to == ("jörg@b.test",)
    assert [mail.id for mail in received(tmp_path / "mails.db", after=first.id)] == [second.id]
    store = tmp_path / "mails.db"
    assert [mail.id for mail in newest(store)] == [second.id, first.id]
    assert [mail.id for mail in newest(store, most=1)] == [second.id]
    assert [mail.id for mail in newest(store, before=second.id)] == [first.id]
    assert [mail.id for mail in newest(store, to="jörg@b.test")] == [second.id]
    assert newest(store, to="j") == []
    assert (one(store, first.id), one(store, 3)) == (first, None)
    assert newest(tmp_path / "nothing.db") == []
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


async def test_killed_it_has_lost_nothing_and_comes_back_on_its_port(start: Start, tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    tried: set[str] = set()

    async def send(email: Email, one: Message) -> None:
        tried.add(f"<{one.id}@acme.test>")
        await email.send(one, BOB)
        acknowledged.add(f"<{one.id}@acme.test>")

    port = 0
    for _ in range(3):
        process, port = start(port)
        email = mailer(port)
        sending = [asyncio.create_task(send(email, message())) for _ in range(60)]
        for done in asyncio.as_completed(sending[:30]):
            await done
        process.kill()
        outcomes = await asyncio.gather(*sending, return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, SendError) for outcome in outcomes)
        await email.close()
        process.wait()
    kept = [mail.message_id for mail in received(tmp_path / "mails.db")]
    assert len(acknowledged) >= 90
    assert acknowledged <= set(kept) <= tried
    assert len(kept) == len(set(kept)) == count(tmp_path / "mails.db")


def test_without_a_store_there_are_no_mails(tmp_path: Path) -> None:
    assert received(tmp_path / "none.db") == []
    assert count(tmp_path / "none.db") == 0
    assert not (tmp_path / "none.db").exists()
