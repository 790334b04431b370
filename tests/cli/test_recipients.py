from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clarion import Clarion
from clarion.clock import now
from clarion.store.schema import addresses
from tests.support.command import Ended, clarion
from tests.support.working import Wire


@pytest.fixture
def shop(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url, channels=[Wire(name="email"), Wire(name="sms")])
    made.type("cl.merged", category="reviews", channels=["inbox", "email"])
    made.start()
    yield made
    made.close()


def run(url: str, *arguments: str) -> Ended:
    return clarion("recipients", *arguments, env={"CLARION_DATABASE": url})


def test_writing_and_listing(shop: Clarion, database_url: str) -> None:
    assert run(database_url).out == "There is no such recipient.\n"
    new = run(
        database_url, "upsert", "bob", "--name", "Bob \x1b[31m", "--email", "bob@a.test", "--role", "admin"
    )
    assert (new.code, new.out) == (1, ""), "a name with a control character is refused"
    new = run(database_url, "upsert", "bob", "--name", "Bob", "--email", "bob@a.test", "--role", "admin")
    assert (new.code, new.err, new.out) == (0, "", "bob is new.\n")
    again = run(database_url, "add", "bob", "--email", "b@a.test", "--address", "sms=+1", "--locale", "de")
    assert again.out == "bob is written. Removed: email bob@a.test.\n"
    assert run(database_url, "upsert", "bob", "--locale", "de").out == "bob was so already.\n"
    made = json.loads(run(database_url, "upsert", "carol", "--inactive", "--json").out)
    assert (made["new"], made["recipient"]["active"]) == (True, False)

    listed = run(database_url)
    assert all(word in listed.out for word in ("bob", "sms +1", "admin", "carol", "inactive"))
    assert "bob" not in run(database_url, "--inactive").out
    page = run(database_url, "--most", "1")
    assert "There are more: --after 'bob'" in page.out
    found = json.loads(run(database_url, "--search", "B@A", "--role", "admin", "--json").out)
    assert [one["id"] for one in found["recipients"]] == ["bob"]
    assert found["more"] is False
    removed = run(database_url, "upsert", "bob", "--no-address", "sms", "--no-roles")
    assert "Removed: sms +1." in removed.out
    one = shop.recipients.get("bob")
    assert one is not None
    assert (one.roles, [a.value for a in one.addresses]) == ((), ["b@a.test"])


def test_one_of_them(shop: Clarion, database_url: str) -> None:
    shop.recipients.upsert("bob", name="Bob", addresses={"email": "bob@a.test"}, roles=["admin"])
    shop.recipients.prefer("bob", "category:reviews", enabled=False)
    shop.recipients.mute("bob", "cl/42")
    shop.recipients.configure("bob", quiet_hours={"daily": ["22:00-07:00"]}, enabled=False)
    dead = sa.update(addresses).values(gone_at=now(), gone_reason="no such user")
    shop.database.run(lambda conn: conn.execute(dead))
    shown = run(database_url, "show", "bob")
    assert (shown.code, shown.err) == (0, "")
    for words in (
        "admin",
        "no such user",
        "said of categories: 1",
        "muted: 1",
        "22:00-07:00",
        "global switch: off",
    ):
        assert words in shown.out
    said = json.loads(run(database_url, "show", "bob", "--json").out)
    assert said["addresses"][0]["gone_reason"] == "no such user"
    assert (said["said"]["said_of_categories"], said["said"]["muted"]) == (1, 1)
    ended = run(database_url, "deactivate", "bob")
    assert ended.out == "Nothing reaches bob any more.\n"
    assert "inactive: nothing reaches them" in run(database_url, "show", "bob").out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "nobody"], 1, "there is no recipient 'nobody'"),
        (["deactivate", "nobody"], 1, "there is no recipient 'nobody'"),
        (["upsert", "bob", "--address", "emial=x"], 1, "unknown channel 'emial'; did you mean 'email'?"),
        (["upsert", "bob", "--address", "email"], 2, "write CHANNEL=ADDRESS"),
        (["upsert", "bob", "--time-zone", "Europe/Berln"], 1, "Europe/Berlin"),
        (["upsert", "bob", "--role", "a", "--no-roles"], 2, "not both"),
        (["--most", "0"], 2, "--most"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_refusals(shop: Clarion, database_url: str, arguments: list[str], code: int, words: str) -> None:
    refused = run(database_url, *arguments)
    assert (refused.code, refused.out) == (code, "")
    assert words in " ".join(refused.err.split())
    assert shop.recipients.find() == []


def test_an_option_before_the_command_is_refused_and_not_ignored(shop: Clarion, database_url: str) -> None:
    shop.recipients.upsert("bob")
    shop.recipients.upsert("bob", tenant="other")
    ended = run(database_url, "--tenant", "other", "deactivate", "bob")
    assert (ended.code, ended.out) == (2, "")
    assert "--tenant belongs after 'deactivate'" in ended.err
    bob = shop.recipients.get("bob")
    assert bob is not None
    assert bob.active
    ended = run(database_url, "--search", "b", "show", "bob")
    assert (ended.code, ended.err) == (2, "clarion: 'show' has no --search; leave it out\n")


def test_what_is_no_mail_address_is_refused_when_it_is_written(shop: Clarion, database_url: str) -> None:
    ended = run(database_url, "upsert", "bob", "--email", "not an address")
    assert ended.code == 1
    assert "recipient 'bob': mail address 'not an address' is not accepted" in ended.err
    assert "write one such as bob@acme.test" in ended.err
    assert shop.recipients.get("bob") is None
