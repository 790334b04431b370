"""From `emit` over `work` to `explain`, with real mail."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clarion import Clarion
from clarion.demo import catcher
from clarion.demo.stage import Stage
from tests.support.command import clarion, start


@pytest.fixture
def stage(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    with Stage(tmp_path, database_url) as stage:
        stage.start_catcher()
        yield stage


def wait_until(done: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_from_emit_to_a_mail_and_its_explanation(stage: Stage, shop: Path) -> None:
    env = {
        "CLARION_DATABASE": stage.database,
        "CLARION_TYPES": "types.toml",
        "CLARION_SMTP": stage.smtp,
        "CLARION_SENDER": "Acme <hello@acme.test>",
    }
    people = Clarion(stage.database, types=shop / "types.toml")
    people.recipients.upsert("bob", addresses={"email": "bob@acme.test"})
    people.recipients.upsert("carol", active=False)
    emit = ["--key", "merged/42", "--data", '{"title": "Merged \\u001b[31m"}']
    id = clarion(
        "emit", "cl.merged", "--to", "author=bob", "--to", "carol", *emit, cwd=shop, env=env
    ).out.strip()
    before = clarion("explain", id, env=env)
    assert "0 decided on so far: the event waits for its fan-out" in before.out

    worker = start("work", cwd=shop, env=env)
    wait_until(lambda: catcher.count(stage.mails) == 1)
    worker.send_signal(signal.SIGTERM)
    _, log = worker.communicate(timeout=30)
    assert worker.returncode == 0
    assert "channels: inbox, email" in log
    assert "stopped" in log
    assert "clarion [-]: stopped" in log, "about no event"

    (mail,) = catcher.received(stage.mails)
    assert mail.to == ("bob@acme.test",)
    all_of_it = clarion("explain", "merged/42", env=env)
    assert (all_of_it.code, all_of_it.err) == (0, "")
    assert "2 decided on, which is everybody." in all_of_it.out
    assert "1 told (1 in the inbox), 1 suppressed; 1 deliveries: 1 sent." in all_of_it.out
    of_bob = clarion("explain", id, "bob", env=env)
    assert "bob was in the audience, the strongest reason being 'author'" in of_bob.out
    assert "email to bob@acme.test: sent" in of_bob.out
    assert "2.0.0 kept as 1" in of_bob.out
    assert mail.message_id == f"<{json_of(id, 'bob', env)['deliveries'][0]['id']}@acme.test>"
    of_carol = json_of(id, "carol", env)
    assert {one["gate"] for one in of_carol["channels"]} == {"active"}
    assert "zed was not in the audience" in clarion("explain", id, "zed", env=env).out
    nothing = clarion("explain", "merged/43", env=env)
    assert (nothing.code, nothing.out) == (1, "")
    assert nothing.err == "clarion: there is no event with the id or key 'merged/43' in tenant 'default'\n"
    assert "\x1b" not in all_of_it.out + of_bob.out
    people.close()


def json_of(event: str, recipient: str, env: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    ended = clarion("explain", event, recipient, "--json", env=env)
    assert ended.out.count("\n") == 1
    found: dict[str, list[dict[str, str]]] = json.loads(ended.out)
    return found


def test_everybody_as_json(stage: Stage, shop: Path) -> None:
    app = Clarion(stage.database, types=shop / "types.toml")
    app.start()
    app.recipients.upsert("bob")
    id = app.database.run(lambda conn: app.emit(conn, "cl.merged", to=["bob"]))
    worker = start("work", "--database", stage.database, "--types", "types.toml", cwd=shop)
    wait_until(lambda: bool(app.status(id)))
    worker.terminate()
    worker.communicate(timeout=30)
    said = json.loads(clarion("explain", str(id), "--database", stage.database, "--json").out)
    assert said["decided_on_all"] is True
    numbers = {"complete": True, "total": 1, "told": 1, "inbox": 1}
    assert {name: number for name, number in said["counts"].items() if number} == numbers
    assert said["recipients"] == [
        {
            "recipient": "bob",
            "reason": "direct",
            "inbox": True,
            "sent_at": {},
            "unsent": {},
            "due_at": {},
            "decided_at": None,
            "gates": ["reachable"],
        }
    ]
    app.close()


def test_without_tables_a_worker_does_not_start(empty_database_url: str, shop: Path) -> None:
    if empty_database_url.startswith("sqlite"):
        Path(empty_database_url.removeprefix("sqlite:///")).touch()
    ended = clarion("work", "--database", empty_database_url, "--types", "types.toml", cwd=shop)
    assert ended.code == 1
    assert "clarion: the database has no tables of Clarion yet; run `clarion migrate`\n" in ended.err
    assert "Traceback" not in ended.err


def test_settings_say_how_it_logs(empty_database_url: str, shop: Path) -> None:
    if empty_database_url.startswith("sqlite"):
        Path(empty_database_url.removeprefix("sqlite:///")).touch()
    (shop / "clarion.toml").write_text('types = "types.toml"\nlog = "json"')
    env = {"CLARION_DATABASE": empty_database_url}
    first = clarion("work", cwd=shop, env=env).err.splitlines()[0]
    assert json.loads(first)["message"].startswith("working on ")
    first = clarion("work", "--log", "text", cwd=shop, env=env).err.splitlines()[0]
    assert "INFO    clarion [-]: working on " in first
