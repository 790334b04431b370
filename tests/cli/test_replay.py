from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from clarion import Clarion
from clarion.store.schema import outcomes, queue
from tests.cli.failures import failed
from tests.support.command import PATIENCE, Ended, clarion
from tests.support.working import count

NOBODY = "0197a6f0-5c1e-7f5a-9d0c-8a4e2f6b1c3d"


@pytest.fixture
def failures(database_url: str) -> Iterator[tuple[Clarion, dict[str, UUID]]]:
    with failed(database_url) as made:
        yield made


def replay(url: str, *arguments: str) -> Ended:
    return clarion("replay", *arguments, env={"CLARION_DATABASE": url})


def said(url: str, *arguments: str) -> dict[str, Any]:
    ended = replay(url, *arguments, "--json")
    assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1)
    found: dict[str, Any] = json.loads(ended.out)
    return found


def waiting(app: Clarion) -> int:
    return count(app, queue)


def test_a_preview_shows_what_would_be_done_and_does_nothing(
    failures: tuple[Clarion, dict[str, UUID]], database_url: str
) -> None:
    app, ids = failures
    ended = replay(database_url, "--event", "k", "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    assert "2 can be put back." in ended.out
    assert "1 stay as they are: the address is dead: revive it first" in ended.out
    assert "too_large" in ended.out
    assert "address_gone" in ended.out
    assert str(ids["dave"]) in ended.out
    assert "note to" in ended.out
    assert waiting(app) == 0
    found = said(database_url, "--channel", "wire", "--dry-run")
    assert (found["ready"], found["replayed"], found["refused"]) == (2, 0, {"address_gone": 1})
    assert {(group["code"], group["deliveries"]) for group in found["groups"]} == {
        ("too_large", 2),
        ("550", 1),
    }
    assert waiting(app) == 0


def test_by_id_by_filter_and_by_time(failures: tuple[Clarion, dict[str, UUID]], database_url: str) -> None:
    app, ids = failures
    assert said(database_url, "--since", "2020-01-01T00:00:00Z", "--until", "1h", "--dry-run")["ready"] == 0
    assert said(database_url, "--since", "1h", "--type", "note", "--dry-run")["ready"] == 2
    ended = replay(database_url, str(ids["bob"]), "--yes", "--by", "alice")
    assert ended.code == 0
    assert "1 put back into the queue." in ended.out
    assert waiting(app) == 1
    assert count(app, outcomes, outcomes.c.detail == "by alice") == 1
    assert said(database_url, "--recipient", "carol", "--code", "too_large", "--yes")["replayed"] == 1
    assert waiting(app) == 2
    assert "nothing to replay" in replay(database_url, "--recipient", "carol", "--yes").out


def test_of_ids_every_one_counts(failures: tuple[Clarion, dict[str, UUID]], database_url: str) -> None:
    app, ids = failures
    ended = replay(database_url, str(ids["bob"]), NOBODY, "--yes")
    assert ended.code == 1
    assert f"1 are not here, or in another state: {NOBODY}" in ended.out
    assert waiting(app) == 1, "the others are put back all the same"
    assert replay(database_url, str(ids["dave"]), "--yes").code == 1
    assert replay(database_url, str(ids["carol"]), "--yes").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "which deliveries?"),
        (["--past-max-age"], 2, "which deliveries?"),
        (["nonsense"], 2, "is no id of a delivery"),
        (["--since", "noon"], 2, "--since 'noon'"),
        (["--since", "2030-01-01T12:00:00"], 2, "lacks its offset"),
        (["--channel", "wire", "--state", "fialed"], 1, "did you mean 'failed'"),
        (["--event", "nothing"], 1, "there is no event with the key 'nothing'"),
        (["--channel", "wire"], 2, "pass --yes"),
        (["--channel", "wire", "--json"], 2, "pass --yes"),
    ],
)
def test_a_refusal_is_one_line(
    arguments: list[str],
    code: int,
    message: str,
    failures: tuple[Clarion, dict[str, UUID]],
    database_url: str,
) -> None:
    app, _ = failures
    ended = replay(database_url, *arguments)
    assert ended.code == code
    assert message in ended.err
    assert ended.err.count("\n") == 1
    assert waiting(app) == 0


@pytest.mark.parametrize(("answer", "code", "replayed"), [("n\n", 1, 0), ("y\n", 0, 2)])
def test_on_a_terminal_it_asks(
    answer: str, code: int, replayed: int, failures: tuple[Clarion, dict[str, UUID]], database_url: str
) -> None:
    app, _ = failures
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "clarion", "replay", "--channel", "wire", "--database", database_url]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.write(ours, answer.encode())
        out, err = process.communicate(timeout=PATIENCE)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == code
    assert b"2 can be put back." in out
    assert b"Put 2 back into the queue?" in out + err
    assert waiting(app) == replayed


def test_the_help_has_an_example() -> None:
    ended = clarion("replay", "--help")
    assert "clarion replay --channel email" in " ".join(ended.out.split())
    assert "Exit codes: 0 done" in " ".join(ended.out.split())


@pytest.mark.parametrize(
    ("option", "name", "meant"), [("--channel", "wir", "wire"), ("--type", "not", "note")]
)
def test_a_name_that_nobody_knows_is_no_empty_answer(
    failures: tuple[Clarion, dict[str, UUID]], database_url: str, option: str, name: str, meant: str
) -> None:
    ended = replay(database_url, option, name, "--dry-run")
    assert ended.code == 1
    assert f"did you mean {meant!r}?" in ended.err
    assert replay(database_url, option, meant, "--code", "none", "--dry-run").code == 0
