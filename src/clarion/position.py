"""Where a search goes on, as the text that callers keep."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clarion.errors import InvalidInput, shown
from clarion.event import required_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A row of a list. `id`: its own; before that, what the list is in the order of, if it is of something else."""

    id: UUID
    at: datetime | None = None
    place: UUID | None = None
    recipient: str | None = None

    def text(self) -> str:
        at = None if self.at is None else (self.at - _EPOCH) // _MICROSECOND
        said = [self.id.hex, at, None if self.place is None else self.place.hex, self.recipient]
        return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


def parse(text: str) -> Position:
    """Raises `InvalidInput`."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        id, at, place, recipient = json.loads(packed)
        return Position(
            id=UUID(hex=id),
            at=None if at is None else _EPOCH + at * _MICROSECOND,
            place=None if place is None else UUID(hex=place),
            recipient=None if recipient is None else required_text("recipient", recipient),
        )
    except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise unknown(text) from None


def unknown(text: str) -> InvalidInput:
    return InvalidInput(
        f"cursor {shown(text)} is none of this search: take it as it stood in the page before"
    )
