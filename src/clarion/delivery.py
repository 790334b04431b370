"""The life of a delivery: its states, and what an attempt's end means for it. Pure.

          ┌── retry · down · lease lost (all back off) · held · given back ───┐
          ▼                                                                   │
   ──▶ waiting ──────── claim (lease) ────────▶ sending ──▶ sent              │
         │  ▲                                       │ └───────────────────────┘
         │  └─ replay (a person) ◀── failed ◀───────┼──▶ suppressed (no longer wanted)
         └──▶ cancelled                             └──▶ cancelled (while being sent)

State is never stored: it follows from the queue row, if there is one, and the final outcome, if there is one.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from clarion.errors import Down, Gone, Reject, Retry, SendError, said, storable
from clarion.policy import Retries
from clarion.slot import FREE

LEASE = timedelta(seconds=30)
LOSSES_ALLOWED = 3
_LONGEST_WAIT_WHILE_DOWN = timedelta(minutes=1)


class State(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"


class Result(StrEnum):
    """How a claim ended."""

    SENT = "sent"
    RETRY = "retry"
    FAILED = "failed"
    DOWN = "down"  # the provider was out of reach: no attempt spent
    GIVEN_BACK = "given_back"  # not begun: no attempt spent
    HELD = "held"  # a gate says not yet: no attempt spent
    LOST = "lost"  # the lease ran out: the process died, or froze
    REPLAYED = "replayed"  # it had ended, and a person put it back into the queue
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"


class Claim(NamedTuple):
    """A delivery under this process's lease. `fence` tells this claim from any later one.

    `slots`: what it has to do with slots (`slot.FREE`, `HOLDS` or `OWES`). A tuple, as all that is made anew for each
    delivery that is sent: it takes a fifth of the time.
    """

    tenant: str
    delivery_id: UUID
    fence: int
    attempts: int  # spent so far
    losses: int
    lane: str
    now: datetime
    slots: int = FREE
    due_at: datetime | None = None  # first; tries that came to nothing put it off since
    aged_from: datetime | None = None  # its type's max_age counts from here, if a person said so
    channel: str = ""

    @property
    def key(self) -> tuple[str, UUID]:
        return self.tenant, self.delivery_id


class Outcome(NamedTuple):
    """What one claim came to. Without `wait` it is final."""

    result: Result
    wait: timedelta | None = None
    spent: bool = False  # this message's bytes may have left
    code: str | None = None
    detail: str | None = None
    receipt: str | None = None
    duration: timedelta = timedelta()
    address_gone: bool = False

    @property
    def final(self) -> bool:
        return self.wait is None


def sent(receipt: str | None, duration: timedelta) -> Outcome:
    kept = None if receipt is None else storable(receipt)
    return Outcome(result=Result.SENT, spent=True, receipt=kept, duration=duration)


def given_back() -> Outcome:
    return Outcome(result=Result.GIVEN_BACK, wait=timedelta())


def held(gate: str, wait: timedelta, detail: str = "") -> Outcome:
    return Outcome(result=Result.HELD, wait=max(wait, timedelta()), code=gate, detail=detail or None)


def suppressed(gate: str, detail: str = "") -> Outcome:
    return Outcome(result=Result.SUPPRESSED, code=gate, detail=detail or None)


def cancelled(code: str, detail: str = "") -> Outcome:
    return Outcome(result=Result.CANCELLED, code=code, detail=detail or None)


def cancelled_meanwhile(outcome: Outcome, code: str) -> Outcome:
    """What an attempt comes to whose delivery was cancelled while it was made: what was sent is sent."""
    if outcome.result is Result.SENT:
        return outcome
    came_to = ": ".join(filter(None, [outcome.result, outcome.code, outcome.detail]))
    detail = storable(f"while being sent; {came_to}")
    return outcome._replace(result=Result.CANCELLED, wait=None, code=code, detail=detail)


def lost(losses: int) -> Outcome:
    """The lease ran out for the `losses`-th time; beyond the limit, that was the end."""
    too_often = losses > LOSSES_ALLOWED
    return Outcome(
        result=Result.FAILED if too_often else Result.LOST,
        wait=None if too_often else timedelta(),
        code="lease_lost",
        detail=f"the worker died or froze while sending ({losses} times)",
    )


def not_sent(
    error: BaseException, *, attempt: int, claim: int, retries: Retries, duration: timedelta = timedelta()
) -> Outcome:
    """The outcome of the `attempt`-th attempt (the first is 1), at the `claim`-th claim, that ended in `error`."""
    why = error if isinstance(error, SendError) else Retry("error", said(error))
    words = {"code": why.code, "detail": why.detail, "duration": duration}
    match why:
        case Down():
            return Outcome(result=Result.DOWN, wait=wait_while_down(claim), **words)  # type: ignore[arg-type]  # words of mixed types
        case Gone():
            return Outcome(result=Result.FAILED, spent=True, address_gone=True, **words)  # type: ignore[arg-type]
        case Reject():
            return Outcome(result=Result.FAILED, spent=True, **words)  # type: ignore[arg-type]
    if attempt >= retries.attempts:
        return Outcome(result=Result.FAILED, spent=True, **words)  # type: ignore[arg-type]
    wait = wait_before_retry(retries, attempt, why.after)
    return Outcome(result=Result.RETRY, wait=wait, spent=True, **words)  # type: ignore[arg-type]


def wait_before_retry(retries: Retries, attempt: int, asked: timedelta | None = None) -> timedelta:
    """The wait after the `attempt`-th attempt. What the other side asked is advice: never less than the
    schedule's own wait, never more than its longest; spread upwards only, for it is said to many at once."""
    wait = retries.waits[attempt - 1] * spread(retries.jitter)
    if asked is None:
        return wait
    return max(wait, min(asked, max(retries.waits)) * random.uniform(1, 1 + retries.jitter))  # noqa: S311 - as below


def wait_while_down(claim: int) -> timedelta:
    """Doubling from a second to a minute: nothing is spent, so it need not be long."""
    return min(timedelta(seconds=2 ** min(claim - 1, 10)), _LONGEST_WAIT_WHILE_DOWN) * spread(0.2)


def wait_after_loss(losses: int) -> timedelta:
    """How long a delivery rests after its lease ran out for the `losses`-th time."""
    return timedelta(seconds=2.0**losses) / 2


def spread(jitter: float) -> float:
    return random.uniform(1 - jitter, 1 + jitter)  # noqa: S311 - spreads load, keeps no secret


def state_of(*, queued: bool, leased: bool, final: str | None) -> State:
    """The state that follows from the rows: waiting or sending while queued, else its final result."""
    if queued:
        return State.SENDING if leased else State.WAITING
    return State(final) if final else State.WAITING
