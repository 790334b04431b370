from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from clarion.event import Event
from clarion.severity import Severity
from clarion.store import records
from clarion.store.database import Database
from tests.conftest import copy_sqlite
from tests.support.command import Ended, clarion


def stored(url: str, key: str) -> Event:
    database = Database(url)
    found = database.read(lambda conn: records.event_by_key(conn, "acme", key))
    database.close()
    assert found is not None
    return found[0]


def emit(shop: Path, url: str, *arguments: str, said: str = "") -> Ended:
    env = {"CLARION_DATABASE": url, "CLARION_TYPES": "types.toml"}
    return clarion("emit", "cl.merged", "--tenant", "acme", *arguments, cwd=shop, env=env, said=said)


def test_every_field(database_url: str, shop: Path) -> None:
    words = "--actor alice --subject cl/42 --thread cl/42 --topic cl --severity high --key k --tag a --tag b"
    words += " --to author=bob --to carol --to author=dan --channel inbox --url /cl/42 --correlation-id c"
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    words += f" --at {at.astimezone(timezone(timedelta(hours=2))).isoformat()}"
    words += f" --expires-at {at + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ} --condition open --data -"
    ended = emit(shop, database_url, *words.split(), said='{"title": "Merged"}')
    assert (ended.code, ended.err) == (0, "")
    event = stored(database_url, "k")
    assert ended.out == f"{event.id}\n"
    assert (event.actor, event.subject, event.thread, event.topic) == ("alice", "cl/42", "cl/42", "cl")
    assert event.to == (("author", ("bob", "dan")), ("direct", ("carol",)))
    assert (event.severity, event.tags, event.channels) == (Severity.ACTION, ("a", "b"), ("inbox",))
    assert (event.at, event.expires_at) == (at, at + timedelta(hours=1))
    assert (event.url, event.condition, event.correlation_id) == ("/cl/42", "open", "c")
    assert event.data == {"title": "Merged"}


def test_a_used_key_is_the_same_event_or_a_conflict(database_url: str, shop: Path) -> None:
    (shop / "data.json").write_text('{"title": "Merged"}')
    first = json.loads(emit(shop, database_url, "--key", "k", "--data", "@data.json", "--json").out)
    again = json.loads(emit(shop, database_url, "--key", "k", "--data", "@data.json", "--json").out)
    assert first["new"] is True
    assert again == {**first, "new": False}
    said = emit(shop, database_url, "--key", "k", "--data", "@data.json").out
    assert said == f"{first['id']}  (emitted before, with the key 'k')\n"
    other = emit(shop, database_url, "--key", "k")
    assert (other.code, other.out) == (1, "")
    assert "already stands for another event" in other.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "[1]"], 2, "--data must be an object"),
        (["--data", "{x"], 2, "is no JSON"),
        (["--data", "@missing.json"], 2, "missing.json"),
        (["--data", "[" * 100_000], 2, "is no JSON"),
        (["--data", '{"n": NaN}'], 1, "data must be plain JSON"),
        (["--at", "noon"], 2, "--at 'noon'"),
        (["--at", "2030-01-01T12:00:00"], 2, "lacks its offset"),
        (["--to", ""], 2, "write REASON=ID"),
        (["--to", "author="], 2, "write REASON=ID"),
        (["--severity", "hgh"], 1, "did you mean 'high'"),
        (["--channel", "emial"], 1, "did you mean 'email'"),
    ],
)
def test_a_refusal_is_one_line(
    arguments: list[str], code: int, message: str, shop: Path, tmp_path: Path, migrated_sqlite: Path
) -> None:
    copy_sqlite(migrated_sqlite, tmp_path / "own.db")
    ended = emit(shop, f"sqlite:///{tmp_path / 'own.db'}", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert ended.err.count("\n") == 1


def test_a_database_that_was_not_migrated(empty_database_url: str, shop: Path) -> None:
    if empty_database_url.startswith("sqlite"):
        Path(empty_database_url.removeprefix("sqlite:///")).touch()
    ended = emit(shop, empty_database_url)
    assert (ended.code, ended.out) == (1, "")
    assert "run `clarion migrate`" in ended.err


def test_data_in_a_file_that_is_not_there_is_not_called_json(shop: Path) -> None:
    env = {"CLARION_DATABASE": "sqlite:///app.db", "CLARION_TYPES": "types.toml"}
    ended = clarion("emit", "cl.merged", "--data", "@/nope", cwd=shop, env=env)
    assert (ended.code, ended.err) == (
        2,
        "clarion: --data '@/nope' cannot be read: No such file or directory\n",
    )
