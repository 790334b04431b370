"""What a shell offers, asked as bash asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clarion import Clarion
from tests.support.command import clarion
from tests.support.working import Wire

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

SCRIPT = str(Path(sys.executable).parent / "clarion")  # what a shell completes is the program, not the module


def offered(folder: Path, line: str, **env: str) -> list[str]:
    asked = {
        "_CLARION_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    ended = clarion(cwd=folder, env={**env, **asked})
    assert (ended.code, ended.err) == (0, "")
    return [name for name in ended.out.splitlines() if name]


def test_commands(database_url: str, tmp_path: Path) -> None:
    assert {"migrate", "work", "types", "test", "recipients", "preferences"} <= set(
        offered(tmp_path, "clarion ")
    )
    assert offered(tmp_path, "clarion reci") == ["recipients"]
    assert set(offered(tmp_path, "clarion preferences s")) == {"show", "set", "switch", "silence"}


def test_names_out_of_the_database(database_url: str, tmp_path: Path) -> None:
    app = Clarion(database_url, channels=[Wire(name="email"), Wire(name="sms")])
    app.type("cl.merged", category="reviews", channels=["inbox", "email"])
    app.start()
    app.recipients.upsert_many([{"id": "bob"}, {"id": "bea", "name": "Carol"}, {"id": "carol"}])
    app.close()
    env = {"CLARION_DATABASE": database_url}
    assert offered(tmp_path, "clarion types c", **env) == ["cl.merged"]
    assert offered(tmp_path, "clarion emit c", **env) == ["cl.merged"]
    assert offered(tmp_path, "clarion pause ", **env) == ["email", "sms"]
    assert offered(tmp_path, "clarion preferences show b", **env) == ["bea", "bob"]
    assert offered(tmp_path, "clarion preferences set bob ", **env) == [
        "*",
        "category:reviews",
        "type:cl.merged",
    ]
    assert offered(tmp_path, "clarion recipients upsert bob --address s", **env) == ["sms="]
    assert offered(tmp_path, f"clarion types --database {database_url} c") == ["cl.merged"]


def test_names_out_of_the_file_of_types(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "types.toml").write_text(
        '[types."cl.merged"]\nchannels = ["pager"]\nresolver = "nothing:here"\n'
    )
    assert offered(tmp_path, "clarion types --types types.toml c") == ["cl.merged"]
    (tmp_path / "clarion.toml").write_text('database = "sqlite:///app.db"\ntypes = "types.toml"\n')
    assert offered(tmp_path, "clarion pause ") == ["pager"]
    assert not (tmp_path / "app.db").exists(), "nothing is made by asking"


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"CLARION_DATABASE": "nonsense"},
        {"CLARION_DATABASE": "postgresql://nobody@127.0.0.1:9/none"},
        {"CLARION_TYPES": "missing.toml", "CLARION_DATABASE": "sqlite:///missing.db"},
        {"CLARION_APP": "no.such:thing"},
    ],
)
def test_nothing_is_offered_rather_than_an_error(
    database_url: str, tmp_path: Path, env: dict[str, str]
) -> None:
    assert offered(tmp_path, "clarion types ", **env) == []
    assert offered(tmp_path, "clarion preferences show ", **env) == []


def test_the_script_for_a_shell(database_url: str, tmp_path: Path) -> None:
    asked = {**os.environ, "_CLARION_COMPLETE": "source_bash"}
    script = subprocess.run([SCRIPT], env=asked, capture_output=True, text=True, check=True).stdout
    typed = f"{script}\nCOMP_WORDS=(clarion reci); COMP_CWORD=1; _clarion_completion clarion; echo ${{COMPREPLY[@]}}"
    path = f"{Path(SCRIPT).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["bash", "-c", typed],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("recipients\n", "")


def test_what_may_be_said_and_recipients_everywhere(database_url: str, tmp_path: Path) -> None:
    app = Clarion(database_url, channels=[Wire(name="email")])
    app.type("cl.merged", category="reviews", channels=["inbox", "email"])
    app.start()
    app.recipients.upsert_many([{"id": "bob"}, {"id": "carol"}])
    app.close()
    env = {"CLARION_DATABASE": database_url}
    for line, answers in {
        "clarion preferences b": ["bob"],
        "clarion recipients show b": ["bob"],
        "clarion recipients deactivate b": ["bob"],
        "clarion emit cl.merged --channel e": ["email"],
        "clarion emit cl.merged --severity u": ["urgent"],
        "clarion replay --type c": ["cl.merged"],
        "clarion replay --channel e": ["email"],
        "clarion keys create shop --scope events:w": ["events:write"],
    }.items():
        assert offered(tmp_path, line, **env) == answers, line
