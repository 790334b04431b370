from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from clarion import Clarion, InvalidInput, UnknownName
from clarion.clock import now
from clarion.store import pauses as store
from tests.support.command import Ended, clarion
from tests.support.working import Wire


@pytest.fixture
def shop(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url, channels=[Wire(name="email"), Wire(name="webhook")])
    made.type("note", channels=["email", "webhook"])
    made.start()
    yield made
    made.close()


def run(url: str, *arguments: str) -> Ended:
    return clarion(*arguments, env={"CLARION_DATABASE": url})


def test_pausing_listing_and_resuming(shop: Clarion, database_url: str) -> None:
    assert run(database_url, "pauses").out == "Nothing pauses.\n"
    asked = run(
        database_url, "pause", "email", "--for", "2h", "--because", "the \x1b[31m relay moves", "--by", "olga"
    )
    assert (asked.code, asked.err) == (0, "")
    assert asked.out.startswith("email pauses until 20")
    (pause,) = shop.pauses()
    assert (pause.channel, pause.lane, pause.by, pause.probes) == ("email", "", "olga", 0)
    assert timedelta(minutes=110) < pause.until - now() <= timedelta(hours=2)
    shown = run(database_url, "pauses")
    assert all(word in shown.out for word in ("email", "olga", "relay moves"))
    assert "\x1b" not in shown.out

    ended = run(database_url, "resume", "email")
    assert (ended.code, ended.out) == (0, "Resumed.\n")
    assert run(database_url, "resume", "email").out == "It did not pause: nothing to do.\n"
    assert shop.pauses() == []


def test_lanes_are_paused_and_resumed_one_by_one(shop: Clarion, database_url: str) -> None:
    run(database_url, "pause", "webhook")
    said = run(database_url, "pause", "webhook", "--lane", "default https://x.test", "--json").out
    asked = json.loads(said)["pause"]
    assert (asked["channel"], asked["lane"]) == ("webhook", "default https://x.test")
    assert datetime.fromisoformat(asked["until"]) > now()
    listed = json.loads(run(database_url, "pauses", "--json").out)["pauses"]
    assert [one["lane"] for one in listed] == ["", "default https://x.test"]
    ended = json.loads(run(database_url, "resume", "webhook", "--json").out)
    assert ended["resumed"]["lane"] == ""
    assert [one["lane"] for one in ended["left"]] == ["default https://x.test"]
    again = run(database_url, "resume", "webhook")
    assert "It did not pause" in again.out
    assert "webhook (default https://x.test) still pauses until" in again.out
    assert run(database_url, "resume", "webhook", "--lane", "default https://x.test").out == "Resumed.\n"


def test_what_workers_found_down_is_listed_and_can_be_resumed(shop: Clarion, database_url: str) -> None:
    shop.database.run(lambda conn: store.begin(conn, "email", code="auth", detail="535 wrong password"))
    (one,) = json.loads(run(database_url, "pauses", "--json").out)["pauses"]
    assert (one["by"], one["code"], one["detail"], one["probes"]) == (
        "clarion",
        "auth",
        "535 wrong password",
        0,
    )
    assert json.loads(run(database_url, "resume", "email", "--json").out)["resumed"]["code"] == "auth"
    assert shop.pauses() == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["pause", "emial"], 1, "unknown channel 'emial'; did you mean 'email'?"),
        (["resume", "emial"], 1, "unknown channel 'emial'; did you mean 'email'?"),
        (["pause", "inbox"], 1, "unknown channel 'inbox'"),
        (["pause", "email", "--for", "soon"], 2, "--for 'soon'"),
        (["pause", "email", "--for", "0m"], 2, "more than nothing"),
        (["pause", "email", "--for", "999999d"], 2, "at most a year"),
        (["pause", "email", "--by", "clarion"], 1, "say who asks for it"),
        (["pause"], 2, "CHANNEL"),
    ],
)
def test_refusals(shop: Clarion, database_url: str, arguments: list[str], code: int, words: str) -> None:
    refused = run(database_url, *arguments)
    assert (refused.code, refused.out) == (code, "")
    assert words in " ".join(refused.err.split())
    assert shop.pauses() == []


@pytest.mark.parametrize("command", ["pauses", "pause", "resume"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: clarion {command}" in clarion(command, "--help").out


def test_in_python(shop: Clarion) -> None:
    ends = now() + timedelta(hours=1)
    shop.pause("email", until=ends, by="olga")
    assert shop.pause("email", until=ends + timedelta(hours=1), by="otto", because="again").by == "otto"
    (pause,) = shop.pauses()
    assert (pause.by, pause.detail) == ("otto", "again")
    with pytest.raises(InvalidInput, match="yet to come"):
        shop.pause("email", until=now() - timedelta(seconds=1), by="olga")
    with pytest.raises(InvalidInput):
        shop.pause("email", until=ends, by=" ")
    with pytest.raises(UnknownName, match="'email'"):
        shop.pause("mail", until=ends, by="olga")
    ended = shop.resume("email")
    assert ended is not None
    assert ended.by == "otto"
    assert shop.resume("email") is None


def test_one_that_is_over_is_none(shop: Clarion, travel: object) -> None:
    shop.pause("email", until=now() + timedelta(hours=1), by="olga")
    assert callable(travel)
    travel(timedelta(hours=2))
    assert shop.pauses() == []
