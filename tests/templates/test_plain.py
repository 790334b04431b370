from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.templates.plain import clean, cut, one_line, paragraphs, wrap


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  two\r\n words\t ", "two words"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("bell\x07 nul\x00 esc\x1b[31m", "bell nul esc[31m"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066open", "open"),
        ("Objet\u00a0: x", "Objet\u00a0: x"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("‎mark\u200f stays", "‎mark\u200f stays"),
        ("\x00\x01", ""),
    ],
)
def test_a_title_is_one_line_without_what_could_turn_it_around(text: str, line: str) -> None:
    assert one_line(text) == line


@given(st.text())
def test_any_text_becomes_one_bounded_printable_line(text: str) -> None:
    line = one_line(text, 40)
    assert len(line) <= 40
    assert len(line.splitlines()) <= 1
    assert line == line.strip(" ")
    line.encode()


def test_a_cut_text_ends_at_a_near_space_and_says_so() -> None:
    assert cut("one two three", 13) == "one two three"
    assert cut("one two three four", 15) == "one two three…"
    assert cut("x" * 50, 10) == "x" * 9 + "…"


@pytest.mark.parametrize("whole", ["e\u0301", "👍🏽", "👩\u200d💻", "❤\ufe0f"])
def test_a_cut_never_halves_a_character(whole: str) -> None:
    for limit in range(2, 12):
        kept = cut("a" * 5 + whole + "b" * 20, limit).removesuffix("…")
        assert kept in {("a" * 5 + whole + "b" * 20)[:n] for n in (*range(6), *range(5 + len(whole), 30))}


def test_clean_text_keeps_its_paragraphs() -> None:
    assert clean("\n\na\r\nb\r\n\r\n\r\n\r\nc  \n") == "a\nb\n\nc"


def test_wrapping_leaves_links_quotes_and_code_whole() -> None:
    link = "https://acme.test/" + "x" * 90
    code = "    " + "y " * 50
    wrapped = wrap(f"{'word ' * 30}\n{link}\n{code}\n> {'z ' * 60}").split("\n")
    assert all(len(line) <= 72 for line in wrapped[:3])
    assert link in wrapped
    assert code in wrapped


def test_paragraphs_are_escaped() -> None:
    html = paragraphs("a <b>\nc\n\n& d", 'x"y')
    assert str(html) == (
        '<p dir="auto" class="" style="x&#34;y">a &lt;b&gt;<br>c</p>\n'
        '<p dir="auto" class="" style="x&#34;y">&amp; d</p>'
    )
