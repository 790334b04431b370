"""Plain text from outside, made fit to be shown: one line, paragraphs, excerpts, wrapped lines."""

from __future__ import annotations

import re
import textwrap
import unicodedata

from markupsafe import Markup, escape

TITLE_LIMIT = 200
TEXT_LIMIT = 2000
PLAIN_WIDTH = 72

# Controls but tab and newline, lone surrogates, the two non-characters that XML refuses.
_controls = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Embeddings, overrides and isolates: within one line they could turn what follows the text around.
_turning = re.compile("[\u202a-\u202e\u2066-\u2069]")
_spaces = re.compile("[^\\S\u00a0\u202f]+")
_breaks = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028]")
# Joins what is before it to what is after it, or colours what is before it: no place to cut.
_joiners = re.compile("[\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")


def clean(text: str) -> str:
    """`text` with newlines as its only line breaks, without control characters, trimmed."""
    if text.isprintable():  # as most are: on one line, with nothing in it but spaces that cannot be seen
        return text.rstrip()
    text = _breaks.sub("\n", text).replace("\u2029", "\n\n")
    lines = [line.rstrip() for line in _controls.sub("", text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def one_line(text: str, limit: int = TITLE_LIMIT) -> str:
    """`text` on a single line of at most `limit` characters, as titles and headers need it."""
    text = clean(text)
    if not text.isprintable() or "  " in text:
        text = _turning.sub("", _spaces.sub(" ", text))
    return cut(text.strip(), limit)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, the last one `…` when something is missing; at a space when one is near."""
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 0 and (unicodedata.combining(text[end]) or _joiners.search(text[end - 1 : end + 1])):
        end -= 1
    spaces = [found.start() for found in re.finditer(r"\s", text[:end])]
    if spaces and spaces[-1] >= end * 3 // 4:
        end = spaces[-1]
    return text[:end].rstrip() + "…"


def wrap(text: str, width: int = PLAIN_WIDTH) -> str:
    """Long lines broken at spaces; links stay whole, and so do indented and quoted lines."""
    return "\n".join(
        line
        if len(line) <= width or line.startswith((" ", "\t", ">"))
        else textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )


def paragraphs(text: str, style: str = "", css: str = "") -> Markup:
    """`text` as escaped `<p>`s, its single line breaks as `<br>`, each with its own direction of writing."""
    opening = f'<p dir="auto" class="{escape(css)}" style="{escape(style)}">'
    parts = [str(escape(part)) for part in re.split(r"\n\n+", clean(str(text))) if part.strip()]
    lines = [opening + part.replace("\n", "<br>") + "</p>" for part in parts]
    return Markup("\n".join(lines))  # noqa: S704 - what is from outside is escaped
