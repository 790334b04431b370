"""Python's collector of cycles in a process that works for Clarion."""

from __future__ import annotations

import gc

_OFTEN_ENOUGH = 200_000


def collect_rarely() -> None:
    """For this process, from now on: to be called once all is wired.

    A page of fan-out makes tens of thousands of values that live as long as the page, none of them in a cycle.
    Collected as Python does it by default, every 700, they cost a quarter of the page.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OFTEN_ENOUGH, 10, 10)
