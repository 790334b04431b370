"""Handing out what was claimed to be fetched: every gate is asked again, slots are charged, words are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from clarion import telemetry, tracing
from clarion.delivery import Claim, Outcome, given_back
from clarion.errors import said
from clarion.message import Message
from clarion.slot import OWES
from clarion.store import outcomes
from clarion.store.outcomes import Settlement
from clarion.store.queue import Work
from clarion.workers import aftermath, asking, attempting, charging
from clarion.workers.asking import Group, Ready
from clarion.workers.wiring import ApplicationFailed, Wiring


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery to be shown now. `claim` tells this claim from any later one: settle with it."""

    delivery: UUID
    claim: int
    lease_until: datetime
    address: str
    message: Message


def wanted(wiring: Wiring, channel: str, claims: Sequence[Claim], lease: timedelta) -> list[Claimed]:
    """Those of these that are still wanted; the others come to what the gates say. Whatever fails, none is kept."""
    left = {claim.key: claim for claim in claims}
    refused: list[Settlement] = []
    found: list[Claimed] = []
    try:
        read = wiring.database.look_up(lambda conn: asking.read(conn, claims, wiring.types, {}))
        refused += [Settlement(work.claim, outcome) for work, outcome in read.refused]
        for group in read.groups:
            ready, others = _asked(wiring, channel, group)
            refused += [_settlement(group, work, outcome) for work, outcome in others]
            for one in ready:
                shown_ = _written(wiring, channel, one, lease)
                if isinstance(shown_, Claimed):
                    found.append(shown_)
                    left.pop(one.work.claim.key)
                else:
                    refused.append(_settlement(group, one.work, shown_))
    finally:
        for one_refused in refused:
            left.pop(one_refused.claim.key, None)
        back = [Settlement(claim, given_back()) for claim in left.values()]
        if refused or back:
            settled = wiring.database.run(lambda conn: outcomes.settle(conn, [*refused, *back]))
            aftermath.of_outcomes(wiring.hooks, channel, settled)
    return found


def _settlement(group: Group, work: Work, outcome: Outcome) -> Settlement:
    return Settlement(work.claim, outcome, work.address_id, group.event, work.recipient)


def _asked(wiring: Wiring, channel: str, group: Group) -> tuple[list[Ready], list[tuple[Work, Outcome]]]:
    """As a sender asks: who may still know, then every gate, and for room where a slot is owed."""
    try:
        group = _with_access(wiring, channel, group)
    except ApplicationFailed as error:
        ready, refused = asking.ask(group, channel)
        return [], [*refused, *((one.work, asking.unanswered(one.work, error)) for one in ready)]
    ready, refused = asking.ask(group, channel)
    charged = any(rule.concerns(channel) for rule in group.type.policy.rules)
    owing = [one for one in ready if charged and one.work.claim.slots == OWES]
    if owing:
        paid, others = wiring.database.run(lambda conn: charging.charge(conn, group, channel, owing))
        ready = [one for one in ready if one not in owing] + paid
        refused = [*refused, *others]
    return ready, refused


def _with_access(wiring: Wiring, channel: str, group: Group) -> Group:
    check = group.type.access
    if check is None:
        return group
    ids = [work.recipient for work in group.works]
    about = partial(telemetry.about, group.event, channel=channel)
    try:
        with telemetry.Meanwhile(about), tracing.calling("access", group.event):
            allowed = frozenset(check(group.event, ids, wiring.application))
    except Exception as error:
        raise ApplicationFailed(said(error)) from error
    return replace(group, facts=replace(group.facts, with_access=allowed))


def _written(wiring: Wiring, channel: str, ready: Ready, lease: timedelta) -> Claimed | Outcome:
    claim = ready.work.claim
    try:
        message = attempting.message_of(ready, channel, wiring.renderer)
    except Exception as error:  # noqa: BLE001 - as in an attempt, whatever it is is an outcome
        return attempting.failed(claim, error, ready.type.policy.retries)
    return Claimed(
        delivery=claim.delivery_id,
        claim=claim.fence,
        lease_until=claim.now + lease,
        address=ready.address.value,
        message=message,
    )
