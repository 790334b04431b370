"""What `clarion desktop` does not begin with, and says so without the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import clarion
from tests.support.desktops import free_port

KEY = {"CLARION_KEY": "clk_" + "x" * 40}
THERE = {**KEY, "CLARION_URL": "https://clarion.acme.test"}
BOB = ("--recipient", "bob")


@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        (BOB, KEY, "say --url https://…, or set CLARION_URL"),
        (("--url", "http://acme.test", *BOB), KEY, "acme.test is another machine: write https://"),
        (BOB, {"CLARION_URL": THERE["CLARION_URL"]}, "set CLARION_KEY, or name its file with --key-file"),
        ((*BOB, "--key-file", "/nowhere/key"), THERE, "'/nowhere/key' cannot be read: No such file"),
        (BOB, {**THERE, "CLARION_KEY": "clk_a\nX: y"}, "one word of ASCII"),
        ((), THERE, "say --recipient ID, or --everybody"),
        ((*BOB, "--everybody"), THERE, "not both"),
        (BOB, {**THERE, "CLARION_KEY": "a.b.c"}, "says itself whose it is"),
        (("--recipient", "b\nx: y"), THERE, "use a token of theirs"),
        (("--recipient", "\u4e00"), THERE, "use a token of theirs"),
        ((*BOB, "--lease", "1s"), THERE, "from 5s to 10m"),
        ((*BOB, "--timeout", "soon"), THERE, "write how long"),
        ((*BOB, "--show", "osascript"), {**THERE, "PATH": "/nowhere"}, "there is no 'osascript' here"),
        ((*BOB, "--key", "clk_a"), THERE, "No such option: --key"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], env: dict[str, str], words: str) -> None:
    refused = clarion("desktop", *arguments, env=env)
    assert (refused.code, refused.out) == (2, ""), refused.err
    assert words in " ".join(refused.err.replace("│", " ").split())
    assert KEY["CLARION_KEY"] not in refused.err


def test_a_key_that_others_can_read_is_told_of(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("clk_a")
    key.chmod(0o644)
    url = f"http://127.0.0.1:{free_port()}"
    said = clarion("desktop", "--url", url, *BOB, "--key-file", str(key), "--once")
    assert f"others on this machine can read the key: chmod 600 {key}" in said.err


def test_other_commands_do_not_mind_its_variables(tmp_path: Path) -> None:
    env = {**THERE, "CLARION_KEY_FILE": "x"}
    assert clarion("settings", cwd=tmp_path, env=env).code == 0
