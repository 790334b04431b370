"""Identifiers: UUID version 7 (RFC 9562 §5.7), made by whoever creates the row.

They sort roughly by creation, which keeps indexes compact. They are no commit order.
"""

from __future__ import annotations

import os
from uuid import UUID

from clarion import clock

_VERSION = 7 << 76
_VARIANT = 0b10 << 62


def uuid7() -> UUID:
    """A new identifier: 48 bits of Unix milliseconds, 74 random bits."""
    return from_parts(int(clock.now().timestamp() * 1000), int.from_bytes(os.urandom(10)))


def from_parts(milliseconds: int, random: int) -> UUID:
    """The identifier of these 48 bits of time and the low 74 bits of `random`."""
    rand_a = (random >> 62) & 0xFFF
    rand_b = random & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=(milliseconds & 0xFFFF_FFFF_FFFF) << 80 | _VERSION | rand_a << 64 | _VARIANT | rand_b)
