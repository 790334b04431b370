"""`@login` in GitHub's Markdown."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.sources.github import mentions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@alice", ["alice"]),
        ("Thanks @Alice, @bob-2 and @alice!", ["alice", "bob-2"]),
        (
            "(@alice) “@bob” @carol's @dave. @erin: @frank…",
            ["alice", "bob", "carol", "dave", "erin", "frank"],
        ),
        ("こんにちは@aliceさん", ["alice"]),
        ("**@alice** _@bob_ ~~@carol~~ > @dave", ["alice", "bob", "carol", "dave"]),
        ("> @alice wrote", ["alice"]),
        ("- @alice\n  - @bob\n1. @carol", ["alice", "bob", "carol"]),
        ("| who |\n|---|\n| @alice |", ["alice"]),
        ("cc/@alice/@bob", ["alice", "bob"]),
        ("@mona_acme", ["mona_acme"]),
        ("# @alice\n@bob", ["alice", "bob"]),
        ("<p>@alice</p>", ["alice"]),
        ("<details>\n<summary>@alice</summary>\n\n@bob\n</details>", ["alice", "bob"]),
        ("a" * 60 + " @" + "x" * 39, ["x" * 39]),
        # no login
        ("@", []),
        ("@ alice", []),
        ("@-alice @alice- @al--ice @alice_", []),
        ("@_alice", []),
        ("@" + "x" * 40, []),
        ("@@alice", []),
        # e-mail addresses and hosts
        ("alice@acme.test, <alice@acme.test>, a.b+c@acme.test, @acme.test", []),
        # teams and packages
        ("@acme/core and @types/node", []),
        # code
        ("`@alice` and ``a ` @bob``", []),
        ("```\n@alice\n```", []),
        ("~~~python\n@alice\n~~~\n@bob", ["bob"]),
        ("```\n@alice, never closed", []),
        ("text\n\n    @alice\n\ntext", []),
        ("- ```\n  @alice\n  ```\n- @bob", ["bob"]),
        ("> ```\n> @alice\n\n@bob", ["bob"]),
        ("`never closed @alice", ["alice"]),
        ("<code>@alice</code> <pre>@bob</pre> @carol", ["carol"]),
        ("<pre>\n@alice\n\n@bob\n</pre>\n\n@carol", ["carol"]),
        # links and addresses
        ("[@alice](https://acme.test) [x @bob y](z) @carol", ["carol"]),
        ("https://acme.test/@alice www.acme.test/@bob <https://acme.test/@carol>", []),
        ('<a href="x">@alice</a> @bob', ["bob"]),
        # comments
        ("<!-- @alice -->@bob", ["bob"]),
        ("<!--\n@alice\n\n-->\n\n@bob", ["bob"]),
        ("text <!-- @alice --> @bob", ["bob"]),
        # nothing
        ("", []),
        (None, []),
    ],
)
def test_who_is_mentioned(text: str | None, found: list[str]) -> None:
    assert list(mentions(text)) == found


logins = st.from_regex(re.compile(r"[a-z0-9](-?[a-z0-9]){0,18}", re.ASCII), fullmatch=True)


@given(st.text(alphabet=st.sampled_from("@ab-_./`~<>!-[]() \n*#|\\é"), max_size=80) | st.text())
def test_whatever_is_written_what_is_found_is_a_login(text: str) -> None:
    for login in mentions(text):
        assert re.fullmatch(r"[a-z\d](-?[a-z\d])*(_[a-z\d]+)?", login, re.ASCII)
        assert len(login) <= 39
        assert f"@{login}" in text.lower()


@given(logins, st.sampled_from(["{}", "hi {}, hello", "({})", "*{}*", "a\n{}\nb", "> {}", "`x` {} `y`"]))
def test_a_login_in_running_text_is_found(login: str, around: str) -> None:
    assert mentions(around.format(f"@{login.upper()}")) == (login,)


@given(logins, st.sampled_from(["`{}`", "```\n{}\n```", "x{}", "{}/team", "<!-- {} -->", "[{}](y)"]))
def test_a_login_elsewhere_is_not(login: str, around: str) -> None:
    assert mentions(around.format(f"@{login}")) == ()


def test_fifty_are_told_and_no_more() -> None:
    assert mentions(" ".join(f"@a{n}" for n in range(60))) == tuple(f"a{n}" for n in range(50))


@pytest.mark.parametrize(
    "hostile", ["[", "`", "![", "<", "<a", "*_", "> ", "- ", "@", "@a-", "@a.", "[[]", "<!--"]
)
def test_hostile_text_takes_its_length_in_time(hostile: str) -> None:
    """65,536 characters are GitHub's limit. A quadratic parser would take minutes."""
    text = (hostile * 65_536)[:65_530] + " @bob"
    start = time.process_time()
    mentions(text)
    assert time.process_time() - start < 20
