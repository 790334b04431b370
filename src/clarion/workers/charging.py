"""Charging what was held for want of a slot: it takes one before it is sent, or waits on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion.delivery import Outcome, given_back, held
from clarion.gates import CHARGES, Decision, Suppress
from clarion.plan import Planned, plan
from clarion.slot import HOLDS
from clarion.store import dialect, fenced, notifications, outcomes, slots
from clarion.store.outcomes import Settlement
from clarion.store.queue import Work
from clarion.workers import asking, facts
from clarion.workers.asking import Group, Ready
from clarion.workers.facts import Asked

_LOOK_AGAIN = timedelta(minutes=1)
_CHARGES = frozenset(gate.__name__ for gate in CHARGES)


def charge(
    conn: Connection, group: Group, channel: str, owing: Sequence[Ready]
) -> tuple[list[Ready], list[tuple[Work, Outcome]]]:
    """Take the slots that these deliveries of the group owe: those that may be sent now, and what became of others.

    In one transaction, which locks as planning does: recipients, then slots, then the queue. What finds no room is
    put back in it as well, so that whoever makes room afterwards finds it waiting, and wakes it.
    """
    now = dialect.read_now(conn)
    answers, lost = _take(conn, group, channel, owing, now)
    ready: list[Ready] = []
    refused: list[tuple[Work, Outcome]] = []
    waiting: list[Settlement] = []
    for one in owing:
        answer = answers[one.work.notification_id]
        refusal = asking.refused_by(answer, channel, now)
        room_at = _look_again(answer.decision(channel), now)
        if one.work.claim.key in lost:
            refused.append((one.work, given_back()))
        elif room_at is not None:
            waiting.append(Settlement(one.work.claim, held(*room_at)))
        elif refusal is not None:
            refused.append((one.work, refusal))
        else:
            paid = one.work.claim._replace(slots=HOLDS)
            ready.append(one._replace(work=one.work._replace(claim=paid)))
    outcomes.settle(conn, waiting)
    return ready, refused


def _take(
    conn: Connection, group: Group, channel: str, owing: Sequence[Ready], now: datetime
) -> tuple[Mapping[UUID, Planned], set[tuple[str, UUID]]]:
    """Decide, charging this channel alone, and take what there is room for; the answer for each notification, and
    the deliveries, (tenant, id), that would have had room and are another process's by now."""
    event, type = group.event, group.type
    works = {one.work.notification_id: one.work for one in owing}
    asked = Asked(
        event=event,
        type=type,
        recipients=[work.recipient for work in works.values()],
        with_access=group.facts.with_access,
    )
    (known,), taken = facts.read(conn, [asked], now)
    known = replace(known, charged_on={channel})
    candidates = [asking.candidate(work, channel) for work in works.values()]
    decided = plan(event, type, candidates, known, now)
    answers = dict(zip(works, decided.planned, strict=True))
    paying = [one.work for one in owing if _has_room(answers[one.work.notification_id], channel)]
    ours = fenced.now_hold(conn, [work.claim for work in paying])
    holders = {work.notification_id for work in paying if work.claim.key in ours}
    takings = [t for id in holders for t in notifications.takings(event.tenant, id, answers[id])]
    slots.take(conn, takings, taken, now)
    blocked = {(event.tenant, recipient, key) for recipient, key in decided.blocked}
    slots.block(conn, blocked, min(work.created_at for work in works.values()))
    return answers, {work.claim.key for work in paying} - ours


def _has_room(answer: Planned, channel: str) -> bool:
    decision = answer.decision(channel)
    return decision is not None and decision.told and not decision.owes


def _look_again(decision: Decision | None, now: datetime) -> tuple[str, timedelta] | None:
    """The gate by which it waits for room, and how long at most; `None` if it need not, or need not any more.

    A cooldown refuses it for good once somebody was told; as long as they may fail, it waits for that.
    """
    if decision is None or decision.gate is None:
        return None
    if decision.owes and decision.until is not None:
        return decision.gate, decision.until - now
    verdict = decision.verdict
    pending = isinstance(verdict, Suppress) and decision.gate in _CHARGES and verdict.values["until"] is None
    return (decision.gate, _LOOK_AGAIN) if pending else None
