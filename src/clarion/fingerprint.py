"""Failures that say the same but for what differs each time: numbers, ids, addresses. Not what is wrong. Pure."""

from __future__ import annotations

import hashlib
import re

_LENGTH = 12  # hex digits
# In this order: what a later one would take to pieces comes first.
_DIFFERS = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "<url>"),
    (re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+"), "<address>"),
    (re.compile(r"\b(?=[a-z]*\d)(?=\d*[a-z])[0-9a-z]{12,}\b", re.IGNORECASE), "<id>"),
)
_ENHANCED = r"[45]\.[0-7]\.(?:0|[1-9]\d{0,2})"  # RFC 3463: 5.1.1
_ENDS = r"(?!\d|[.,:]\d)"
# Numbers; but codes that say what is wrong are the same each time. Three digits are one where a reply begins, beside an
# enhanced one, and behind a word that announces it.
_NUMBER = re.compile(
    rf"""
    (?P<code>
        ^[2-5][0-5]\d(?=[ -]|$)
        | (?<![\w.])[45]\d\d(?=[ -]{_ENHANCED}{_ENDS})
        | \b(?:HTTP(?:/\d(?:\.\d)?)?|status|code|error|reply|response|said|says)
            [ :=#'"(]{{1,3}}[1-5]\d\d(?!\w){_ENDS}
        | {_ENHANCED}{_ENDS}
    )
    | \d+(?:[.,:]\d+)*
    """,
    re.IGNORECASE | re.VERBOSE,
)


def pattern(detail: str | None) -> str:
    """The detail without what differs each time."""
    said = " ".join((detail or "").split())
    for differs, name in _DIFFERS:
        said = differs.sub(name, said)
    return _NUMBER.sub(lambda found: found["code"] or "<n>", said)


def of(channel: str, code: str | None, pattern: str) -> str:
    """What all failures that say the same share; good in a URL."""
    said = "\0".join((channel, code or "", pattern))
    return hashlib.sha256(said.encode()).hexdigest()[:_LENGTH]
