from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

from tests.cli.failures import failed
from tests.support.command import Ended, clarion


def addresses(url: str, *arguments: str) -> Ended:
    return clarion("addresses", *arguments, env={"CLARION_DATABASE": url})


def test_listing_and_reviving(database_url: str) -> None:
    with failed(database_url) as (app, ids):
        everything = addresses(database_url)
        assert (everything.code, everything.err) == (0, "")
        assert all(f"{who}@a.test" in everything.out for who in ("bob", "carol", "dave"))
        dead = addresses(database_url, "--gone")
        assert "dave@a.test" in dead.out
        assert "no such user" in dead.out
        assert "bob@a.test" not in dead.out
        (one,) = json.loads(addresses(database_url, "--gone", "--json").out)["addresses"]
        assert (one["recipient"], one["channel"], one["value"]) == ("dave", "wire", "dave@a.test")
        explained = clarion("explain", "k", "dave", env={"CLARION_DATABASE": database_url})
        assert f"clarion addresses revive {one['id']}" in " ".join(explained.out.split())

        assert addresses(database_url, "revive", one["id"]).out == "Revived.\n"
        assert addresses(database_url, "revive", one["id"]).out == "It was not dead: nothing to do.\n"
        assert addresses(database_url, "--gone").out == "No address is dead.\n"
        assert app.replay(ids["dave"]).replayed == 1
        again = json.loads(addresses(database_url, "revive", one["id"], "--json").out)
        assert again == {"id": one["id"], "revived": False}


def test_filters_and_pages(database_url: str) -> None:
    with failed(database_url):
        assert "carol" in addresses(database_url, "--recipient", "carol").out
        assert addresses(database_url, "--channel", "sms").out == "There are no addresses.\n"
        first = addresses(database_url, "--most", "2")
        assert "There may be more: --after " in first.out
        after = first.out.split("--after ")[1].strip()
        rest = json.loads(addresses(database_url, "--after", after, "--json").out)["addresses"]
        assert len(rest) == 1


def test_refusals(database_url: str) -> None:
    unknown = addresses(database_url, "revive", str(UUID(int=1)))
    assert (unknown.code, unknown.out) == (1, "")
    assert "there is no address" in unknown.err
    nonsense = addresses(database_url, "revive", "bob@a.test")
    assert (nonsense.code, nonsense.out) == (2, "")
    assert "is no id of an address" in nonsense.err


def test_an_option_before_the_command_is_refused_and_not_ignored(tmp_path: Path) -> None:
    ended = clarion("addresses", "--json", "revive", "0197a6f0-5c1e-7f5a-9d0c-8a4e2f6b1c3d", cwd=tmp_path)
    assert ended.code == 2
    assert "--json belongs after 'revive'" in ended.err
