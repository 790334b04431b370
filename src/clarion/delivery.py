"""The life of a delivery: its states, and what an attempt's end means for it. Pure.

          ┌────── retry · down · lease lost (all back off) · given back ──────┐
          ▼                                                                   │
   ──▶ waiting ──────── claim (lease) ────────▶ sending ──▶ sent              │
         │                                          │ └───────────────────────┘
         └──▶ cancelled    failed ◀─────────────────┼──▶ suppressed (no longer wanted)

State is never stored: it follows from the queue row, if there is one, and the final outcome, if there is one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from clarion.errors import Down, Gone, Reject, Retry, SendError, said, storable
from clarion.policy import Retries

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
    LOST = "lost"  # the lease ran out: the process died, or froze
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
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


def suppressed(gate: str, detail: str = "") -> Outcome:
    return Outcome(result=Result.SUPPRESSED, code=gate, detail=detail or None)


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
    schedule's own wait, never more than its longest."""
    wait = retries.waits[attempt - 1] * spread(retries.jitter)
    return wait if asked is None else max(wait, min(asked, max(retries.waits)))


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
