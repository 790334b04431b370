"""What an examination finds of one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, what was seen, with its values, and what to do about it."""

    about: str
    level: Level
    seen: str
    remedy: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def trouble(about: str, seen: str, remedy: str, values: Mapping[str, Any] | None = None) -> Finding:
    return Finding(about=about, level=Level.TROUBLE, seen=seen, remedy=remedy, values=values or {})
