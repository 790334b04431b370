"""Every command there is: its help, its example, its JSON, its line in the documents."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from clarion.__main__ import commands
from tests.docs.code import ROOT, blocks

DOCUMENT = (ROOT / "docs/cli.md").read_text(encoding="utf-8")

# It works until it is stopped: it has no answer to print.
ENDLESS = {"serve"}


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each command that does something, by its words."""
    for name, one in getattr(command, "commands", {}).items():
        if getattr(one, "hidden", False):
            continue
        inner = getattr(one, "commands", {})
        if not inner or one.invoke_without_command:
            yield " ".join((*path, name)), one
        yield from leaves(one, (*path, name))


COMMANDS = dict(leaves(typer.main.get_command(commands())))


def options(command: Any) -> set[str]:
    return {name for one in command.params for name in (*one.opts, *one.secondary_opts)}


def examples(text: str) -> list[str]:
    """`clarion …`, as in an epilog: one or more, with a dot between."""
    return re.sub("^Examples?: ", "", text).split(" · ")


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 25
    assert {"types", "test", "recipients", "recipients import", "preferences set", "demo"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_that_names_it(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert command.help[0].isupper()
    shown = examples(command.epilog)
    called = name.removesuffix(" show") if name.startswith("preferences") else name
    assert any(one.startswith(f"clarion {called}") for one in shown), shown
    for one in shown:
        known = options(command)
        for word in shlex.split(one.split(" < ")[0].split(" > ")[0]):
            assert not word.startswith("--") or word in known, f"{name} has no {word}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_its_exit_codes(name: str) -> None:
    said = " ".join(COMMANDS[name].help.split())
    assert re.search(r"Exit codes: 0 |Exits with \d", said), said


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_of_its_help_is_taken_for_markup(name: str) -> None:
    assert not re.search(r"(?<!\\)\[/?[a-z]", COMMANDS[name].help), (
        "what stands in brackets would not be shown"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_prints_json_on_demand(name: str) -> None:
    assert ("--json" in options(COMMANDS[name])) is (name not in ENDLESS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_document(name: str) -> None:
    assert re.search(rf"^#+ `clarion {name}`|^\| `{name}`|^\| `clarion {name}", DOCUMENT, re.MULTILINE), name


def test_what_the_document_shows_can_be_called() -> None:
    """Its commands and options exist."""
    shown = [line for block in blocks("docs/cli.md", "sh") for line in block.splitlines() if line]
    assert len(shown) > 20
    for line in shown:
        program, *words = shlex.split(re.split(" [<>] ", line)[0])
        assert program == "clarion"
        name = _called(words)
        known = options(COMMANDS[name])
        for word in words:
            assert not word.startswith("--") or word in known, f"{name} has no {word}"


def _called(words: list[str]) -> str:
    name = next((name for n in (2, 1) if (name := " ".join(words[:n])) in COMMANDS), None)
    return name or f"{words[0]} show"


def test_the_groups_have_help_with_an_example() -> None:
    root = typer.main.get_command(commands())
    assert "130" in (root.help or "")
    for name, group in root.commands.items():  # type: ignore[attr-defined]  # it is a group
        assert not hasattr(group, "commands") or group.epilog, name
