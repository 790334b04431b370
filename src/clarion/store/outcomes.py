"""What became of deliveries: the only place where an outcome becomes rows, and a delivery leaves the queue.

The slots of what ends are locked before its queue rows: see `holders`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion.delivery import Claim, Outcome, Result, cancelled_meanwhile
from clarion.delivery import lost as lost_lease
from clarion.event import Event
from clarion.slot import FREE
from clarion.store import address_health, changes, dialect, fenced, holders, inserting, sent, tallies
from clarion.store.address_health import Marked
from clarion.store.holders import Ended, Held, Holder
from clarion.store.schema import outcomes

_OUTCOME = (
    "tenant",
    "delivery_id",
    "claim",
    "attempt",
    "at",
    "result",
    "final",
    "code",
    "detail",
    "duration_ms",
    "receipt",
)


class Settlement(NamedTuple):
    """A claim and what it came to; of which event and for whom, if that was found out."""

    claim: Claim
    outcome: Outcome
    address_id: UUID | None = None
    event: Event | None = None
    recipient: str = ""

    @property
    def key(self) -> fenced.Key:
        return fenced.key_of(self.claim)


@dataclass(frozen=True, slots=True)
class Settled:
    """`lost`: the deliveries, (tenant, id), whose lease was lost meanwhile. `freed`: a slot for which somebody waits.
    `gone`: addresses that are dead since now. `kept`: what was written, with what it came to in the end, `at` this
    instant."""

    lost: set[tuple[str, UUID]]
    at: datetime
    kept: Sequence[Settlement] = ()
    freed: bool = False
    gone: Sequence[Marked] = ()


def settle(conn: Connection, settlements: Sequence[Settlement]) -> Settled:
    """Turn what claims came to into rows. Fenced: a claim that is no longer the newest changes nothing."""
    address_health.lock(
        conn, _dead(settlements)
    )  # a one-off address stands for its recipient: before any slot
    bearing = {s.claim.key for s in settlements if s.claim.slots != FREE}
    origins = holders.origins(conn, bearing) if bearing else {}
    held = holders.lock(conn, {holder for holder, _ in origins.values()})
    kept, now = _write_sent(conn, [s for s in settlements if s.outcome.result is Result.SENT])
    others = _take_out_or_put_back(conn, [s for s in settlements if s.outcome.result is not Result.SENT])
    freed, gone = False, list[Marked]()
    if now is None:
        now = dialect.read_now(conn)
    if others:
        write(conn, [(s.claim, s.outcome) for s in others], at=now)
        gone = address_health.mark_gone(conn, _dead(others))
    kept += others
    tallies.add(conn, tallies.of_outcomes(conn, [(s.claim, s.outcome, s.event) for s in kept], now))
    if held:
        freed = conclude(conn, held, origins, [(s.claim.key, s.outcome) for s in kept], now)
    if len(kept) == len(settlements):
        return Settled(set(), now, kept, freed, gone)
    ours = {s.key for s in kept}
    return Settled({s.claim.key for s in settlements if s.key not in ours}, now, kept, freed, gone)


def _write_sent(
    conn: Connection, settlements: Sequence[Settlement]
) -> tuple[list[Settlement], datetime | None]:
    """Those that were still ours, and when; `None` if there are none at all."""
    if not settlements:
        return [], None
    ours, now = sent.write(conn, [(s.claim, s.outcome) for s in settlements])
    kept = [settlements[n] for n in ours]
    changes.tell_deliveries(conn, [(s.claim, s.outcome) for s in kept], now)
    return kept, now


def _dead(settlements: Sequence[Settlement]) -> list[tuple[str, UUID, str]]:
    """The addresses, (tenant, id, reason), of which the other side said that they are dead."""
    return [
        (s.claim.tenant, s.address_id, s.outcome.detail or "")
        for s in settlements
        if s.outcome.address_gone and s.address_id is not None
    ]


def lose(conn: Connection, lost: Sequence[tuple[Claim, str | None]]) -> list[Settlement]:
    """Write down that the claims before these came to nothing; beyond the limit, that was the end: of those returned.

    With each claim comes the code of its delivery's cancellation, if there was one meanwhile: then it is the end, too.
    The queue rows are locked already, and so the slots come too late for the order of locks: rare, and run again.
    """
    ended = [
        (
            claim,
            lost_lease(claim.losses) if code is None else cancelled_meanwhile(lost_lease(claim.losses), code),
        )
        for claim, code in lost
    ]
    write(conn, ended, at=lost[0][0].now)
    final = [(claim, outcome) for claim, outcome in ended if outcome.final]
    fenced.take_out(conn, [claim for claim, _ in final])
    count(conn, final, lost[0][0].now)
    if bearing := {claim.key for claim, _ in final if claim.slots != FREE}:
        origins = holders.origins(conn, bearing)
        held = holders.lock(conn, {holder for holder, _ in origins.values()})
        conclude(conn, held, origins, [(claim.key, outcome) for claim, outcome in final], lost[0][0].now)
    return [Settlement(claim, outcome) for claim, outcome in final]


def count(conn: Connection, ended: Sequence[tuple[Claim, Outcome]], now: datetime) -> None:
    """Of which event these are is still to be found out."""
    tallies.add(conn, tallies.of_outcomes(conn, [(*one, None) for one in ended], now))


def conclude(
    conn: Connection,
    held: Collection[Held],
    origins: dict[tuple[str, UUID], tuple[Holder, str]],
    ended: Sequence[tuple[tuple[str, UUID], Outcome]],
    now: datetime,
) -> bool:
    """What the ends of these deliveries mean for the slots of their notifications."""
    if not held:
        return False
    ends = [
        Ended(*origins[key], sent=outcome.result is Result.SENT)
        for key, outcome in ended
        if outcome.final and key in origins
    ]
    return holders.conclude(conn, held, ends, now)


def _take_out_or_put_back(conn: Connection, settlements: Sequence[Settlement]) -> list[Settlement]:
    """Those that were still ours, with what they came to; what was cancelled meanwhile is not put back."""
    codes = fenced.take_out(conn, [s.claim for s in settlements if s.outcome.final])
    codes |= fenced.put_back(conn, [(s.claim, s.outcome) for s in settlements if not s.outcome.final])
    kept = []
    called_off = []
    for s in settlements:
        if s.key not in codes:
            continue
        code = codes[s.key]
        if code is None:
            kept.append(s)
        else:
            kept.append(s._replace(outcome=cancelled_meanwhile(s.outcome, code)))
            if not s.outcome.final:
                called_off.append(s.claim)
    fenced.take_out(conn, called_off)
    return kept


# ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────────────


def write(conn: Connection, ended: Sequence[tuple[Claim, Outcome]], *, at: datetime) -> None:
    """What these claims came to. Whether they are still ours is for the caller to know."""
    inserting.many(
        conn,
        outcomes,
        _OUTCOME,
        [
            (
                claim.tenant,
                claim.delivery_id,
                claim.fence,
                claim.attempts + int(outcome.spent),
                at,
                outcome.result.value,
                outcome.final,
                outcome.code,
                outcome.detail,
                int(outcome.duration.total_seconds() * 1000),
                outcome.receipt,
            )
            for claim, outcome in ended
        ],
    )
    changes.tell_deliveries(conn, ended, at)
