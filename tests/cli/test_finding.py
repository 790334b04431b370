"""How a command finds its Clarion, and what it says when it finds none. Every refusal is one line and an exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import clarion


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["migrate"], 2, "which Clarion? pass --app MODULE:NAME or --database URL"),
        (["migrate", "--app", "shop:make", "--database", "sqlite:///a.db"], 2, "leave out --database"),
        (["migrate", "--database", "mysql://u:secret@h/x"], 1, "use sqlite:///file.db or postgresql://"),
        (["migrate", "--database", "nonsense"], 1, "the database's URL"),
        (["migrate", "--database", "sqlite:////no/such/folder/a.db"], 1, "unable to open database file"),
        (["migrate", "--database", "postgresql://u:secret@127.0.0.1:9/x"], 1, "the database refused"),
        (["migrate", "--app", "shop"], 1, "must be written module:name"),
        (["migrate", "--app", "nowhere:make"], 1, "No module named 'nowhere'"),
        (["migrate", "--app", "shop:mak"], 1, "module 'shop' has no attribute 'mak'"),
        (["migrate", "--app", "shop:not_a_clarion"], 1, "is of type int; it must be a Clarion"),
        (["emit", "cl.merged", "--database", "sqlite:///a.db"], 2, "which event types? pass --types"),
        (["emit", "x", "--database", "sqlite:///a.db", "--types", "no.toml"], 1, "there is no file 'a.db'"),
        (["work", "--database", "sqlite:///a.db", "--types", "types.toml", "--smtp", "smtp://h"], 2, "--sender"),
        (["explain", "k", "--database", "sqlite:///a.db"], 1, "there is no file 'a.db'; run `clarion migrate`"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line(arguments: list[str], code: int, message: str, shop: Path) -> None:
    ended = clarion(*arguments, cwd=shop, env={"SHOP_DATABASE": "sqlite:///shop.db"})
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert "secret" not in ended.err
    assert ended.err.startswith("clarion: ")
    assert ended.err.count("\n") == 1
    assert not (shop / "a.db").exists()


def test_the_command_line_counts_before_the_environment(shop: Path) -> None:
    env = {"SHOP_DATABASE": "sqlite:///shop.db", "CLARION_APP": "shop:make"}
    assert clarion("migrate", cwd=shop, env=env).out.startswith("sqlite:///shop.db is at revision ")
    said = clarion("migrate", "--database", "sqlite:///other.db", cwd=shop, env=env)
    assert said.out.startswith("sqlite:///other.db is at revision ")


def test_help_has_an_example_for_every_command() -> None:
    for command in ("migrate", "work", "emit", "explain", "prune", "demo"):
        ended = clarion(command, "--help")
        assert (ended.code, ended.err) == (0, "")
        assert f"Example: clarion {command} " in ended.out
        assert "\x1b" not in ended.out


def test_an_unknown_command_is_wrong_usage() -> None:
    ended = clarion("explian")
    assert ended.code == 2
    assert "explian" in ended.err
