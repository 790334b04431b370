from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from clarion import Clarion, Email
from tests.cli.conftest import TYPES
from tests.support.command import Ended, clarion
from tests.support.smtp import FaultServer, say

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database", ["sqlite"], indirect=True)]

SENDER = "Acme <hello@acme.test>"
Run = Callable[..., "asyncio.Future[Ended]"]


@asynccontextmanager
async def shop(url: str, folder: Path) -> AsyncIterator[tuple[FaultServer, Clarion, Run]]:
    """A mail server, the application that mails by it, and `clarion test` as its operator calls it."""
    (folder / "types.toml").write_text(TYPES)
    async with FaultServer() as server:
        app = Clarion(url, channels=[Email(server.url, sender=SENDER)], types=folder / "types.toml")
        app.start()
        app.recipients.upsert("bob", name="Bob", addresses={"email": "bob@acme.test"})
        env = {"CLARION_DATABASE": url, "CLARION_SMTP": server.url, "CLARION_SENDER": SENDER}

        def run(*arguments: str) -> asyncio.Future[Ended]:
            call = asyncio.to_thread(clarion, "test", *arguments, cwd=folder, env=env)
            return asyncio.ensure_future(call)

        yield server, app, run
        app.close()


async def test_to_an_address(database_url: str, tmp_path: Path) -> None:
    async with shop(database_url, tmp_path) as (server, _app, run):
        ended = await run("--channel", "email", "--to", "me@acme.test")
        assert (ended.code, ended.err) == (0, "")
        assert "✓ email to me@acme.test: taken in " in ended.out
        assert "queued as Q0" in ended.out
        (mail,) = server.mails
        assert mail.to == ["me@acme.test"]
        assert message_from_bytes(mail.raw, policy=policy.default)["Subject"] == "Test message"

        dry = await run("--channel", "email", "--to", "me@acme.test", "--locale", "fr", "--dry-run")
        assert dry.code == 0
        assert "not sent, in fr, as text and as HTML" in dry.out
        assert "This is a test: nothing has happened" in dry.out
        assert len(server.mails) == 1

        server.at("rcpt", say("550 5.1.1 no such user \x1b[31m"))
        refused = await run("--channel", "email", "--to", "me@acme.test")
        assert refused.code == 1
        assert "✗ email to me@acme.test: not taken" in refused.out
        assert "no such user" in refused.out
        assert "→ correct the address" in refused.out
        assert "\x1b" not in refused.out


async def test_by_a_type(database_url: str, tmp_path: Path) -> None:
    async with shop(database_url, tmp_path) as (server, app, run):
        by_type = ("--type", "cl.merged", "--types", "types.toml", "--recipient", "bob")
        shown = json.loads(
            (await run(*by_type, "--data", '{"text": "In it goes"}', "--dry-run", "--json")).out
        )
        assert [(one["channel"], one["told"]) for one in shown["decided"]] == [
            ("inbox", True),
            ("email", True),
        ]
        (message,) = shown["messages"]
        assert (message["title"], message["sent"]) == ("[Test] Cl merged", None)
        assert "In it goes" in message["text"]
        assert server.mails == []
        sent = await run(*by_type, "--data", '{"text": "In it goes"}')
        assert sent.code == 0
        assert "would tell" in sent.out
        assert [mail.to for mail in server.mails] == [["bob@acme.test"]]

        app.recipients.prefer("bob", "type:cl.merged", enabled=False)
        unwanted = await run(*by_type)
        assert unwanted.code == 1
        assert "Nothing was sent." in unwanted.out
        assert "consent" in unwanted.out
        assert (await run(*by_type, "--dry-run")).code == 0
        assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "to whom?"),
        (["--to", "x@a.test", "--recipient", "bob"], 2, "to whom?"),
        (["--to", "x@a.test"], 2, "on which --channel?"),
        (["--recipient", "bob", "--locale", "de"], 2, "--locale is for --to"),
        (["--recipient", "nobody"], 1, "there is no recipient 'nobody'"),
        (["--recipient", "bob", "--data", "{}"], 2, "say of which --type"),
        (["--to", "x", "--channel", "emial"], 1, "did you mean 'email'?"),
        (["--to", "x", "--channel", "inbox"], 1, "nothing is sent to the inbox"),
        (["--type", "cl.merged", "--recipient", "bob"], 2, "which event types?"),
        (
            ["--type", "cl.mergd", "--types", "types.toml", "--recipient", "bob"],
            1,
            "did you mean 'cl.merged'?",
        ),
        (["--recipient", "bob", "--database", "sqlite:///none.db"], 1, "there is no file"),
    ],
)
async def test_refusals(
    database_url: str, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    async with shop(database_url, tmp_path) as (server, _app, run):
        refused = await run(*arguments)
        assert (refused.code, refused.out) == (code, "")
        assert words in " ".join(refused.err.split())
        assert server.mails == []
        assert not (tmp_path / "none.db").exists()


async def test_a_channel_that_prints_leaves_the_json_alone(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "acme.py").write_text(
        f"from clarion import Clarion, Console\nclarion = Clarion({database_url!r}, channels=[Console()])\n"
    )
    arguments = ["test", "--app", "acme:clarion", "--channel", "console", "--to", "tty", "--json"]
    ended = await asyncio.to_thread(clarion, *arguments, cwd=tmp_path)
    assert json.loads(ended.out)["passed"] is True
    assert "Test message" in ended.err


@pytest.mark.parametrize("option", ["--reason", "--subject", "--severity"])
def test_what_is_of_an_event_needs_its_type(database_url: str, tmp_path: Path, option: str) -> None:
    to = ["--channel", "email", "--to", "me@a.test", "--database", database_url]
    ended = clarion("test", *to, option, "info", cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert f"{option} is of an event: say of which --type" in ended.err
