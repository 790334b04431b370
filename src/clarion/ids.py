"""Identifiers: UUID version 7 (RFC 9562 §5.7), made by whoever creates the row.

They sort roughly by creation, which keeps indexes compact; those of one process strictly, so that what was
withdrawn after it was emitted can be told from what came later. They are no commit order.
"""

from __future__ import annotations

import os
import struct
import threading
from uuid import UUID

from clarion import clock

_VERSION = 7 << 76
_VARIANT = 0b10 << 62
_RAND_B = 0x3FFF_FFFF_FFFF_FFFF
_SET_BACK = 10_000  # milliseconds: a clock that is further behind was set back, and is followed

_lock = threading.Lock()
_last = 0  # of this process: milliseconds and twelve bits that count on (RFC 9562 §6.2, method 1)


def uuid7() -> UUID:
    """A new identifier, above every one that this process made before: 48 bits of Unix milliseconds, a counter
    of 12 bits that begins at random, and 62 random bits."""
    return several(1)[0]


def several(count: int) -> list[UUID]:
    """So many new identifiers, in order, at less than half of what it takes to make them one by one."""
    global _last  # noqa: PLW0603 - one counter for the process is the point
    milliseconds = int(clock.now().timestamp() * 1000)
    random = os.urandom(8 * count + 2)
    with _lock:
        if milliseconds > _last >> 12 or milliseconds < (_last >> 12) - _SET_BACK:
            # 11 bits: the counter has half its room left
            _last = (milliseconds << 12 | int.from_bytes(random[-2:]) >> 5) - 1
        first = _last + 1
        _last += count
    return [
        UUID(
            int=(n >> 12 & 0xFFFF_FFFF_FFFF) << 80 | _VERSION | (n & 0xFFF) << 64 | _VARIANT | tail & _RAND_B
        )
        for n, tail in enumerate(struct.unpack_from(f"{count}Q", random), first)
    ]


def from_parts(milliseconds: int, random: int) -> UUID:
    """The identifier of these 48 bits of time and the low 74 bits of `random`."""
    rand_a = (random >> 62) & 0xFFF
    rand_b = random & _RAND_B
    return UUID(int=(milliseconds & 0xFFFF_FFFF_FFFF) << 80 | _VERSION | rand_a << 64 | _VARIANT | rand_b)
