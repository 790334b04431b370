"""How a command finds its Clarion, and what it says when it finds none. Every refusal is one line and an exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest
from typer.main import get_command

from clarion.cli import app
from clarion.clock import now
from tests.support.command import clarion


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["migrate"], 2, "which Clarion? pass --app MODULE:NAME or --database URL"),
        (["migrate", "--app", "shop:make", "--database", "sqlite:///a.db"], 2, "leave out --database"),
        (["migrate", "--database", "mysql://u:secret@h/x"], 2, "use sqlite:///file.db or postgresql://"),
        (["migrate", "--database", "nonsense"], 2, "--database: the database's URL cannot be read"),
        (["migrate", "--database", "sqlite:////no/such/folder/a.db"], 1, "unable to open database file"),
        (["migrate", "--database", "postgresql://u:secret@127.0.0.1:9/x"], 1, "the database postgresql://u:***@127.0.0.1:9/x refused"),
        (["migrate", "--app", "shop"], 2, "--app 'shop': it must be written module:name"),
        (["migrate", "--app", "nowhere:make"], 1, "No module named 'nowhere'"),
        (["migrate", "--app", "shop:mak"], 1, "module 'shop' has no attribute 'mak'"),
        (["migrate", "--app", "shop:not_a_clarion"], 1, "is of type int; it must be a Clarion"),
        (["emit", "cl.merged", "--database", "sqlite:///a.db"], 2, "which event types? pass --types"),
        (["emit", "x", "--database", "sqlite:///a.db", "--types", "types.toml"], 1, "there is no file 'a.db'"),
        (["emit", "x", "--database", "sqlite:///a.db", "--types", "no.toml"], 2, "--types 'no.toml': there is no such file"),
        (["explain", "k", "--config", "no.toml"], 2, "no.toml: the file of settings cannot be read"),
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


def test_the_environment_counts_before_the_file(shop: Path) -> None:
    (shop / "clarion.toml").write_text('database = "sqlite:///of_file.db"')
    assert clarion("migrate", cwd=shop).out.startswith("sqlite:///of_file.db is at revision ")
    env = {"CLARION_DATABASE": "sqlite:///of_environment.db"}
    assert clarion("migrate", cwd=shop, env=env).out.startswith("sqlite:///of_environment.db is ")
    (shop / "other.toml").write_text('database = "sqlite:///of_other.db"')
    said = clarion("migrate", "--config", "other.toml", cwd=shop)
    assert said.out.startswith("sqlite:///of_other.db is at revision ")


def test_what_needs_the_database_alone_is_kept_from_it_by_nothing_else(database_url: str, shop: Path) -> None:
    (shop / "clarion.toml").write_text(
        'types = "nowhere.toml"\nretention = "90d"\n[mail]\nsmtp_file = "nowhere"'
    )
    env = {"CLARION_DATABASE": database_url}
    ended = clarion("prune", "--dry-run", "--json", cwd=shop, env=env)
    assert (ended.code, ended.err) == (0, "")
    before = datetime.fromisoformat(json.loads(ended.out)["before"])
    assert timedelta(days=90) <= now() - before < timedelta(days=91)
    assert clarion("doctor", cwd=shop, env=env).code == 2


def test_everything_wrong_is_said_at_once(shop: Path) -> None:
    (shop / "clarion.toml").write_text('databse = "sqlite:///a.db"\n[worker]\nbatch = 0')
    env = {"CLARION_SMPT": "smtp://h", "CLARION_TEST_PG_BIN": "/usr/bin"}
    ended = clarion("work", "--metrics", "nowhere", cwd=shop, env=env)
    assert (ended.code, ended.out) == (2, "")
    assert [line.removeprefix("clarion: ") for line in ended.err.splitlines()] == [
        "the environment: unknown variable 'CLARION_SMPT'; did you mean 'CLARION_SMTP'?",
        "clarion.toml: unknown setting 'databse'; did you mean 'database'?",
        "--metrics 'nowhere': metrics: say host:port, such as 127.0.0.1:9464, not 'nowhere'",
        "clarion.toml: worker.batch = 0: it must be a whole number from 1 to 100000",
    ]


def test_every_command_that_takes_a_database_takes_a_file_of_settings() -> None:
    def leaves(command: click.Command) -> Iterator[click.Command]:
        yield command
        for below in getattr(command, "commands", {}).values():
            yield from leaves(below)

    options = [{option for one in leaf.params for option in one.opts} for leaf in leaves(get_command(app))]
    finding = [
        one for one in options if {"--app", "--database"} & one and "--check" not in one
    ]  # all but the demo
    assert len(finding) >= 10
    assert not [sorted(one) for one in finding if not {"--app", "--database", "--config"} <= one]


def test_help_has_an_example_for_every_command() -> None:
    for command in ("migrate", "work", "emit", "explain", "prune", "settings", "demo"):
        ended = clarion(command, "--help")
        assert (ended.code, ended.err) == (0, "")
        assert f"Example: clarion {command} " in ended.out
        assert "\x1b" not in ended.out


def test_an_unknown_command_is_wrong_usage() -> None:
    ended = clarion("explian")
    assert ended.code == 2
    assert "explian" in ended.err
