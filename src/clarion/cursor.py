"""Where a list of an inbox goes on, as the text that callers keep."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from clarion.errors import InvalidInput, shown

_LENGTH = 16 + 16 + 8
NOWHERE = UUID(int=0)  # below all places
_HIGHEST = UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """`before`: the next item stands below this place. `top`: the highest place when the first page was read; that
    page itself has none yet. `number`: how far the change feed was numbered then."""

    before: UUID = _HIGHEST
    top: UUID | None = None
    number: int

    @property
    def above_top(self) -> UUID:
        """The place below which all of the walk stands."""
        return NOWHERE if self.top is None else UUID(int=min(self.top.int + 1, _HIGHEST.int))

    def text(self) -> str:
        packed = self.before.bytes + (self.top or NOWHERE).bytes + self.number.to_bytes(8)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def parse(text: str) -> Cursor:
    """Raises `InvalidInput`."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError, TypeError):
        packed = b""
    if len(packed) != _LENGTH:
        raise InvalidInput(f"cursor {shown(text)} is none: take it as it stood in the page before")
    return Cursor(
        before=UUID(bytes=packed[:16]), top=UUID(bytes=packed[16:32]), number=int.from_bytes(packed[32:])
    )
