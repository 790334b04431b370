"""What is fetched instead of sent: claimed, shown and settled by a device, as a worker does with what is sent.

Before a delivery is handed out every gate is asked again, and slots are charged. Whoever claims it holds it under a
lease, which they may extend; settling by anybody else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion.delivery import LEASE, Claim, Outcome, Result, given_back, not_sent, sent
from clarion.errors import (
    InvalidInput,
    LeaseLost,
    NotFound,
    Reject,
    Retry,
    SendError,
    shown,
    storable,
)
from clarion.event import DEFAULT_TENANT, required_text
from clarion.lane import is_fetched
from clarion.policy import Retries
from clarion.store import outcomes, queue, sinks
from clarion.store.outcomes import Settled, Settlement
from clarion.store.sinks import Sink
from clarion.tally import word
from clarion.workers import aftermath, handing
from clarion.workers.handing import Claimed
from clarion.workers.wiring import Wiring

MOST = 100  # deliveries in one claim
SHORTEST, LONGEST = timedelta(seconds=5), timedelta(minutes=10)  # lease
_ROUNDS = 10  # of claims in which nothing was wanted any more, before the rest is left to the next call
_RECEIPT = 500
_NOT_SHOWN = {Result.RETRY, Result.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended:
    """`cancelled`: what it was about was taken back meanwhile; what is shown should go."""

    lease_until: datetime
    cancelled: bool


class Pulling:
    """`Clarion.pull`. Everything is of one `channel`, and of one tenant; with `recipient`, theirs alone, with `address`,
    that device's alone."""

    def __init__(self, wiring: Callable[[], Wiring]) -> None:
        self._wiring = wiring

    def claim(
        self,
        channel: str,
        *,
        limit: int = 10,
        lease: timedelta = LEASE,
        recipient: str | None = None,
        address: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> list[Claimed]:
        """What is due and still wanted, at most so many; theirs until the lease ends.

        What is not settled by then rests, and is handed out again; alone, for it may be what ended the device.
        Raises `InvalidInput`, `NotFound`.
        """
        wiring, sink = self._wiring(), self.sink(channel, recipient, address, tenant)
        if not 1 <= limit <= MOST:
            raise InvalidInput(f"limit is {shown(limit)}: it is from 1 to {MOST}")
        _check_lease(lease)
        for _ in range(_ROUNDS):
            ended: list[Settlement] = []
            take = partial(sinks.claim, sink=sink, most=limit, lease=lease, ended=ended)
            claims = wiring.database.run(take)
            if ended:
                at = ended[0].claim.now
                aftermath.of_outcomes(wiring.hooks, channel, Settled(set(), at, ended))
            if not claims:
                break
            if found := handing.wanted(wiring, channel, claims, lease):
                return found
        return []

    def due(self, among: Collection[Sink]) -> set[Sink]:
        """Those of these for whom there is something to claim, as far as can be seen without claiming it."""
        return self._wiring().database.look_up(lambda conn: sinks.due(conn, among))

    def extend(
        self,
        channel: str,
        delivery: UUID,
        claim: int,
        *,
        lease: timedelta = LEASE,
        recipient: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> Extended:
        """Hold it for so long from now. Raises `LeaseLost`, `NotFound`, `InvalidInput`."""
        sink = self.sink(channel, recipient, None, tenant)
        _check_lease(lease)

        def write(conn: Connection) -> Extended:
            until = sinks.extend(conn, sink, delivery, claim, lease)
            if until is None:
                _refuse(conn, sink, delivery, claim)
                raise _over(delivery, claim)
            return Extended(lease_until=until[0], cancelled=until[1])

        return self._wiring().database.run(write)

    def sent(
        self,
        channel: str,
        delivery: UUID,
        claim: int,
        receipt: str | None = None,
        *,
        recipient: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        """It was shown; `receipt`: by the device's own id. Said again, it changes nothing.

        Raises `LeaseLost`, `NotFound`, `InvalidInput`.
        """
        kept = None if receipt is None else required_text("receipt", receipt, _RECEIPT)
        sink = self.sink(channel, recipient, None, tenant)
        self._settle(sink, delivery, claim, lambda _claim, _retries: sent(kept, timedelta()))

    def failed(
        self,
        channel: str,
        delivery: UUID,
        claim: int,
        code: str,
        *,
        permanent: bool,
        detail: str = "",
        after: timedelta | None = None,
        recipient: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        """It could not be shown: for good, or it comes again by its type's schedule, not before `after`.

        `code`: a short word of a small set, such as `no_display`. Raises `LeaseLost`, `NotFound`, `InvalidInput`.
        """
        if not code or word(code) != code:
            raise InvalidInput(f"code is {shown(code)}: it is a short word such as 'no_display'")
        if after is not None and after < timedelta():
            raise InvalidInput(f"after is {shown(after)}: it is a time to wait, or nothing")
        said_why = storable(detail)
        error: SendError = Reject(code, said_why) if permanent else Retry(code, said_why, after=after)

        def outcome(held: Claim, retries: Retries) -> Outcome:
            return not_sent(error, attempt=held.attempts + 1, claim=held.fence, retries=retries)

        self._settle(self.sink(channel, recipient, None, tenant), delivery, claim, outcome)

    def give_back(
        self,
        channel: str,
        delivery: UUID,
        claim: int,
        *,
        recipient: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        """Nobody has begun to show it: it is due again at once, and no attempt is spent.

        Raises `LeaseLost`, `NotFound`, `InvalidInput`.
        """
        sink = self.sink(channel, recipient, None, tenant)
        self._settle(sink, delivery, claim, lambda _claim, _retries: given_back())

    def sink(self, channel: str, recipient: str | None, address: str | None, tenant: str) -> Sink:
        """Who fetches, checked. Raises `InvalidInput`, `NotFound`."""
        channels = self._wiring().channels
        fetched = sorted(name for name, one in channels.items() if is_fetched(one))
        if channel not in fetched:
            there = f"there is {', '.join(fetched)}" if fetched else "none is declared: see clarion.Pull"
            raise NotFound(f"{shown(channel)} is no channel to fetch from; {there}")
        if address is not None and recipient is None:
            raise InvalidInput("an address is a recipient's: say whose")
        return Sink(
            channel=channel,
            tenant=required_text("tenant", tenant),
            recipient=None if recipient is None else required_text("recipient", recipient),
            address=None if address is None else required_text("address", address),
        )

    def _settle(
        self, sink: Sink, delivery: UUID, claim: int, outcome: Callable[[Claim, Retries], Outcome]
    ) -> None:
        wiring = self._wiring()

        def write(conn: Connection) -> Settled | None:
            held = sinks.held(conn, sink, delivery, claim)
            if held is None:
                before = _refuse(conn, sink, delivery, claim)
                # Said again, for nobody heard the answer: that is no news.
                again = outcome(_NOBODYS, Retries()).result
                if before != again and (again is Result.SENT or before not in _NOT_SHOWN):
                    raise _over(delivery, claim)
                return None
            (work,) = queue.read_work(conn, [held])
            event = queue.read_events(conn, {(sink.tenant, work.event_id)})[work.event_id]
            type = wiring.types.get(event.type)
            retries = Retries() if type is None else type.policy.retries
            came_to = outcome(held, retries)
            settled = outcomes.settle(
                conn, [Settlement(held, came_to, work.address_id, event, work.recipient)]
            )
            if settled.lost:
                raise _over(delivery, claim)
            return settled

        settled = wiring.database.run(write)
        if settled is not None:
            aftermath.of_outcomes(wiring.hooks, sink.channel, settled)


def _check_lease(lease: timedelta) -> None:
    if not SHORTEST <= lease <= LONGEST:
        seconds = SHORTEST.total_seconds(), LONGEST.total_seconds()
        raise InvalidInput(f"lease is {shown(lease)}: it is from {seconds[0]:g} to {seconds[1]:g} seconds")


def _refuse(conn: Connection, sink: Sink, delivery: UUID, claim: int) -> str | None:
    """What a claim that is over came to. Raises `NotFound`."""
    known, result = sinks.came_to(conn, sink, delivery, claim)
    if not known:
        raise NotFound(f"there is no delivery {delivery} to be fetched here on {sink.channel}")
    return result


def _over(delivery: UUID, claim: int) -> LeaseLost:
    return LeaseLost(
        f"claim {claim} of delivery {delivery} is over: its lease ended, or it came to something else; claim again"
    )


_NOBODYS = Claim("", UUID(int=0), 0, 0, 0, "", datetime.min.replace(tzinfo=UTC))
