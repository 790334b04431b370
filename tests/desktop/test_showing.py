"""Screens: programs that are given the words of others, and streams."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from clarion.desktop import showing
from clarion.desktop.showing import Lines, Printed, Showing, notify_send, osascript, program, suitable
from clarion.errors import ConfigError, Reject, Retry
from tests.desktop.make import ID, toast
from tests.support.screen import FakeScreen


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeScreen:
    made = FakeScreen(tmp_path / "bin")
    monkeypatch.setenv("PATH", made.path)
    return made


def nothing() -> None:
    pass


def test_a_program_gets_the_words_as_arguments_and_never_the_key(
    screen: FakeScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLARION_KEY", "clk_secret")
    words = "--icon=/etc/passwd $(touch pwned) `x` ; ' \" * \\n"
    program("notify-send").show(toast(title=words, text=f"{words}!"), "r", nothing)
    ((*options, title, body),) = screen.shown
    assert options == ["--app-name=Clarion", "--urgency=low", "--"]
    assert (title, body) == (words, words.replace("\\", "\\\\") + "!")
    assert "clk_secret" not in (screen.begun[0] / "environment").read_text()


def test_markup_and_backslashes_mean_nothing_to_the_desktop() -> None:
    said = notify_send(
        toast(text='<img src="x"> & \\x41', url="https://acme.test/?a=1&b=2", severity="urgent")
    )
    assert said == [
        "--app-name=Clarion",
        "--urgency=critical",
        "--",
        "Merged",
        '&lt;img src="x"&gt; &amp; \\\\x41\nhttps://acme.test/?a=1&amp;b=2',
    ]
    assert notify_send(toast(text="", severity="action"))[1:] == ["--urgency=normal", "--", "Merged"]


def test_what_is_long_is_cut() -> None:
    *_, title, body = notify_send(toast(title="t" * 9000, text="x" * 1_000_000))
    assert (len(title), len(body)) == (200, 2000)


def test_apple_s_script_never_changes() -> None:
    one, other = osascript(toast(title='-e "', text='" & do shell script "x')), osascript(toast())
    assert one[:6] == other[:6]
    assert one[6:] == ["clarion", '-e "', '" & do shell script "x']
    assert other[6:] == ["clarion", "Merged", "It is in."]


@pytest.mark.parametrize(("code", "error"), [(1, Retry), (127, Retry), (showing.REFUSED, Reject)])
def test_a_program_that_fails_says_why(screen: FakeScreen, code: int, error: type[Exception]) -> None:
    screen.mood(f"fail {code}")
    with pytest.raises(error, match=f"notify-send ended with {code}: cannot connect to the \ufffd\\[31mbus"):
        program("notify-send").show(toast(), "r", nothing)


def test_a_program_that_hangs_is_ended_when_there_is_no_more_time(screen: FakeScreen) -> None:
    screen.mood("hang")

    def meanwhile() -> None:
        if screen.begun:
            raise Retry("timed_out")

    with pytest.raises(Retry, match="timed_out"):
        program("notify-send").show(toast(), "r", meanwhile)
    (process,) = screen.processes
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_program_that_is_gone_may_come_back(screen: FakeScreen) -> None:
    found = program("notify-send")
    (screen.folder / "notify-send").unlink()
    if any(Path(folder, "notify-send").exists() for folder in os.environ["PATH"].split(os.pathsep)):
        pytest.skip("there is another one")
    with pytest.raises(Retry, match="no_program: notify-send cannot be started: No such file"):
        found.show(toast(), "r", nothing)
    with pytest.raises(ConfigError, match="install it, or say --show print"):
        program("notify-send")


def test_which_screen_there_is(screen: FakeScreen, tmp_path: Path) -> None:
    path = {"PATH": str(screen.folder)}
    assert suitable(path, "linux") is None, "nobody is there to see it"
    assert suitable({**path, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/x"}, "linux") == "notify-send"
    (tmp_path / "bus").touch()
    assert suitable({**path, "XDG_RUNTIME_DIR": str(tmp_path)}, "linux") == "notify-send"
    assert suitable({"PATH": "/nowhere", "XDG_RUNTIME_DIR": str(tmp_path)}, "linux") is None
    assert suitable(path, "darwin") is None
    FakeScreen(tmp_path / "apple", "osascript")
    assert suitable({"PATH": str(tmp_path / "apple")}, "darwin") == "osascript"
    assert suitable({**path, "DBUS_SESSION_BUS_ADDRESS": "x"}, "win32") is None


def test_printed_words_stay_where_they_are() -> None:
    stream = io.StringIO()
    title, text = "Merged\x1b[2J\u202e", "one\n── mallory: fake\x9b\n"
    Printed(stream).show(toast(title=title, text=text, url="https://acme.test/1"), "r", nothing)
    assert stream.getvalue() == (
        "── bob (laptop): cl.merged, info\n"
        "   Merged\ufffd[2J\ufffd\n"
        "   one\n"
        "   ── mallory: fake\ufffd\n"
        "   → https://acme.test/1\n\n"
    )


def test_a_stream_of_few_characters_takes_them_escaped() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Printed(stream).show(toast(title="Zusammengeführt"), "r", nothing)
    stream.seek(0)
    assert "Zusammengef\\xfchrt" in stream.read()


def test_lines_of_json_are_ascii_and_whole() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.show(toast(title="\x9b\u202ea\n", url="javascript:x"), "print:7", nothing)
    lines.write(toast(), Showing(code="no_display", detail="dark"))
    first, second = stream.getvalue().splitlines()
    assert first.isascii()
    told = json.loads(first)
    assert (told["shown"], told["receipt"], told["code"]) == (True, "print:7", None)
    assert told["delivery"]["id"] == str(ID)
    assert (told["delivery"]["title"], told["delivery"]["url"]) == ("\x9b\u202ea\n", None)
    assert json.loads(second)["shown"] is False


def test_it_prints_to_standard_output() -> None:
    assert Printed()._stream is sys.stdout
