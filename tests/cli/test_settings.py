"""`clarion settings`: the example, and what is in force."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from clarion.settings.example import example
from tests.support.command import clarion


def test_an_example_to_begin_with(tmp_path: Path) -> None:
    ended = clarion("settings", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == example()
    (tmp_path / "clarion.toml").write_text(ended.out)
    assert clarion("settings", cwd=tmp_path).out == ended.out
    env = {"CLARION_NAME": "Acme"}
    assert clarion("settings", "--example", cwd=tmp_path, env=env).out == ended.out


def test_what_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "clarion.toml").write_text('retention = "90d"\nname = "Not this"')
    env = {"CLARION_NAME": "Acme", "CLARION_SMTP": "smtp://olga:hunter2@h", "CLARION_SENDER": "a@acme.test"}
    ended = clarion("settings", "--database", "sqlite:///app.db", cwd=tmp_path, env=env)
    assert (ended.code, ended.err) == (0, "")
    tables = tomllib.loads(ended.out)
    assert tables["mail"] == {"sender": "a@acme.test"}
    assert {name: value for name, value in tables.items() if not isinstance(value, dict)} == {
        "database": "sqlite:///app.db",
        "name": "Acme",
        "retention": "90d",
    }
    assert 'database = "sqlite:///app.db"  # from --database\n' in ended.out
    assert '# smtp = "smtp://olga:***@h"  # from CLARION_SMTP; the secret is not shown\n' in ended.out
    assert not (tmp_path / "app.db").exists(), "nothing is opened"


def test_as_json(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('app = "shop:make"\nlog = "json"\n[worker]\nbatch = 7')
    env = {"CLARION_SMTP": "smtp://olga:hunter2@h"}
    ended = clarion("settings", "--config", "other.toml", "--json", cwd=tmp_path, env=env)
    assert (ended.code, ended.out.count("\n")) == (0, 1)
    said = json.loads(ended.out)
    of = {one.pop("key"): one for one in said["settings"]}
    assert said["file"] == "other.toml"
    file = {"from": "file", "name": "other.toml", "held_in": None, "secret": False}
    assert of["log"] == {**file, "value": "json", "set_aside": False}
    assert of["worker.batch"] == {**file, "value": None, "set_aside": True}
    assert of["mail.smtp"]["from"] == "environment"
    assert of["worker.lease"]["value"] == "30s"
    assert of["verbose"]["value"] is False
    assert "hunter2" not in ended.out


def test_what_is_wrong_is_said_and_nothing_printed(tmp_path: Path) -> None:
    (tmp_path / "clarion.toml").write_text('nam = "Acme"')
    ended = clarion("settings", cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "clarion: clarion.toml: unknown setting 'nam'; did you mean 'name'?\n"
