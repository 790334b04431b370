from __future__ import annotations

import json
from pathlib import Path

import pytest

from clarion import Clarion
from tests.cli.conftest import TYPES
from tests.support.command import clarion
from tests.support.working import Wire


def test_declared_and_stored(database_url: str, tmp_path: Path) -> None:
    env = {"CLARION_DATABASE": database_url}
    assert "No event type" in clarion("types", env=env, cwd=tmp_path).out
    (tmp_path / "types.toml").write_text(TYPES)
    declared = clarion("types", "--types", "types.toml", "--database", database_url, cwd=tmp_path)
    assert (declared.code, declared.err) == (0, "")
    assert "declared here, not stored yet" in " ".join(declared.out.split())

    app = Clarion(database_url, channels=[Wire(name="email")], types=tmp_path / "types.toml", version="2.1")
    app.type("sec.login", category="security", required=True, severity="urgent", channels=["email"])
    app.start()
    listed = json.loads(clarion("types", "--json", env=env, cwd=tmp_path).out)["types"]
    assert [(one["code"], one["declared"], one["stored"]) for one in listed] == [
        ("cl.merged", False, True),
        ("sec.login", False, True),
    ]
    one = json.loads(clarion("types", "sec.login", "--json", env=env, cwd=tmp_path).out)
    assert (one["severity"], one["required"], one["version"]) == ("urgent", True, "2.1")
    assert set(one["enabled_since"]) == {"inbox", "email"}
    assert "required: nothing that a recipient says stops it" in one["policy"]
    shown = clarion("types", "sec.login", env=env, cwd=tmp_path)
    assert "stored, not declared here" in shown.out
    assert "· required" in shown.out
    assert "last by version 2.1" in shown.out
    app.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_refusals(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "types.toml").write_text(TYPES)
    env = {"CLARION_DATABASE": database_url, "CLARION_TYPES": "types.toml"}
    unknown = clarion("types", "cl.mergd", env=env, cwd=tmp_path)
    assert (unknown.code, unknown.out) == (1, "")
    assert "did you mean 'cl.merged'?" in unknown.err
    missing = clarion("types", "--database", "sqlite:///nothing.db", cwd=tmp_path)
    assert missing.code == 1
    assert "run `clarion migrate`" in missing.err
    assert not (tmp_path / "nothing.db").exists()
