"""Failures that say the same but for what differs each time: numbers, ids, addresses. Pure."""

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
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<n>"),
)


def pattern(detail: str | None) -> str:
    """The detail without what differs each time."""
    said = " ".join((detail or "").split())
    for differs, name in _DIFFERS:
        said = differs.sub(name, said)
    return said


def of(channel: str, code: str | None, pattern: str) -> str:
    """What all failures that say the same share; good in a URL."""
    said = "\0".join((channel, code or "", pattern))
    return hashlib.sha256(said.encode()).hexdigest()[:_LENGTH]
