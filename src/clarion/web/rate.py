"""How often somebody may ask: a bucket of tokens for each, in this process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from datetime import timedelta

from clarion import clock
from clarion.web.problem import Problem

REMEMBERED = 100_000  # of those who asked last; whoever is forgotten begins with a full bucket


class Rate:
    """At most `burst` requests at once, and `rate` a second over time, for each of those who ask."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = (
            OrderedDict()
        )  # what is left, at an instant

    def take(self, who: Hashable) -> None:
        """One request; raises a `Problem` when there have been too many."""
        now = clock.monotonic()
        left, at = self._buckets.get(who, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        if left < 1.0:
            self._buckets[who] = (left, now)
            raise Problem(
                "too-many",
                f"more than {self._rate:g} requests a second; send many events in one request, or wait",
                retry_after=timedelta(seconds=(1.0 - left) / self._rate),
            )
        self._buckets[who] = (left - 1.0, now)
        self._buckets.move_to_end(who)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
