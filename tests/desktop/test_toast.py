"""Words that others wrote, as a screen may have them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.desktop.make import claimed, toast


def test_what_could_steer_a_terminal_or_turn_text_around_is_shown_as_a_mark() -> None:
    one = toast(title="a\x1b]0;x\x07\u202eb\u2066\u200fc\n", text="\x9b31m\u061cred\r\n\x00next\n")
    assert one.heading == "a\ufffd]0;x\ufffd\ufffdb\ufffd\ufffdc\ufffd"
    assert one.lines == ["\ufffd31m\ufffdred", "\ufffdnext"]


def test_a_text_that_says_the_title_again_is_left_out() -> None:
    assert toast(title="Merged", text="\nMerged\n").lines == []
    assert toast(title="Merged", text="\n\nMerged\n\nby alice \n").lines == ["Merged", "", "by alice"]


def test_without_a_title_it_is_called_by_its_type() -> None:
    assert toast(title=" ", text="It is in.").heading == "cl.merged"
    assert toast(title=" ", text=" \n").is_blank
    assert not toast(title=" ", text="x").is_blank


@pytest.mark.parametrize("url", ["https://acme.test/cl/42?a=1#b", "http://127.0.0.1:8080/x"])
def test_pages_of_the_web_may_be_shown(url: str) -> None:
    assert toast(url=url).link == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "/cl/42",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "smb://acme.test/x",
        "https://acme.test/\u202egpj.exe",
        "https://acme.test/ x",
        "https://acme.test/\x1b[31m",
        "https://[::1",
    ],
)
def test_nothing_else_is(url: str | None) -> None:
    assert toast(url=url).link is None


@pytest.mark.parametrize(
    "changed", [{"id": "../x"}, {"id": 7}, {"claim": None}, {"title": None}, {"url": 3}, {"text": ["x"]}]
)
def test_what_is_no_delivery_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        toast(**changed)
    said = claimed()
    del said["recipient"]
    with pytest.raises(KeyError):
        type(toast()).read(said)
