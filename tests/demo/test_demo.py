"""`clarion demo` as a user runs it, and whether its check can fail."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from clarion.demo import catcher, feed, ledger, verdict
from clarion.demo.people import people
from clarion.store.database import Database
from tests.support.command import PATIENCE, Ended, clarion, start


def last_line(ended: Ended) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ended.out.splitlines()[-1])
    return found


def left_running(url: str, folder: Path) -> list[str]:
    """The processes that belong to this database or folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CLARION_DATABASE") == url or str(folder) in process.cmdline():
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_it_shows(empty_database_url: str, tmp_path: Path) -> None:
    ended = clarion("demo", "--once", "--database", empty_database_url, "--dir", str(tmp_path / "demo"))
    assert (ended.code, ended.err) == (0, "")
    for shown in (
        "github pull request",
        "acme incident",
        "email:comptabilite@client.test",
        "someone-unknown",
        "X-Hub-Signature-256 does not fit the body",
        "Subject: Sam Lee commented on “Onboarding, second draft”",
        "You got this because you were mentioned.",
        "hacktocat was in the audience, the strongest reason being 'mention'.",
        "info is below the recipient's action (* on email)",
        "✓ nothing lost, nothing undecided",
    ):
        assert shown in ended.out
    for gate in ("expired", "actor", "active", "access", "reachable", "enabled", "consent", "severity"):
        assert f"\n {gate} " in ended.out
    assert "\x1b" not in ended.out
    assert left_running(empty_database_url, tmp_path / "demo") == []

    again = clarion("demo", "--once", "--database", empty_database_url)
    assert (again.code, again.out.count("\x1b")) == (1, 0)
    assert "the demo needs an empty database" in again.err
    assert again.err.count("\n") == 1


def test_the_check(empty_database_url: str, tmp_path: Path) -> None:
    """A worker is killed, the catcher goes away and comes back: nothing is lost, and no more doubled than in flight."""
    ended = clarion(
        "demo", "--check", "--json", "--database", empty_database_url, "--dir", str(tmp_path / "demo")
    )
    counts = last_line(ended)
    assert (ended.code, counts["problems"], ended.err) == (0, [], "")
    assert ended.out.count("\n") == 1
    assert counts["killed_workers"] == counts["catcher_restarts"] == 1
    for moment in (counts["at_kill"], counts["at_outage"]):
        assert moment["mails_received"] > 0
        assert moment["mails_to_send"] > 0
    assert counts["events"] == 404
    assert counts["notifications"] > 3000
    assert set(counts["deliveries"]) == {"sent"}
    assert counts["mails_received"] == counts["deliveries"]["sent"] + counts["duplicates"] > 800
    for name in ("lost", "undecided", "uninvited", "strangers", "misdirected", "excess_duplicates"):
        assert counts[name] == 0, name
    assert 0 < counts["leases_lost"] <= counts["allowed_duplicates"]
    assert 0 <= counts["duplicates"] <= counts["allowed_duplicates"]
    assert {"expired", "actor", "active", "access", "reachable", "consent", "severity"} <= set(
        counts["suppressed"]
    )
    assert left_running(empty_database_url, tmp_path / "demo") == []


def test_a_mail_that_vanishes_is_found_missing(empty_database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    process = start("demo", "--once", "--json", "--database", empty_database_url, "--dir", str(folder))
    wait_until(lambda: catcher.count(folder / "mails.db") >= 20)
    with closing(sqlite3.connect(folder / "mails.db", isolation_level=None, timeout=30)) as store:
        store.execute("DELETE FROM mails WHERE id = 1")
    out, err = process.communicate(timeout=PATIENCE)
    counts = last_line(Ended(process.returncode, out, err))
    assert (process.returncode, counts["lost"], counts["problems"]) == (1, 1, ["1 lost"])


def test_whatever_is_tampered_with_is_found(empty_database_url: str, tmp_path: Path) -> None:
    ended = clarion("demo", "--once", "--json", "--database", empty_database_url, "--dir", str(tmp_path))
    assert (ended.code, last_line(ended)["problems"]) == (0, [])
    mails = catcher.received(tmp_path / "mails.db")
    database = Database(empty_database_url)
    emitted = [one for request in feed.requests() for one in feed.receive(request)]
    candidates = verdict.expected([*emitted, *feed.own_events(mails[0].received_at)], people())

    def problems(statement: str | None = None, received: list[catcher.ReceivedMail] = mails) -> list[str]:
        if statement is not None:
            database.run(lambda conn: conn.execute(sa.text(statement)))
        return verdict.judge(candidates, ledger.read(database), received).problems

    assert problems() == []
    assert problems(received=mails[1:]) == ["1 lost"]
    assert problems(received=[*mails, mails[0]]) == ["1 excess duplicates"]
    stranger = catcher.ReceivedMail(
        id=0, received_at=mails[0].received_at, message_id="<x@acme.test>", sender="", to=(), raw=b""
    )
    assert problems(received=[*mails, stranger]) == ["1 strangers"]
    # Each of these stays: what they add up to is counted anew.
    final = "SELECT min(CAST(delivery_id AS TEXT)) FROM clarion_outcomes"
    assert problems(f"DELETE FROM clarion_outcomes WHERE CAST(delivery_id AS TEXT) = ({final})") == ["1 lost"]
    silent = "SELECT min(recipient) FROM clarion_notifications WHERE recipient = 'greta-holm'"
    key = "SELECT min(key) FROM clarion_events WHERE topic = 'github:codertocat/hello-world'"
    one_of = f"event_id = (SELECT id FROM clarion_events WHERE key = ({key})) AND recipient = ({silent})"
    assert problems(f"DELETE FROM clarion_notifications WHERE {one_of}") == ["1 lost", "1 undecided"]
    unwalked = f"UPDATE clarion_events SET failure = 'it broke' WHERE key = ({key})"
    assert problems(unwalked) == ["1 lost", "2 undecided"]
    invisible = "UPDATE clarion_notifications SET visible = FALSE WHERE recipient = 'octocat' AND visible AND reason = 'direct'"
    assert problems(invisible) == ["2 lost", "2 undecided"]
    database.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    process = start("demo", "--once", "--database", url, "--dir", str(tmp_path / "demo"))
    wait_until(lambda: catcher.count(tmp_path / "demo" / "mails.db") > 0)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert left_running(url, tmp_path / "demo") == []
