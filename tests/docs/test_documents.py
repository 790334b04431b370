"""What the documents show, runs."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from clarion import Address, Clarion, Console, Down, Gone, Retry, declarations
from clarion.store.schema import events, queue, withdrawals
from tests.channels.make import message
from tests.docs.code import ROOT, blocks
from tests.support.smtp import FaultServer
from tests.support.working import count, done, until, working

pytestmark = pytest.mark.anyio


async def test_the_first_screen_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with FaultServer() as server:
        shown = blocks("README.md")[0].replace("localhost:2525", f"127.0.0.1:{server.port}")
        names: dict[str, Any] = {}
        exec(compile(shown, "README.md", "exec"), names)
        clarion: Clarion = names["clarion"]
        worker = clarion.worker()
        working = asyncio.create_task(worker.run())
        async with asyncio.timeout(20):
            while len(server.mails) < 2:
                await asyncio.sleep(0.02)
        worker.stop()
        await working
    assert sorted(mail.to[0] for mail in server.mails) == ["bob@acme.test", "carol@acme.test"]
    to_bob = message_from_bytes(next(m.raw for m in server.mails if "bob" in m.to[0]), policy=policy.default)
    assert to_bob["From"] == "Acme <hello@acme.test>"
    assert to_bob["Message-ID"]
    assert [item.reason for item in clarion.inbox.list("bob").items] == ["author"]
    assert clarion.why(names["event"], "carol").reason == "mention"
    assert clarion.why(names["event"], "dave").reason is None
    names["engine"].dispose()
    clarion.close()


def test_the_program_about_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks("docs/explain.md"):
        exec(compile(block, "docs/explain.md", "exec"), names)
    names["clarion"].close()


def test_the_channel_that_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (shown,) = [block for block in blocks("docs/channels.md") if "Pull(" in block]
    names: dict[str, Any] = {}
    exec(compile(shown, "docs/channels.md", "exec"), names)
    names["clarion"].close()


async def test_the_policies_in_the_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with FaultServer() as server:
        names = _run("docs/policies.md", {"localhost:2525": f"127.0.0.1:{server.port}"})
        clarion: Clarion = names["clarion"]
        async with working(clarion):
            await until(lambda: count(clarion, events, events.c.due_at.is_not(None)) == 1)  # the meeting
            await until(lambda: len(server.mails) >= 5)
            await until(lambda: count(clarion, queue) == 1)  # held by the throttle
            await until(lambda: not count(clarion, withdrawals, withdrawals.c.applied_at.is_(None)))
    shown = Counter(item.event.type for item in clarion.inbox.list("bob").items)
    assert shown == {"cl.comment.created": 3, "build.finished": 5, "news.item": 2}
    assert len(server.mails) == 1 + 3 + 1
    assert clarion.open_conditions() == []
    names["engine"].dispose()
    clarion.close()


async def test_the_audiences_in_the_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = _run("docs/concepts.md", {})
    clarion: Clarion = names["clarion"]
    async with working(clarion):
        await until(lambda: done(clarion))
    said = str(clarion.counts(names["notice"]))
    assert f"print(counts)  # {said}" in "".join(blocks("docs/concepts.md"))
    reasons = {told.recipient: told.reason for told in clarion.status(names["notice"])}
    assert reasons == {"bob": "direct", "carol": "announcement", "dave": "direct"}
    clarion.close()


def _run(document: str, instead: dict[str, str]) -> dict[str, Any]:
    """The names that a document's blocks make, run one after the other."""
    names: dict[str, Any] = {}
    for block in blocks(document):
        code = block
        for shown, real in instead.items():
            code = code.replace(shown, real)
        exec(compile(code, document, "exec"), names)
    return names


def test_what_recipients_say_in_the_documents(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    clarion = Clarion(database_url, channels=[Console()])
    clarion.type("cl.merged", category="reviews", channels=["inbox", "email"])
    (shown,) = blocks("docs/preferences.md")
    names: dict[str, Any] = {"clarion": clarion}
    exec(compile(shown, "docs/preferences.md", "exec"), names)
    said = names["said"]
    assert [(p.scope, p.channel) for p in said.preferences] == [("*", "*"), ("category:reviews", "email")]
    assert [topic.topic for topic in said.topics] == ["cl/42", "cl/43", "repo/acme"]
    assert said.recipient.silent_until is None
    assert len(capsys.readouterr().out.splitlines()) == 11
    clarion.close()


async def test_the_inbox_in_the_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = _run("docs/inbox.md", {})
    clarion: Clarion = names["clarion"]
    with clarion.database.engine.begin() as conn:
        for n in range(3):
            clarion.emit(conn, "cl.comment.created", to=["bob"], data={"title": f"Comment {n}"})
    async with working(clarion):
        await until(lambda: done(clarion))
    upto = names["follow"]("bob", names["start"])
    names["work_through"]("bob")
    kinds = [change.kind for change in clarion.changes.read(upto, recipient="bob").changes]
    assert kinds == ["read", "unread", "done", "done", "snoozed"]
    clarion.close()


def test_types_in_the_documents_can_be_declared(tmp_path: Path) -> None:
    (shown,) = blocks("docs/quickstart.md", "toml")
    path = tmp_path / "types.toml"
    path.write_text("".join(line for line in shown.splitlines(True) if not line.startswith("resolver")))
    (declared,) = declarations.read(path)
    assert [rule.name for rule in declared.policy.rules] == ["cooldown", "throttle"]
    assert len(declared.policy.escalation) == 2


class _Hook(http.server.BaseHTTPRequestHandler):
    answers: list[int]
    got: list[dict[str, str]]

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.answers.pop(0))
        self.send_header("X-Message-Id", "m1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[http.server.ThreadingHTTPServer]:
    _Hook.answers, _Hook.got = [], []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hook)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def test_the_channel_in_the_documents(hook: http.server.ThreadingHTTPServer) -> None:
    shown = next(block for block in blocks("docs/channels.md") if "class Chat" in block)
    assert len([line for line in shown[shown.index("class Chat") :].splitlines() if line.strip()]) <= 20
    names: dict[str, Any] = {}
    exec(compile(shown, "docs/channels.md", "exec"), names)
    chat = names["Chat"]()
    address = Address("chat", f"http://127.0.0.1:{hook.server_address[1]}/hooks/x")

    sent = message("Merged", "cl/42")
    _Hook.answers[:] = [200]
    assert await chat.send(sent, address) == "m1"
    assert _Hook.got[0] == {"id": str(sent.id), "text": "Merged\ncl/42"}
    for answer, kind in ((410, Gone), (429, Retry), (503, Retry)):
        _Hook.answers[:] = [answer]
        with pytest.raises(kind, match=f"http_{answer}"):
            await chat.send(sent, address)
    with pytest.raises(Down, match="connect"):
        await chat.send(sent, Address("chat", "http://127.0.0.1:1/x"))


@pytest.mark.parametrize("document", sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md")))
def test_python_in_the_documents_parses(document: str) -> None:
    for block in blocks(document):
        compile(block, document, "exec", flags=0x2000)  # PyCF_ALLOW_TOP_LEVEL_AWAIT


def test_links_between_documents_lead_somewhere() -> None:
    import re

    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
