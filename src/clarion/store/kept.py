"""Why something that is old is kept all the same: one named condition for each reason.

Each is asked of a row by look-ups in indexes alone. `OFFSET 0` holds PostgreSQL to that: it would rather read a whole
table once than look up a few rows in one that was never analysed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from clarion import ids
from clarion.retention import AUDIT_KEPT
from clarion.store.schema import (
    BLOCKED,
    addresses,
    audit,
    conditions,
    deliveries,
    digest_members,
    digests,
    events,
    notifications,
    outcomes,
    queue,
    recipients,
    selections,
    silences,
    slots,
    withdrawals,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What came to its end `before` this instant may go; `now` is when it is asked."""

    now: datetime
    before: datetime

    @property
    def id(self) -> UUID:
        """Below it lie the ids of what was made before; all others need not be looked at."""
        return ids.from_parts(int(self.before.timestamp() * 1000), 0)


_PAGE = timedelta(hours=1)  # longer than any page of fan-out takes from the use of an address to its end

Reason = Callable[[Cut], ColumnElement[bool]]


def _any(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return sa.select(sa.literal(1)).where(*conditions).offset(0).exists()


# ── Of an event ──────────────────────────────────────────────────────────────────────────────────────────


def _walked_lately(cut: Cut) -> ColumnElement[bool]:
    """It is not walked to its end, or was after the cut."""
    return sa.or_(
        events.c.due_at.is_not(None), sa.func.coalesce(events.c.walked_at, events.c.at) >= cut.before
    )


def _of_condition(cut: Cut) -> ColumnElement[bool]:
    """It opened, or made worse, a condition that is open; or opened one that has ended since."""
    same = (conditions.c.tenant == events.c.tenant, conditions.c.condition == events.c.condition)
    told_by = sa.or_(conditions.c.event_id == events.c.id, conditions.c.escalated_by == events.c.id)
    opened = (conditions.c.tenant == events.c.tenant, conditions.c.event_id == events.c.id)
    ended = sa.or_(conditions.c.resolved_at.is_(None), conditions.c.resolved_at >= cut.before)
    return sa.or_(_any(*same, conditions.c.resolved_at.is_(None), told_by), _any(*opened, ended))


def _to_take_back(_cut: Cut) -> ColumnElement[bool]:
    """It was cancelled, which is not applied yet."""
    its = (withdrawals.c.tenant == events.c.tenant, withdrawals.c.event_id == events.c.id)
    return _any(*its, withdrawals.c.applied_at.is_(None))


EVENT: Mapping[str, Reason] = {
    "walked lately": _walked_lately,
    "of a condition": _of_condition,
    "to take back": _to_take_back,
}

# ── Of a notification: its event is kept, whole ──────────────────────────────────────────────────────────


def _saved(_cut: Cut) -> ColumnElement[bool]:
    return sa.and_(notifications.c.saved_at.is_not(None), notifications.c.deleted_at.is_(None))


def _snoozed(_cut: Cut) -> ColumnElement[bool]:
    """Also beyond its time: until it is back."""
    return notifications.c.snoozed_until.is_not(None)


def _came_lately(cut: Cut) -> ColumnElement[bool]:
    """It came, or came back, after the cut."""
    return sa.and_(notifications.c.visible, notifications.c.place >= cut.id)


def _delivered_lately(cut: Cut) -> ColumnElement[bool]:
    """A delivery of it waits, is being sent, or has come to its end after the cut."""
    its = (
        deliveries.c.tenant == notifications.c.tenant,
        deliveries.c.notification_id == notifications.c.id,
    )
    return _any(*its, _not_over(cut))


def _not_over(cut: Cut) -> ColumnElement[bool]:
    """Of a delivery. What a person had sent once more has a final outcome, and waits."""
    its = (outcomes.c.tenant == deliveries.c.tenant, outcomes.c.delivery_id == deliveries.c.id)
    queued = _any(queue.c.tenant == deliveries.c.tenant, queue.c.delivery_id == deliveries.c.id)
    return sa.or_(queued, ~_any(*its, outcomes.c.final), _any(*its, outcomes.c.at >= cut.before))


def _in_digest(cut: Cut) -> ColumnElement[bool]:
    """It is in a digest that is open, or has come to its end after the cut."""
    member = (
        digest_members.c.tenant == notifications.c.tenant,
        digest_members.c.notification_id == notifications.c.id,
    )
    whole = (digests.c.tenant == digest_members.c.tenant, digests.c.id == digest_members.c.digest_id)
    return _any(*member, _any(*whole, _digest_not_over(cut)))


def _digest_not_over(cut: Cut) -> ColumnElement[bool]:
    sent_as = (deliveries.c.tenant == digests.c.tenant, deliveries.c.digest_id == digests.c.id)
    return sa.or_(
        digests.c.closed_at.is_(None), digests.c.closed_at >= cut.before, _any(*sent_as, _not_over(cut))
    )


def _holds_slot(cut: Cut) -> ColumnElement[bool]:
    its = (slots.c.tenant == notifications.c.tenant, slots.c.holder == notifications.c.id)
    return _any(*its, sa.or_(slots.c.until.is_(None), slots.c.until > cut.now))


def _waits_for_slot(_cut: Cut) -> ColumnElement[bool]:
    """A slot stopped it whose holder may yet end unsent: then it is told instead."""
    theirs = (slots.c.tenant == notifications.c.tenant, slots.c.recipient == notifications.c.recipient)
    may_end_unsent = (slots.c.until.is_(None), slots.c.blocked_since <= notifications.c.created_at)
    return sa.and_(sa.text(BLOCKED), _any(*theirs, *may_end_unsent))


NOTIFICATION: Mapping[str, Reason] = {
    "saved": _saved,
    "snoozed": _snoozed,
    "came lately": _came_lately,
    "delivered lately": _delivered_lately,
    "in a digest": _in_digest,
    "holds a slot": _holds_slot,
    "waits for a slot": _waits_for_slot,
}

# ── Of what is left when events are gone ─────────────────────────────────────────────────────────────────


def _digest_in_use(cut: Cut) -> ColumnElement[bool]:
    members = (digest_members.c.tenant == digests.c.tenant, digest_members.c.digest_id == digests.c.id)
    return sa.or_(_digest_not_over(cut), _any(*members))


def _withdrawal_in_use(cut: Cut) -> ColumnElement[bool]:
    """It was applied after the cut, or something is there that it bears on."""
    same = events.c.tenant == withdrawals.c.tenant
    earlier = events.c.id < withdrawals.c.id
    return sa.or_(
        withdrawals.c.applied_at.is_(None),
        withdrawals.c.applied_at >= cut.before,
        _any(same, events.c.id == withdrawals.c.event_id),
        _any(same, events.c.subject == withdrawals.c.subject, earlier),
        _any(same, events.c.condition == withdrawals.c.condition, earlier, events.c.repeat_of.is_(None)),
    )


def _silence_in_use(cut: Cut) -> ColumnElement[bool]:
    return silences.c.ends_at >= cut.before


def _one_off_in_use(cut: Cut) -> ColumnElement[bool]:
    """It was in an audience about the cut or later; or is dead, which would be forgotten with it; or is of somebody."""
    somebody = (recipients.c.tenant == addresses.c.tenant, recipients.c.id == addresses.c.recipient)
    return sa.or_(
        addresses.c.used_at >= cut.before - _PAGE, addresses.c.gone_at.is_not(None), _any(*somebody)
    )


def _selection_in_use(cut: Cut) -> ColumnElement[bool]:
    """It was confirmed, and not carried out before the cut; what was not confirmed is forgotten soon, and not here."""
    return sa.or_(selections.c.finished_at.is_(None), selections.c.finished_at >= cut.before)


def _audit_in_use(cut: Cut) -> ColumnElement[bool]:
    return audit.c.at >= cut.now - AUDIT_KEPT


LEFTOVER: Mapping[sa.Table, Reason] = {
    digests: _digest_in_use,
    withdrawals: _withdrawal_in_use,
    silences: _silence_in_use,
    addresses: _one_off_in_use,
    selections: _selection_in_use,
    audit: _audit_in_use,
}


# The same for a whole round, and more work to write than to run.


@lru_cache(maxsize=16)
def event(cut: Cut) -> ColumnElement[bool]:
    """Whether an event is kept for its own sake."""
    return sa.or_(*(reason(cut) for reason in EVENT.values()))


@lru_cache(maxsize=16)
def notification(cut: Cut) -> ColumnElement[bool]:
    """Whether an event is kept for the sake of this notification."""
    return sa.or_(*(reason(cut) for reason in NOTIFICATION.values()))
