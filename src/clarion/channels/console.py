"""Messages printed to a stream, for development."""

from __future__ import annotations

import re
import sys
from typing import TextIO

from clarion.message import Message
from clarion.recipient import Address

# What a terminal obeys (C0, C1), and what turns text around or hides it (bidirectional controls, separators).
_active = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Console:
    """Prints each message as a block; everything that came from outside is indented, and inert."""

    name = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def send(self, message: Message, address: Address) -> None:
        stream = self._stream or sys.stdout  # looked up late, since it may be redirected
        text = block(message, address)
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()


def block(message: Message, address: Address) -> str:
    """What is printed: a line about the delivery, then title, text and link."""
    head = f"── to {_line(address.value)}: {_line(message.event.type)} ({_line(message.reason)}, {message.severity.label})"
    lines = [f"   {_line(message.content.title)}"]
    lines += (f"   {_inert(line)}" for line in message.content.text.splitlines())
    if message.url:
        lines.append(f"   → {_line(message.url)}")
    return "\n".join([head, *(line.rstrip() for line in lines)]) + "\n\n"


def _inert(text: str) -> str:
    return _active.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _line(text: str) -> str:
    return _inert(text).replace("\n", "\\n")
