from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clarion import Clarion
from tests.support.command import PATIENCE, Ended, clarion, start
from tests.support.working import Wire, await_true

MIXED = (
    "\ufeffid,name,email,roles,active\r\n"
    'bob,"Bob ""the"" B, Sr.",bob@a.test|b@a.test,admin|owner,yes\r\n'
    ",Nobody,,,\r\n"
    "carol,Carol,,,perhaps\r\n"
    "\r\n"
    'dave,"two\nlines",,,\r\n'
    "erin,Erin\r\n"
    "frank,,frank@a.test,,no\r\n"
)


@pytest.fixture
def shop(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url, channels=[Wire(name="email"), Wire(name="sms")])
    made.type("note", channels=["email", "sms"])
    made.start()
    yield made
    made.close()


def run(url: str, *arguments: str, said: str = "", cwd: Path | None = None) -> Ended:
    return clarion("recipients", "import", *arguments, said=said, cwd=cwd, env={"CLARION_DATABASE": url})


def test_good_lines_are_written_and_bad_ones_named(shop: Clarion, database_url: str, tmp_path: Path) -> None:
    shop.recipients.upsert("frank", name="Frank", addresses={"sms": "+1"})
    (tmp_path / "people.csv").write_text(MIXED, newline="")
    looked = run(database_url, "people.csv", "--check", "--json", cwd=tmp_path)
    assert json.loads(looked.out)["good"] == 2
    assert shop.recipients.get("bob") is None, "it was only checked"

    ended = run(database_url, "people.csv", "--rejected", "bad.csv", "--by", "olga", cwd=tmp_path)
    assert (ended.code, ended.out) == (1, "2 written, 4 bad.\n")
    assert ended.err.splitlines() == [
        "line 3: it has no id",
        "line 4: active 'perhaps': write true or false",
        "line 6: recipient 'dave': name 'two\\nlines' holds the control character '\\n'; remove it",
        "line 8: 2 cells, but 5 columns",
    ]
    bob, frank = shop.recipients.get("bob"), shop.recipients.get("frank")
    assert bob is not None
    assert frank is not None
    assert (bob.name, bob.roles, len(bob.addresses)) == ('Bob "the" B, Sr.', ("admin", "owner"), 2)
    assert (frank.name, frank.active) == ("Frank", False), "an empty cell says nothing"
    assert [a.channel for a in frank.addresses] == ["email", "sms"], "nor does a column that is not there"

    mended = (tmp_path / "bad.csv").read_bytes().decode()
    assert mended.splitlines()[0] == "id,name,email,roles,active"
    mended = mended.replace(",Nobody", "nina,Nina").replace("perhaps", "true")
    mended = mended.replace("two\nlines", "Dave").replace("erin,Erin", "erin,Erin,,,")
    again = run(database_url, "-", "--rejected", str(tmp_path / "none.csv"), said=mended)
    assert (again.code, again.err, again.out) == (0, "", "4 written.\n")
    assert not (tmp_path / "none.csv").exists()
    assert [one.id for one in shop.recipients.find()] == ["bob", "carol", "dave", "erin", "frank", "nina"]


def test_json_lines(shop: Clarion, database_url: str) -> None:
    lines = [
        json.dumps(
            {"id": "bob", "addresses": {"sms": "+1"}, "preferences": [{"scope": "*", "enabled": False}]}
        ),
        "",
        json.dumps({"id": "carol", "addresses": {"emial": "x"}}),
        "nonsense",
        json.dumps(["bob"]),
        json.dumps({"name": "x"}),
        json.dumps({"id": "dave", "self": 1}),
    ]
    ended = run(database_url, "-", "--json", said="\n".join(lines))
    assert (ended.code, ended.err) == (1, "")
    found = json.loads(ended.out)
    assert found["written"] == 1
    assert [one["line"] for one in found["bad"]] == [3, 4, 5, 6, 7]
    assert "did you mean 'email'" in found["bad"][0]["why"]
    (said,) = shop.recipients.said("bob").preferences
    assert said.enabled is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,emial\nbob,x\n", "unknown column 'emial'; did you mean 'email'?"),
        ("name,email\nBob,x\n", "one of them must be id"),
        ("id,name,name\n", "'name' is there twice"),
        ("", "the first line names the columns"),
        ('[{"id": "bob"}]', "no list around them"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_file_of_another_shape(shop: Clarion, database_url: str, text: str, words: str) -> None:
    ended = run(database_url, "-", said=text)
    assert (ended.code, ended.out) == (1, "")
    assert words in ended.err
    assert shop.recipients.find() == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_other_separators_and_what_is_no_text(shop: Clarion, database_url: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'id;name\nbob;Bob, Sr.\ncarol;\xff\ndave;"open\n')
    ended = run(database_url, "a.csv", cwd=tmp_path)
    assert ended.code == 1
    assert [line.split(":")[0] for line in ended.err.splitlines()] == ["line 3", "line 4"]
    one = shop.recipients.get("bob")
    assert one is not None
    assert one.name == "Bob, Sr."
    assert run(database_url, "nothing.csv", cwd=tmp_path).code == 2
    kept = run(database_url, "a.csv", "--rejected", "a.csv", cwd=tmp_path)
    assert kept.code == 2, "what is there is not overwritten"
    assert "cannot be made" in kept.err


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_bar_on_a_terminal_only(shop: Clarion, database_url: str, tmp_path: Path) -> None:
    (tmp_path / "many.csv").write_text("id\n" + "".join(f"p{n}\n" for n in range(2500)))
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "clarion",
        "recipients",
        "import",
        "many.csv",
        "--database",
        database_url,
    ]
    env = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=theirs) as process:
        out, _ = process.communicate(timeout=PATIENCE)
    os.close(theirs)
    assert out == b"2,500 written.\n"
    assert b"recipients" in os.read(ours, 1 << 16)
    os.close(ours)
    quiet = run(database_url, "many.csv", cwd=tmp_path)
    assert (quiet.out, quiet.err) == ("2,500 written.\n", "")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_interrupted_it_says_how_far_it_came(shop: Clarion, database_url: str) -> None:
    process = start("recipients", "import", "-", env={"CLARION_DATABASE": database_url})
    assert process.stdin is not None
    process.stdin.write("id\n" + "".join(f"p{n:05}\n" for n in range(5000)))
    process.stdin.flush()
    await_true(lambda: shop.recipients.find(most=1))
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    err = process.stderr.read()
    assert process.wait(PATIENCE) == 130
    assert "stopped; until then " in err
    process.stdin.close()
    assert process.stdout is not None
    process.stdout.close()
    process.stderr.close()


def test_a_quote_that_is_never_closed_names_all_that_it_swallowed(shop: Clarion, database_url: str) -> None:
    lines = 'id,name\nbob,Bob\ncarol,"Carol\ndave,Dave\nerin,Erin\n'
    ended = run(database_url, "-", said=lines)
    assert (ended.code, ended.out) == (1, "1 written, 1 bad.\n")
    assert ended.err.startswith("lines 3 to 5: a quote opened in line 3 is never closed")
    assert shop.recipients.get("dave") is None
