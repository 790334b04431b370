"""The README's example, whole: a comment is written, and the right people get a mail and an inbox item."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion, Email, Event
from clarion.demo.catcher import received
from tests.support.smtp import FaultServer, say
from tests.support.working import done, ends, limits, results, until, working

pytestmark = pytest.mark.anyio


class Acme:
    """What the application knows, and Clarion does not."""

    def reviewers(self, subject: str | None) -> list[str]:
        return ["carol", "dave", "alice"] if subject == "cl/42" else []


def mentions_in(text: str) -> list[str]:
    return [word.strip("@.,!") for word in text.split() if word.startswith("@")]


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    kept = tmp_path / "mails.db"
    command = [sys.executable, "-m", "clarion.demo.catcher", "--port", "0", "--store", str(kept)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"smtp://127.0.0.1:{json.loads(process.stdout.readline())['port']}", kept
        process.terminate()


@pytest.fixture
def acme(database_url: str) -> Iterator[Callable[[str], Clarion]]:
    made: list[Clarion] = []

    def application(smtp: str) -> Clarion:
        clarion = Clarion(
            database_url,
            channels=[Email(smtp, sender="Acme <hello@acme.test>")],
            application=Acme(),
            name="Acme",
            base_url="https://acme.test",
            limits=limits(),
        )
        made.append(clarion)

        @clarion.type(
            "cl.comment.created",
            description="New comment",
            category="reviews",
            channels=("inbox", "email"),
        )
        def audience(event: Event, app: Acme) -> Iterator[tuple[str, list[str]]]:
            yield "mention", mentions_in(event.data["text"])
            yield "reviewer", app.reviewers(event.subject)

        clarion.start()
        for id in ("alice", "bob", "carol", "dave", "erin"):
            clarion.recipients.upsert(id, name=id.title(), addresses={"email": f"{id}@acme.test"})
        return clarion

    yield application
    for clarion in made:
        clarion.close()


def comment(clarion: Clarion, conn: Any, n: int = 7) -> Any:
    return clarion.emit(
        conn,
        "cl.comment.created",
        actor="alice",
        subject="cl/42",
        thread="cl/42",
        to={"author": ["bob"]},
        key=f"comment/{n}",
        data={"text": "Looks good, @erin and @carol!"},
        url=f"/cl/42#c{n}",
    )


async def test_a_comment_reaches_author_reviewers_and_mentioned(
    acme: Callable[[str], Clarion], catcher: tuple[str, Path]
) -> None:
    url, kept = catcher
    clarion = acme(url)
    clarion.recipients.prefer("dave", "category:reviews", channels=["inbox"])

    host = sa.create_engine(clarion.database.url)
    with host.connect() as conn:
        if conn.dialect.name == "sqlite":
            conn.connection.driver_connection.isolation_level = "IMMEDIATE"  # type: ignore[union-attr]
        with conn.begin() as written:
            comment(clarion, conn, 6)
            written.rollback()  # the comment could not be stored
        with conn.begin():
            event = comment(clarion, conn)
            assert comment(clarion, conn) == event, "the same key, the same event"
    host.dispose()

    async with working(clarion):
        await until(lambda: done(clarion))

    told = {told.recipient: (told.reason, set(told.sent_at)) for told in clarion.status(event)}
    assert told == {
        "erin": ("mention", {"email"}),
        "carol": ("mention", {"email"}),
        "dave": ("reviewer", set()),
        "alice": ("reviewer", set()),
        "bob": ("author", {"email"}),
    }
    mails = {mail.to[0]: mail for mail in received(kept)}
    assert set(mails) == {"erin@acme.test", "carol@acme.test", "bob@acme.test"}
    for mail in mails.values():
        assert "Looks good, @erin and @carol!" in mail.text
        assert "https://acme.test/cl/42#c7" in mail.text
        assert "https://acme.test/cl/42#c7" in mail.html
    assert "because you were mentioned" in mails["erin@acme.test"].text
    assert "because you are its author" in mails["bob@acme.test"].text
    (delivery,) = clarion.why(event, "bob").deliveries
    assert mails["bob@acme.test"].message_id == f"<{delivery.id}@acme.test>"

    assert {who: clarion.inbox.count_unread(who) for who in told} == {
        "erin": 1,
        "carol": 1,
        "dave": 1,
        "alice": 0,
        "bob": 1,
    }
    (item,) = clarion.inbox.list("dave").items
    assert (item.event.id, item.reason) == (event, "reviewer")
    assert (len(clarion.inbox.mark_read("dave", [item.id])), clarion.inbox.count_unread("dave")) == (1, 0)

    why = {c.channel: c for c in clarion.why(event, "dave").channels}
    assert why["inbox"].told
    assert (why["email"].gate, why["email"].values["said_by"]) == ("consent", "category:reviews")
    assert {c.gate for c in clarion.why(event, "alice").channels} == {"actor"}
    assert "was not in the audience" in clarion.why(event, "zoe").sentence


async def test_a_greylisting_server_gets_the_same_mail_again(
    acme: Callable[[str], Clarion], travel: Callable[[timedelta], None]
) -> None:
    """Refused twice for now, then taken: one Message-ID, the schedule's waits, three attempts on record."""
    async with FaultServer() as server:
        clarion = acme(server.url)
        server.at("rcpt", say("451 4.7.1 greylisted"), say("451 4.7.1 greylisted"))
        event = clarion.database.run(
            lambda conn: clarion.emit(conn, "cl.comment.created", to=["bob"], data={"text": "hi"})
        )
        async with working(clarion):
            await until(lambda: results(clarion, final=False)["retry"] == 1)
            assert ends(clarion, event, "bob", "email") == ("waiting", "smtp_451")
            travel(timedelta(seconds=7))
            await until(lambda: results(clarion, final=False)["retry"] == 2)
            assert not server.mails
            travel(timedelta(seconds=37))
            await until(lambda: done(clarion))
        (mail,) = server.mails
        (delivery,) = clarion.why(event, "bob").deliveries
        assert f"Message-ID: <{delivery.id}@acme.test>".encode() in mail.raw
        assert [(a.n, a.result, a.code) for a in delivery.attempts if a.result != "given_back"] == [
            (1, "retry", "smtp_451"),
            (2, "retry", "smtp_451"),
            (3, "sent", None),
        ]
        assert "queued as" in (delivery.attempts[-1].receipt or "")


async def test_an_outage_of_the_mail_server_costs_nothing(acme: Callable[[str], Clarion]) -> None:
    """Nobody listens; then somebody does: sent at the first attempt, and never failed."""
    async with FaultServer() as first:
        url, port = first.url, first.port
    clarion = acme(url)
    event = clarion.database.run(
        lambda conn: clarion.emit(conn, "cl.comment.created", to=["bob"], data={"text": "hi"})
    )
    async with working(clarion):
        await until(lambda: ends(clarion, event, "bob", "email")[1] == "connect")
        assert clarion.inbox.count_unread("bob") == 1, "the inbox waits for no mail"
        server = FaultServer()
        server.port = port
        async with server:
            await until(lambda: done(clarion))
            assert len(server.mails) == 1
    (delivery,) = clarion.why(event, "bob").deliveries
    assert [attempt.n for attempt in delivery.attempts][-1] == 1
    assert {attempt.result for attempt in delivery.attempts} == {"down", "sent"}
