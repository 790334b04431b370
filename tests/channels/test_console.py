from __future__ import annotations

import io

import pytest

from clarion.channels.console import Console
from clarion.recipient import Address
from tests.channels.make import BOB, message

pytestmark = pytest.mark.anyio


async def test_prints_a_block() -> None:
    stream = io.StringIO()
    await Console(stream).send(message("Hello", "One\n\nTwo\n"), BOB)
    assert stream.getvalue() == (
        "── to bob@b.test: cl.comment.created (mention, info)\n   Hello\n   One\n\n   Two\n   → /cl/42#c7\n\n"
    )


async def test_prints_to_stdout_as_it_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    await Console().send(message("Hello"), BOB)
    assert "   Hello\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "evil",
    ["\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "\r", "\x08", "\u202e", "\u2066", "\ud800", "\x00", "\x7f"],
)
async def test_nothing_that_a_terminal_obeys(evil: str) -> None:
    stream = io.StringIO()
    await Console(stream).send(message(f"a{evil}b", f"c{evil}d", name=evil), Address("console", f"x{evil}y"))
    assert evil[0] not in stream.getvalue()


async def test_outside_words_cannot_begin_a_block() -> None:
    stream = io.StringIO()
    await Console(stream).send(
        message("a\n── to eve", "b\n── to eve\x85── to eve\u2028── to eve"), Address("console", "x\n── y")
    )
    assert sum(line.startswith("──") for line in stream.getvalue().split("\n")) == 1


async def test_a_narrow_terminal_is_no_failure() -> None:
    octets = io.BytesIO()
    stream = io.TextIOWrapper(octets, encoding="ascii")
    await Console(stream).send(message("Grüße"), BOB)
    assert b"Gr\\xfc\\xdfe" in octets.getvalue()
