"""What is to be shown: a claimed delivery, read from the service's answer, and its words as a screen may have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

# What a terminal obeys (C0, C1), and what turns text around or hides it (bidirectional controls, separators).
_ACTIVE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    """As it came; `heading`, `lines` and `link` are what may be shown of it. `whole`: all that was said of it."""

    delivery: UUID
    claim: int
    attempt: int
    recipient: str
    address: str
    severity: str
    type: str
    title: str
    text: str
    url: str | None
    whole: Mapping[str, Any]

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Self:
        """Raises `KeyError`, `TypeError` or `ValueError` for what is no delivery."""
        texts = {
            name: _text(said[name]) for name in ("recipient", "address", "severity", "type", "title", "text")
        }
        url = said["url"]
        return cls(
            delivery=UUID(_text(said["id"])),
            claim=int(said["claim"]),
            attempt=int(said["attempt"]),
            url=None if url is None else _text(url),
            whole=said,
            **texts,
        )

    @property
    def is_blank(self) -> bool:
        return not (line(self.title).strip() or self.lines)

    @property
    def heading(self) -> str:
        """The title, or else what it is about: no screen takes a notification without one."""
        return line(self.title).strip() or line(self.type)

    @property
    def lines(self) -> list[str]:
        """The text, without blank lines around it; none if it only says the title again."""
        whole = "\n".join(line(one).rstrip() for one in self.text.splitlines()).strip("\n")
        return whole.split("\n") if whole not in ("", line(self.title).strip()) else []

    @property
    def link(self) -> str | None:
        """Where it can be seen, if that is a page of the web: anything else might start a program."""
        return self.url if self.url is not None and _is_of_web(self.url) else None


def line(text: str) -> str:
    """`text` in one line that stays where it is shown."""
    return _ACTIVE.sub("\ufffd", text)


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is a {type(value).__name__}")
    return value


def _is_of_web(url: str) -> bool:
    if not url.isprintable() or " " in url or line(url) != url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
