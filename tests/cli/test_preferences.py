from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from clarion import Clarion
from clarion.clock import now
from tests.support.command import Ended, clarion
from tests.support.working import Wire


@pytest.fixture
def shop(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url, channels=[Wire(name="email")])
    made.type("cl.merged", category="reviews", channels=["inbox", "email"])
    made.type("sec.login", category="security", required=True, channels=["email"])
    made.start()
    made.recipients.upsert("bob")
    yield made
    made.close()


def run(url: str, *arguments: str) -> Ended:
    return clarion("preferences", *arguments, env={"CLARION_DATABASE": url})


def test_saying_and_what_follows(shop: Clarion, database_url: str) -> None:
    nothing = run(database_url, "bob")
    assert (nothing.code, nothing.err) == (0, "")
    assert "bob said nothing." in nothing.out
    done = run(
        database_url, "set", "bob", "category:reviews", "--channel", "email", "--min-severity", "action"
    )
    assert done.out == "Done. `clarion preferences bob` shows what follows.\n"
    again = run(
        database_url, "set", "bob", "category:reviews", "--channel", "email", "--min-severity", "high"
    )
    assert again.out == "It was so already: nothing to do.\n"
    off = json.loads(run(database_url, "set", "bob", "type:cl.merged", "--off", "--by", "olga", "--json").out)
    assert off["changed"] is True
    assert [(row["scope"], row["enabled"]) for row in off["preferences"]] == [
        ("category:reviews", None),
        ("type:cl.merged", False),
    ]
    shown = json.loads(run(database_url, "bob", "--json").out)
    merged, login = shown["types"]
    assert [(c["channel"], c["wanted"], c["by"]) for c in merged["channels"]] == [
        ("email", False, "type:cl.merged"),
        ("inbox", False, "type:cl.merged"),
    ]
    assert (login["required"], login["channels"][0]["by"]) == (True, "required")
    run(database_url, "set", "bob", "type:cl.merged", "--unsay", "enabled", "--channels", "email,inbox")
    seen = run(database_url, "show", "bob", "--type", "cl.merged", "--channel", "email")
    assert "category:reviews on email" in " ".join(seen.out.split())
    assert "on email, inbox" in seen.out
    assert "sec.login" not in seen.out

    entries = json.loads(run(database_url, "history", "bob", "--json").out)["history"]
    assert [(one["n"], one["by"]) for one in entries][1] == (2, "olga")
    assert entries[1]["after"] == {"scope": "type:cl.merged", "channel": "*", "enabled": False}
    page = run(database_url, "history", "bob", "--most", "1")
    assert "There are more: --before 3" in page.out
    assert "enabled: False" in run(database_url, "history", "bob", "--before", "3").out


def test_for_a_while_and_of_some_things(shop: Clarion, database_url: str) -> None:
    said = shop.recipients.said
    run(database_url, "silence", "bob", "--for", "2h")
    until = said("bob").recipient.silent_until
    assert until is not None
    assert timedelta(minutes=110) < until - now() <= timedelta(hours=2)
    assert "silent: until 20" in run(database_url, "bob").out
    run(database_url, "silence", "bob")
    assert "silent: until resumed" in run(database_url, "bob").out
    assert json.loads(run(database_url, "resume", "bob", "--json").out)["silent_until"] is None

    run(database_url, "mute", "bob", "cl/42", "--until", "2100-01-01T00:00:00Z")
    run(database_url, "watch", "bob", "cl/43", "all")
    shown = run(database_url, "bob").out
    assert "until 2100-01-01T00:00:00Z" in shown
    topics = json.loads(run(database_url, "unmute", "bob", "cl/42", "--json").out)["topics"]
    assert [(t["topic"], t["level"], t["subscribed"]) for t in topics] == [("cl/43", "all", True)]
    topics = json.loads(run(database_url, "watch", "bob", "cl/43", "unsaid", "--json").out)["topics"]
    assert [(t["level"], t["subscribed"]) for t in topics] == [(None, True)]

    run(database_url, "switch", "bob", "off")
    assert said("bob").recipient.enabled is False
    hours = ["weekdays=22:00-07:00", "monday=12:00-13:00", "--passes", "action", "--time-zone", "Asia/Tokyo"]
    found = json.loads(run(database_url, "hours", "bob", *hours, "--json").out)
    assert found["quiet_hours"]["monday"] == ["12:00-13:00", "22:00-07:00"]
    assert (found["quiet_hours"]["passes"], found["time_zone"]) == ("action", "Asia/Tokyo")
    shown = " ".join(run(database_url, "bob").out.split())
    assert "action passes" in shown
    assert "global switch: off" in shown
    assert json.loads(run(database_url, "hours", "bob", "--none", "--json").out)["quiet_hours"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nobody"], 1, "there is no recipient 'nobody'"),
        (["bob", "--type", "cl.mergd"], 1, "did you mean 'cl.merged'?"),
        (["bob", "--channel", "emial"], 1, "did you mean 'email'?"),
        (["set", "bob", "type:cl.merged"], 2, "say what: --on"),
        (["set", "bob", "type:cl.merged", "--on", "--unsay", "enabled"], 2, "in the same command"),
        (["set", "bob", "type:cl.mergd", "--off"], 1, "did you mean 'cl.merged'?"),
        (["set", "bob", "type:sec.login", "--off"], 1, "is required"),
        (["set", "bob", "*", "--mode", "nwo"], 1, "did you mean 'now'?"),
        (["set", "nobody", "*", "--off"], 1, "there is no recipient 'nobody'"),
        (["hours", "bob"], 2, "say the hours"),
        (["hours", "bob", "--none", "daily=1-2"], 2, "say the hours"),
        (["hours", "bob", "weekdays"], 2, "write a day and a span"),
        (["hours", "bob", "someday=22:00-07:00"], 1, "unknown day of quiet hours"),
        (["hours", "bob", "daily=00:00-00:00"], 1, "cover the whole week"),
        (["silence", "bob", "--until", "2020-01-01T00:00:00Z"], 1, "is over already"),
        (["silence", "bob", "--until", "2100-01-01T00:00:00Z", "--for", "1h"], 2, "not both"),
        (["watch", "bob", "cl/42", "closely"], 2, "closely"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_refusals(shop: Clarion, database_url: str, arguments: list[str], code: int, words: str) -> None:
    refused = run(database_url, *arguments)
    assert (refused.code, refused.out) == (code, "")
    assert words in " ".join(refused.err.split())
    assert shop.recipients.history("bob") == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_recipient_may_be_called_like_a_command(shop: Clarion, database_url: str) -> None:
    shop.recipients.upsert("set")
    assert "set said nothing." in run(database_url, "show", "set").out
    assert "bob said nothing." in run(database_url, "--database", database_url, "bob").out
