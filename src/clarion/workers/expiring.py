"""Ending what has become too old while nobody could send it: its provider was down all the time, or an operator paused it.

A sender ends what it claims; of a channel that pauses it claims next to nothing, and of one that is no longer there nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.engine import Connection

from clarion import clock
from clarion.delivery import Claim, given_back
from clarion.store import outcomes, stale
from clarion.store.outcomes import Settled, Settlement
from clarion.workers import aftermath, asking
from clarion.workers.wiring import Threads, Wiring

_AT_ONCE = 500  # rows of the queue looked at in one transaction
_EVERY = 0.5  # seconds between two of these
_ROUND_EVERY = 5.0  # from the end of a round through the queue to the next


class Expiring:
    """Goes round the whole queue, a page at a time, whatever waits there and for what."""

    def __init__(self, wiring: Wiring, threads: Threads) -> None:
        self._wiring, self._threads = wiring, threads
        self._after: stale.Key | None = None
        self._next_at = 0.0

    async def poll(self) -> bool:
        """The next page, if it is time for it; whether anything was ended."""
        if clock.monotonic() < self._next_at:
            return False
        self._next_at = clock.monotonic() + _EVERY  # also after an error
        ages = {code: type.max_age for code, type in self._wiring.types.items()}
        after, lease = self._after, self._wiring.limits.lease
        keys, self._after = await self._threads.reading(
            lambda conn: stale.find(conn, ages, after=after, most=_AT_ONCE)
        )
        if keys:
            claims = await self._threads.transaction(lambda conn: stale.claim(conn, keys, lease=lease))
            if claims:  # in a transaction of its own: slots are locked before the queue, never after it
                for channel, ended in await self._threads.transaction(lambda conn: self._end(conn, claims)):
                    aftermath.of_outcomes(self._threads.hooks, channel, ended)
        rest = _ROUND_EVERY if self._after is None else 0.0 if keys else _EVERY
        self._next_at = clock.monotonic() + rest
        return bool(keys)

    def _end(self, conn: Connection, claims: Mapping[str, Sequence[Claim]]) -> list[tuple[str, Settled]]:
        ended = {channel: self._refused(conn, channel, of) for channel, of in claims.items()}
        settled = outcomes.settle(conn, [one for of in ended.values() for one in of])
        channel_of = {one.key: channel for channel, of in ended.items() for one in of}
        return [
            (
                channel,
                replace(
                    settled,
                    lost={one.claim.key for one in of} & settled.lost,
                    kept=[one for one in settled.kept if channel_of[one.key] == channel],
                ),
            )
            for channel, of in ended.items()
        ]

    def _refused(self, conn: Connection, channel: str, claims: Sequence[Claim]) -> list[Settlement]:
        """What the gates say: they alone decide. What they would let pass is given back."""
        found = asking.read(conn, claims, self._wiring.types, {})
        settled = [Settlement(work.claim, outcome) for work, outcome in found.refused]
        for group in found.groups:
            ready, refused = asking.ask(group, channel)
            settled += [
                Settlement(work.claim, outcome, work.address_id, group.event, work.recipient)
                for work, outcome in refused
            ]
            settled += [Settlement(one.work.claim, given_back()) for one in ready]
        return settled
