from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from clarion import Clarion
from tests.support.command import Ended, clarion


@pytest.fixture
def shop(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url)
    yield made
    made.close()


def run(url: str, *arguments: str) -> Ended:
    return clarion("keys", *arguments, env={"CLARION_DATABASE": url})


def test_creating_listing_and_revoking(shop: Clarion, database_url: str) -> None:
    assert "no key yet" in run(database_url, "list").out
    made = run(
        database_url,
        "create",
        "the \x1b[31m shop",
        "--scope",
        "events:write",
        "--scope",
        "metrics",
        "--expires",
        "90d",
        "--by",
        "olga",
    )
    assert made.code == 1  # a name with a control character
    made = run(
        database_url,
        "create",
        "shop",
        "--scope",
        "events:write",
        "--scope",
        "metrics",
        "--expires",
        "90d",
        "--by",
        "olga",
    )
    assert made.code == 0
    secret = made.out.strip()  # and nothing else, so that it can be put somewhere
    assert "not shown again" in made.err
    key = shop.keys.check(secret)
    assert key is not None
    assert (key.name, key.scopes, key.created_by) == ("shop", ("events:write", "metrics"), "olga")
    assert key.expires_at is not None
    listed = run(database_url, "list").out
    assert all(word in listed for word in ("shop", "until", "olga"))
    assert secret not in listed
    revoked = run(database_url, "revoke", str(key.id))
    assert (revoked.code, revoked.out) == (0, f"Revoked: shop ({key.prefix}…).\n")
    assert shop.keys.check(secret) is None
    assert "revoked" in run(database_url, "list").out


def test_as_json(shop: Clarion, database_url: str) -> None:
    made = json.loads(
        run(database_url, "create", "shop", "--scope", "inbox", "--tenant", "acme", "--json").out
    )
    key = shop.keys.check(made["secret"])
    assert key is not None
    assert made["key"]["id"] == str(key.id)
    (listed,) = json.loads(run(database_url, "list", "--tenant", "acme", "--json").out)["keys"]
    assert (listed["name"], listed["scopes"], listed["revoked_at"]) == ("shop", ["inbox"], None)
    assert json.loads(run(database_url, "list", "--json").out) == {"keys": []}
    revoked = json.loads(run(database_url, "revoke", str(key.id), "--tenant", "acme", "--json").out)
    assert revoked["key"]["revoked_at"] is not None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["create", "shop"], 2, "pass --scope at least once: events:write"),
        (["create", "shop", "--scope", "event:write"], 1, "did you mean 'events:write'"),
        (["create", "shop", "--scope", "inbox", "--expires", "soon"], 2, "--expires 'soon'"),
        (["create"], 2, "NAME"),
        (["revoke", "shop"], 2, "'shop' is no id"),
        (["revoke", "0197a6f0-5c1e-7f5a-9d0c-8a4e2f6b1c3d"], 1, "there is no key"),
    ],
)
def test_refusals(shop: Clarion, database_url: str, arguments: list[str], code: int, words: str) -> None:
    refused = run(database_url, *arguments)
    assert (refused.code, refused.out) == (code, "")
    assert words in " ".join(refused.err.split())
    assert shop.keys.all() == []


@pytest.mark.parametrize("command", ["list", "create", "revoke"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: clarion keys {command}" in clarion("keys", command, "--help").out
