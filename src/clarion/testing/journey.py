"""What a test does to the clock, so that it can be undone: time stands, and goes forward by leaps."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from clarion import clock
from clarion.errors import InvalidInput, shown


class Journey:
    """From here on time stands still, until `end`. One inside of another goes on from there."""

    def __init__(self) -> None:
        self._length = timedelta()
        self._stopped_it = not clock.stands_still()
        if self._stopped_it:
            clock.stand_still()

    def go(self, by: timedelta) -> datetime:
        """Leap forward; what time it is then. Raises `InvalidInput` for the way back."""
        if by < timedelta():
            raise InvalidInput(f"time goes forward only, not by {by}; begin the test where it is to begin")
        clock.travel(by)
        self._length += by
        return clock.now()

    def end(self) -> None:
        """Back to where all clocks are. Ending twice does no harm."""
        clock.travel(-self._length)
        self._length = timedelta()
        if self._stopped_it:
            clock.stand_still(False)
            self._stopped_it = False


def until(when: datetime | time) -> timedelta:
    """How far it is to then; to the next of a time of day. Raises `InvalidInput` without a time zone."""
    if when.tzinfo is None:
        raise InvalidInput(f"say in which time zone {shown(when)} is meant: it has no tzinfo")
    now = clock.now()
    if isinstance(when, time):
        there = datetime.combine(now.astimezone(when.tzinfo).date(), when)
        when = there if there > now else there + timedelta(days=1)
    return when - now
