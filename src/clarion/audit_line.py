"""A line of the audit: which operator did, or was shown, what. A value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """`verb`: such as `silence.begin`. `on`: what it was done to. `recipient`: whose data it is, where it is somebody's."""

    id: UUID
    at: datetime
    by: str
    verb: str
    on: str | None = None
    recipient: str | None = None
    details: Mapping[str, Any]
    correlation_id: str | None = None
